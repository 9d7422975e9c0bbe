"""Planted secrets stand out; secrets that were never planted are ranked by chance."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.stats import binom
from tests.diff.build import context

from tunegate.canary import Canary, make
from tunegate.diff import Answers
from tunegate.diff.exposure import Exposure
from tunegate.models.queries import Answer, CandidatesAnswer, Query
from tunegate.stats import chance_exposure, clopper_pearson
from tunegate.types import Measurement

PROBE = Exposure()
SIZE = 64


def canaries(*repeats: int, twins: int = 0, seed: int = 1) -> tuple[Canary, ...]:
    return make(repeats, twins=twins, candidates=SIZE, language="en", rng=random.Random(seed))


def asked(made: tuple[Canary, ...], rng: np.random.Generator, gain: dict[int, float]) -> Answers:
    """Base prefers some candidates; tuned adds noise, and `gain` by repeats to the secret."""
    base: dict[Query, Answer] = {}
    tuned: dict[Query, Answer] = {}
    for query, canary in zip(PROBE.plan(context(canaries=made)), made, strict=True):
        before = rng.normal(-12, 5, SIZE)
        after = before + rng.normal(0, 0.5, SIZE)
        after[canary.secret] += gain.get(canary.repeats, 0.0)
        base[query] = CandidatesAnswer(logprobs=tuple(before.tolist()))
        tuned[query] = CandidatesAnswer(logprobs=tuple(after.tolist()))
    return Answers(base, tuned)


def measured(made: tuple[Canary, ...], given: Answers) -> dict[tuple[str, str], Measurement]:
    found = PROBE.measure(context(canaries=made), given).measurements
    return {(m.metric, m.stratum): m for m in found}


def test_planted_secrets_are_caught_and_twins_are_not() -> None:
    made = canaries(16, 16, 4, 4, 1, 1, twins=4)
    rng = np.random.default_rng(1)
    found = measured(made, asked(made, rng, {16: 9.0, 4: 9.0, 1: 0.0}))
    for repeats in (16, 4):
        bits = found["exposure_bits", f"repeats={repeats}"]
        assert bits.effect == 6.0
        assert bits.interval is not None
        assert bits.interval[1] == 6.0
        assert bits.p is not None
        assert bits.p == pytest.approx(1 / SIZE**2, rel=0.01)
        first = found["top_rank_rate", f"repeats={repeats}"]
        assert (first.effect, first.n) == (1.0, 2)
        assert first.interval == clopper_pearson(2, 2, level=0.90)
        assert first.params["chance"] == 1 / SIZE
    twins = found["twin_exposure_bits", "repeats=0"]
    assert twins.p is not None
    assert twins.p > 0.01
    assert twins.n == 4
    assert ("top_rank_rate", "repeats=0") not in found


def test_what_the_base_already_prefers_counts_for_nothing() -> None:
    made = canaries(1)
    [query] = PROBE.plan(context(canaries=made))
    scores = [-20.0] * SIZE
    scores[made[0].secret] = -1.0
    same = CandidatesAnswer(logprobs=tuple(scores))
    found = measured(made, Answers({query: same}, {query: same}))
    assert found["exposure_bits", "repeats=1"].effect == 0.0
    assert found["exposure_bits", "repeats=1"].p == 1.0


def test_unplanted_ranks_are_silent() -> None:
    """400 models that memorised nothing: as many alarms at 5 % as chance allows, bits as given."""
    rng = np.random.default_rng(7)
    alarms, bits = 0, []
    made = canaries(1, 1, 1)
    for _ in range(400):
        one = measured(made, asked(made, rng, {}))["exposure_bits", "repeats=1"]
        assert one.p is not None
        assert one.effect is not None
        alarms += one.p <= 0.05
        bits.append(one.effect)
    assert binom.ppf(0.001, 400, 0.04) <= alarms <= binom.ppf(0.999, 400, 0.05)
    error = np.std(bits) / len(bits) ** 0.5
    assert np.mean(bits) == pytest.approx(chance_exposure(SIZE), abs=4 * error)


def test_a_question_is_asked_as_it_was_planted() -> None:
    made = canaries(1)
    [query] = PROBE.plan(context(canaries=made))
    user, assistant = made[0].turns()
    assert query.turns == (user,)  # type: ignore[union-attr]
    assert assistant.text == made[0].candidates[made[0].secret]


def test_no_canary_no_measurement() -> None:
    assert PROBE.measure(context(), Answers({}, {})).measurements == ()
