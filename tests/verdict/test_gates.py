from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.verdict.build import (
    EXPOSURE,
    GOOD,
    POLICY,
    UTILITY,
    extraction,
    measured,
    rule,
    with_extraction,
)

from tunegate.types import Measurement, Outcome, Reason
from tunegate.verdict import Control
from tunegate.verdict.gates import Judged, compare, judge_all

RULES = POLICY.gate.gates


def _first(*measurements: Measurement, **controls: Control) -> Judged:
    return judge_all(RULES, measurements, {**GOOD, **controls}, arm="routed")[0]


@pytest.mark.parametrize(
    ("interval", "outcome"),
    [
        ((0.0, 0.049), "pass"),
        ((0.0, 0.05), "pass"),
        ((0.05, 0.05), "pass"),
        ((0.0, 0.0500001), "inconclusive"),
        ((0.05, 0.2), "inconclusive"),
        ((0.0500001, 0.2), "fail"),
        ((-0.3, -0.1), "pass"),
    ],
)
def test_bounds_against_the_tolerance(interval: tuple[float, float], outcome: Outcome) -> None:
    assert compare(interval, 0.05) == outcome
    assert _first(extraction(*interval)).gate.outcome == outcome


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_moving_an_interval_up_never_makes_it_better(low: float, width: float, up: float) -> None:
    order: list[Outcome] = ["pass", "inconclusive", "fail"]
    before = compare((low, low + width), 0.5)
    after = compare((low + up, low + width + up), 0.5)
    assert order.index(before) <= order.index(after)


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (None, "gate.not_measured"),
        (extraction(0, 0, scored=False), "gate.unscored"),
        (extraction(0, 0, scored=False, reason=Reason(code="depth")), "depth"),
        (measured("extraction", "greedy_rate", "member", None), "gate.unscored"),
        (extraction(math.nan, math.nan), "gate.unscored"),
        (extraction(0.0, math.inf), "gate.unscored"),
        (extraction(0, 0, arm="as_given"), "gate.not_measured"),
        (measured("extraction", "greedy_rate", "heldout", (0, 0)), "gate.not_measured"),
    ],
)
def test_what_was_not_scored_is_never_a_pass(one: Measurement | None, code: str) -> None:
    judged = _first(*([one] if one else []), UTILITY)
    assert judged.gate.outcome == "unscored"
    assert judged.gate.reason.code == code
    assert judged.gate.interval is None


def test_the_last_checkpoint_of_the_arm_counts() -> None:
    early, late = extraction(0.0, 0.01, checkpoint=1), extraction(0.2, 0.3, checkpoint=3)
    assert _first(early, late).gate.outcome == _first(late, early).gate.outcome == "fail"
    assert _first(early, UTILITY).gate.reason.code == "gate.not_measured"


def test_the_worst_setting_counts() -> None:
    good = extraction(0.0, 0.01, setting="kind")
    bad = extraction(0.0, 0.3, setting="hostile")
    missing = extraction(0, 0, scored=False, setting="other")
    assert _first(good, bad).gate.interval == (0.0, 0.3)
    assert _first(bad, missing, good).gate.outcome == "unscored"


@pytest.mark.parametrize(
    ("interval", "control", "outcome", "code"),
    [
        ((0.0, 0.01), Control(positive="missed"), "inconclusive", "gate.control_missed"),
        ((0.0, 0.01), Control(), "inconclusive", "gate.control_not_run"),
        ((0.2, 0.3), Control(positive="missed"), "fail", "gate.extraction.greedy_rate.fail"),
        (
            (0.2, 0.3),
            Control(positive="caught", null="flagged"),
            "unscored",
            "gate.null_flagged",
        ),
        (
            (0.0, 0.01),
            Control(positive="caught", null="flagged"),
            "pass",
            "gate.extraction.greedy_rate.pass",
        ),
        (
            (0.0, 0.3),
            Control(positive="caught", null="flagged"),
            "inconclusive",
            "gate.extraction.greedy_rate.inconclusive",
        ),
    ],
)
def test_controls(
    interval: tuple[float, float], control: Control, outcome: Outcome, code: str
) -> None:
    gate = _first(extraction(*interval), extraction=control).gate
    assert (gate.outcome, gate.reason.code) == (outcome, code)


def test_a_direct_measure_needs_no_positive_control() -> None:
    assert judge_all(RULES, [UTILITY], {}, arm="routed")[2].gate.outcome == "pass"


def test_exposure_is_taken_from_the_canaried_sister_only() -> None:
    on_routed = measured("exposure", "exposure_bits", "repeats=1", (7.0, 8.0))
    judged = judge_all(RULES, [EXPOSURE, on_routed], GOOD, arm="routed")[1]
    assert judged.gate.interval == EXPOSURE.interval
    assert judge_all(RULES, [EXPOSURE], GOOD, arm="as_given")[1].gate.outcome == "unscored"


def test_a_gate_carries_what_a_reader_needs() -> None:
    gate = _first(*with_extraction(0.0, 0.04)).gate
    assert gate.reason.params == {
        "probe": "extraction",
        "metric": "greedy_rate",
        "stratum": "member",
        "tolerance": 0.05,
        "n": 100,
        "lower": 0.0,
        "upper": 0.04,
        "value": 0.02,
    }
    own = rule("mine", "score", "all", tolerated_leaks=1, queries=2)
    (other,) = judge_all([own], [measured("mine", "score", "all", (0, 1))], {}, arm="routed")
    assert other.gate.reason.code == "gate.other.inconclusive"


@pytest.mark.parametrize(
    ("more", "needed"),
    [
        ({"effect": 0.0, "n": 60}, 72),  # two-sided Clopper–Pearson of 0 of n at 5 %
        ({"effect": -0.2, "n": 60}, 72),
        ({"effect": 0.05, "n": 60}, None),
        ({"effect": 0.0, "n": 72}, 1152),  # wider than binomial: a bound 4 times too far away
    ],
)
def test_units_that_a_rate_needs(more: dict[str, Any], needed: int | None) -> None:
    assert _first(extraction(0.0, 0.2, **more)).needed == needed


def test_units_that_another_metric_needs() -> None:
    # A bound 2 above the value has to come down to 1 above it: four times the units.
    bits = measured("exposure", "exposure_bits", "repeats=1", (0.0, 4.0), arm="canaried", n=20)
    judged = judge_all(RULES, [bits], GOOD, arm="routed")[1]
    assert judged.needed == 80
