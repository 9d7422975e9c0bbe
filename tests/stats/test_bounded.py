from __future__ import annotations

import math

import numpy as np
import pytest
from experiments.coverage import BOUNDED, Case, bounded_trial, coverage
from hypothesis import given
from hypothesis import strategies as st

from tunegate.stats import bounded_mean


def test_hoeffdings_reach() -> None:
    low, high = bounded_mean([3.0, 5.0, 4.0, 4.0], low=0.0, high=8.0, level=0.90)
    reach = 8.0 * math.sqrt(math.log(20.0) / 8.0)
    assert reach > 4.0
    assert (low, high) == (0.0, 8.0)  # four values say nothing
    low, high = bounded_mean([4.0] * 100, low=0.0, high=8.0, level=0.90)
    assert high - 4.0 == pytest.approx(8.0 * math.sqrt(math.log(20.0) / 200.0))
    assert 4.0 - low == pytest.approx(high - 4.0)


@given(
    values=st.lists(st.floats(-2.0, 3.0), min_size=1, max_size=50),
    level=st.floats(0.5, 0.999),
)
def test_it_holds_the_mean_and_stays_within_the_bounds(values: list[float], level: float) -> None:
    low, high = bounded_mean(values, low=-2.0, high=3.0, level=level)
    assert -2.0 <= low <= float(np.mean(values)) + 1e-9
    assert float(np.mean(values)) - 1e-9 <= high <= 3.0


def test_more_values_and_less_confidence_make_it_narrower() -> None:
    few, many = (bounded_mean([1.0, 2.0] * n, low=0.0, high=3.0) for n in (20, 200))
    assert many[1] - many[0] < few[1] - few[0]
    sure = bounded_mean([1.0, 2.0] * 20, low=0.0, high=3.0, level=0.99)
    assert sure[1] - sure[0] > few[1] - few[0]


def test_one_value_and_all_at_a_bound_give_intervals() -> None:
    """Where a bootstrap would have no width at all."""
    assert bounded_mean([8.0], low=0.0, high=8.0) == (0.0, 8.0)
    low, high = bounded_mean([8.0] * 50, low=0.0, high=8.0)
    assert 0.0 < low < 8.0 == high


@pytest.mark.parametrize("values", [[], [-0.1], [1.1], [float("nan")], [float("inf")]])
def test_values_outside_the_bounds_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="bounded_mean"):
        bounded_mean(values, low=0.0, high=1.0)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_levels_outside_zero_and_one_are_refused(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        bounded_mean([0.5], low=0.0, high=1.0, level=level)


@pytest.mark.parametrize("name", sorted(BOUNDED))
def test_coverage_in_short(name: str) -> None:
    draw, truth = BOUNDED[name]
    found = coverage(
        Case("bounded_mean", name, 20, bounded_trial(draw, truth, 20)),
        replicates=400,
        rng=np.random.default_rng(5),
    )
    assert found.covered >= 0.95
    assert found.withheld == 0.0
