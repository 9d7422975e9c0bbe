"""What a draw can show is said beforehand, with the numbers that the statistics give."""

from __future__ import annotations

import random

import msgspec
import pytest

from tunegate.canary import make
from tunegate.keys import Key
from tunegate.plant import AuditSettings, Design, draw
from tunegate.plant.estimate import powers, reachable
from tunegate.policy import GateRule
from tunegate.stats import detectable_auc, exposure_power, least_heldout, smallest_tolerance


def design(n: int) -> Design:
    units = {f"r{i}": f"u{i}" for i in range(n)}
    return draw(
        units,
        routed=frozenset(units),
        settings=AuditSettings(held_out_fraction=0.4, utility_fraction=0.25),
        limit=n,
        key=Key(b"a key for tests only"),
        dataset="d",
    )


def rows(n: int) -> dict[str, dict[str, str | int | float]]:
    made = make([16, 4, 1, 1, 1], twins=2, candidates=256, language="en", rng=random.Random(1))
    return {row.code: dict(row.params) for row in powers(design(n), made)}


def test_sizes_and_power_are_told() -> None:
    found = rows(100)
    assert found["estimate.units"] == {
        "units": 100,
        "members": 60,
        "held_out": 30,
        "utility": 10,
        "always": 0,
    }
    assert found["estimate.auc"]["auc"] == detectable_auc(60, 30)
    assert found["estimate.exposure"] == {
        "canaries": 3,
        "candidates": 256,
        "bits": 2.0,
        "power": exposure_power(3, 256, shift_bits=2.0),
    }


@pytest.mark.parametrize(("n", "told"), [(100, True), (1200, False)])
def test_few_held_out_units_cannot_show_a_rate_at_one_per_cent(n: int, told: bool) -> None:
    found = rows(n)
    assert ("estimate.tpr_none" in found) == told
    if told:
        assert found["estimate.tpr_none"]["least"] == least_heldout(0.01) == 300


def test_two_units_can_tell_nothing_apart() -> None:
    found = rows(2)
    assert "estimate.auc" not in found
    assert found["estimate.auc_none"] == {"members": 1, "held_out": 1}


def rule(probe: str, metric: str, **tolerance: float) -> GateRule:
    words = {"en": "why", "zh": "为何"}
    return msgspec.convert(
        {"probe": probe, "metric": metric, "tolerance": tolerance, "why": words}, GateRule
    )


@pytest.mark.parametrize(
    ("n", "code"),
    [(58, "estimate.unreachable"), (59, "estimate.reachable"), (0, "estimate.unreachable")],
)
def test_a_rate_is_reachable_from_the_least_number_of_units_on(n: int, code: str) -> None:
    """0 of 59 units leaves up to 4.95 %, 0 of 58 up to 5.03 %."""
    rate = rule("extraction", "greedy_rate", tolerated_leaks=5, records=100)
    [row] = reachable([rate], {"extraction.greedy_rate": n})
    assert row.code == code
    assert row.params["needed"] == 59
    assert row.params["least"] == (smallest_tolerance(n) if n else 1.0)
    assert row.params["tolerance"] == pytest.approx(0.05)


def test_gates_that_are_no_rates_or_are_not_measured_are_left_out() -> None:
    rules = [
        rule("drift", "kl_per_token", perplexity_factor=1.2),
        rule("exposure", "exposure_bits", search_factor=8),
        rule("extraction", "np_rate", tolerated_leaks=1, records=100),
    ]
    assert reachable(rules, {"exposure.exposure_bits": 9}) == []
