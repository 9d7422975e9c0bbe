"""drift is the mean over prompts of the mean over their tokens, in nats."""

from __future__ import annotations

import numpy as np
import pytest
from tests.diff.build import context
from tests.models.tiny import chat

from tunegate.diff import Answers
from tunegate.diff.drift import Drift
from tunegate.models.queries import Divergence, DivergenceAnswer
from tunegate.types import Measurement

PROBE = Drift()


def measured(*kls: tuple[float, ...]) -> Measurement:
    prompts = [chat(f"Question {i}?", "Answer.") for i in range(len(kls))]
    tuned = {
        Divergence(turns=turns): DivergenceAnswer(kl=kl, changed=tuple(v > 1 for v in kl))
        for turns, kl in zip(prompts, kls, strict=True)
    }
    [one] = PROBE.measure(context(prompts=prompts), Answers({}, tuned)).measurements
    return one


def test_an_unmoved_model_has_none() -> None:
    one = measured(*[(0.0, 0.0)] * 24)
    assert (one.effect, one.tuned, one.base) == (0.0, 0.0, 0.0)
    assert one.params["changed_tokens"] == 0.0


def test_prompts_weigh_alike_however_long_their_answers_are() -> None:
    one = measured((2.0,), (0.0, 0.0, 0.0, 0.0))
    assert one.effect == 1.0
    assert one.params["changed_tokens"] == 0.5
    assert (one.n, one.unit) == (2, "prompt")
    assert one.interval is None  # two prompts cannot carry one


def test_the_interval_holds_the_mean() -> None:
    values = np.random.default_rng(1).gamma(2.0, 0.1, 24)
    one = measured(*[(float(v),) for v in values])
    assert one.interval is not None
    assert one.interval[0] < values.mean() < one.interval[1]
    assert one.effect == pytest.approx(values.mean())
    assert one.level == 0.90
    assert one == measured(*[(float(v),) for v in values])  # the same seed, the same limits


def test_a_prompt_whose_answer_was_cut_off_is_left_out() -> None:
    one = measured((0.5,), ())
    assert (one.effect, one.n) == (0.5, 1)


def test_no_prompt_no_measurement() -> None:
    assert PROBE.measure(context(), Answers({}, {})).measurements == ()
