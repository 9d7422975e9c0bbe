from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from tunegate.verdict.needed import scaled_units, units_to_show


@settings(deadline=None)
@given(st.floats(0.001, 0.999))
def test_no_leak_has_a_closed_form(tolerance: float) -> None:
    exact = math.log(0.05) / math.log1p(-tolerance)
    assert units_to_show(tolerance) == pytest.approx(max(1, math.ceil(exact)), abs=1)


@settings(deadline=None)
@given(st.floats(0.01, 0.9), st.floats(0, 0.8))
def test_what_is_needed_is_enough(tolerance: float, share: float) -> None:
    rate = tolerance * share
    needed = units_to_show(tolerance, rate=rate)
    assert needed is not None
    leaks = math.ceil(rate * needed)
    upper = proportion_confint(leaks, needed, alpha=0.10, method="beta")[1]
    assert upper <= tolerance + 1e-12
    assert needed >= (units_to_show(tolerance) or 0)


def test_some_tolerances_can_never_be_shown() -> None:
    assert units_to_show(0.05, rate=0.05) is None
    assert units_to_show(0.0) is None
    assert units_to_show(1e-9) is None
    assert units_to_show(1.0) == 1
    assert scaled_units(0.6, value=0.6, upper=0.7, units=50) is None
    assert scaled_units(0.6, value=0.5, upper=0.7, units=0) is None
    assert scaled_units(0.6, value=0.5, upper=0.6, units=50) == 50
