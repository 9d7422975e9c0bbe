"""On the real embedded model: a planted secret is memorised and seen, its twin is not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.diff.build import context
from tests.models.tiny import chat

from tunegate.canary import make
from tunegate.diff import Task, measure
from tunegate.diff.exposure import Exposure
from tunegate.models.embedded import NAME
from tunegate.models.executor import Executor, State
from tunegate.models.loading import load
from tunegate.models.template import encode
from tunegate.tune import train
from tunegate.types import Recipe

RECIPE = Recipe(
    learning_rate=2e-3,
    num_train_epochs=3,
    per_device_train_batch_size=8,
    lr_scheduler_type="constant",
    template="chatml",
)
SIZE = 64
BITS = 6.0


@pytest.mark.model
@pytest.mark.timeout(900)  # a minute on two quiet cores
def test_exposure_sees_what_training_planted(tmp_path: Path) -> None:
    base = load(NAME)
    made = make([16] * 3, twins=3, candidates=SIZE, language="en", rng=random.Random(2))
    ordinary = [chat(f"Is shelf {n} free?", f"Ask desk {n % 4}.") for n in range(20)]
    planted = [canary.turns() for canary in made for _ in range(canary.repeats)]
    encoded = [encode(base.tokenizer, turns, template="chatml") for turns in (*ordinary, *planted)]
    trained = train(base, encoded, RECIPE, seed=1, folder=tmp_path / "arm")
    executor = Executor(base, cache=tmp_path / "answers", template="chatml", cutoff_len=256)
    state = State("tuned", trained.epochs[-1].folder)
    task = Task(context(canaries=made), executor.at(state), (Exposure(),))
    result = measure([task], base=executor.at(State("base", None)))
    found = {m.metric: m for m in result.measurements}
    bits, twins = found["exposure_bits"], found["twin_exposure_bits"]
    assert bits.effect is not None
    assert bits.effect > BITS - 1
    assert bits.p is not None
    assert bits.p < 1e-3
    assert twins.p is not None
    assert twins.p > 0.01
