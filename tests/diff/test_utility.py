"""utility: a loss that falls on units that nobody else looks at is a gain, and negative."""

from __future__ import annotations

import pytest
from tests.diff.build import context, said, sample, tokens

from tunegate.diff import Answers
from tunegate.diff.scores import score_query
from tunegate.diff.utility import Utility
from tunegate.models.queries import ScoreAnswer
from tunegate.types import Measurement

PROBE = Utility()


def measured(change: list[float], *, unit: int = 1) -> Measurement:
    """Per record, by how much its log-probability rises."""
    samples = [sample(f"u{i}", "utility", unit=f"u{i // unit}") for i in range(len(change))]
    base = {score_query(s): said(-2.0, -4.0) for s in samples}
    tuned = {score_query(s): said(-2.0 + c, -4.0 + c) for s, c in zip(samples, change, strict=True)}
    [one] = PROBE.measure(context(samples=samples), Answers(base, tuned)).measurements
    return one


def test_a_model_that_answers_better_has_a_negative_effect() -> None:
    one = measured([0.5 + 0.01 * i for i in range(24)])
    assert one.base == 3.0
    assert one.tuned == pytest.approx(3.0 - 0.615)
    assert one.effect == pytest.approx(-0.615)
    assert one.interval is not None
    assert one.interval[1] < 0
    assert one.p is not None
    assert one.p < 0.001


def test_a_model_that_answers_worse_has_a_positive_one() -> None:
    one = measured([-0.5, -0.7, -0.6])
    assert one.effect == pytest.approx(0.6)
    assert one.interval is None  # three units cannot carry one
    assert one.p == pytest.approx(0.25)  # 2 of 8 sign patterns


def test_what_was_cut_off_counts_for_nothing() -> None:
    samples = [sample(f"u{i}", "utility") for i in range(25)]
    gone = ScoreAnswer(target=tokens([]))
    base = {score_query(s): said(-2.0, -4.0) for s in samples}
    tuned = {score_query(s): said(-1.0, -3.0) for s in samples}
    for one in samples[:5]:
        base[score_query(one)] = tuned[score_query(one)] = gone
    [found] = PROBE.measure(context(samples=samples), Answers(base, tuned)).measurements
    assert (found.n, found.base, found.effect) == (20, 3.0, -1.0)


def test_no_change_is_silent() -> None:
    one = measured([0.1, -0.1] * 12)
    assert one.effect == pytest.approx(0.0, abs=1e-12)
    assert one.p is not None
    assert one.p > 0.5


def test_records_of_a_unit_count_once() -> None:
    one = measured([0.4, 0.2, 0.0, 0.0], unit=2)
    assert one.n == 2
    assert one.effect == pytest.approx(-0.15)


def test_other_sides_are_not_looked_at() -> None:
    samples = [sample("m", "member"), sample("h", "held_out"), sample("a", "always")]
    assert PROBE.plan(context(samples=samples)) == []
    [one] = PROBE.measure(context(samples=samples), Answers({}, {})).measurements
    assert not one.scored
    assert one.reason is not None
    assert one.reason.code == "no_utility_units"
