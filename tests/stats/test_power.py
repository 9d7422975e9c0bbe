from __future__ import annotations

import numpy as np
import pytest
from experiments.coverage import simulated_auc_power
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from tunegate.stats import (
    auc_power,
    detectable_auc,
    exposure_power,
    gate_power,
    mean_exposure_p,
    sighting_power,
    smallest_tolerance,
    units_needed,
)


@given(st.floats(0.001, 0.5), st.sampled_from([0.9, 0.95, 0.975]))
def test_units_needed_is_the_least(tolerance: float, level: float) -> None:
    n = units_needed(tolerance, level=level)
    assert smallest_tolerance(n, level=level) <= tolerance * (1 + 1e-6)
    assert n == 1 or smallest_tolerance(n - 1, level=level) > tolerance


def test_one_percent_takes_299_units() -> None:
    assert units_needed(0.01) == 299
    with pytest.raises(ValueError, match="tolerance"):
        units_needed(0.0)


def test_sighting_power() -> None:
    assert sighting_power(0.01, 300) == pytest.approx(1 - 0.99**300)
    assert sighting_power(0.0, 300) == 0.0
    assert sighting_power(1.0, 1) == 1.0


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.1, 0.5])
def test_gate_power_adds_up_every_count_as_statsmodels_judges_it(rate: float) -> None:
    n, tolerance = 80, 0.06
    low, high = proportion_confint(np.arange(n + 1), n, alpha=0.1, method="beta")
    shares = binom.pmf(np.arange(n + 1), n, rate)
    power = gate_power(n, tolerance=tolerance, rate=rate)
    assert power.passes == pytest.approx(shares[high <= tolerance].sum())
    assert power.fails == pytest.approx(shares[low > tolerance].sum())
    assert power.passes + power.fails + power.inconclusive == pytest.approx(1.0)


def test_a_tolerance_below_the_smallest_can_never_pass() -> None:
    assert gate_power(50, tolerance=0.01, rate=0.0).passes == 0.0
    assert gate_power(50, tolerance=0.99, rate=1.0).passes == 0.0


@pytest.mark.parametrize(("area", "n_in", "n_out"), [(0.7, 20, 20), (0.75, 15, 25)])
def test_auc_power_agrees_with_simulation(area: float, n_in: int, n_out: int) -> None:
    rng = np.random.default_rng(6)
    seen = simulated_auc_power(area, n_in, n_out, replicates=300, rng=rng)
    assert auc_power(area, n_in, n_out) == pytest.approx(seen, abs=0.09)


def test_auc_power_at_the_null_is_alpha() -> None:
    assert auc_power(0.5, 40, 60, alpha=0.05) == pytest.approx(0.05)
    assert auc_power(1.0, 40, 60) == 1.0
    assert auc_power(1.0, 2, 1) == 0.0  # three units can't reach p <= .05


def test_detectable_auc_inverts_the_power_and_falls_with_n() -> None:
    areas = [detectable_auc(n, n) for n in (20, 60, 300)]
    assert areas == sorted(areas, reverse=True)
    assert areas[1] is not None
    assert auc_power(areas[1], 60, 60) == pytest.approx(0.8)
    assert detectable_auc(1, 2) is None
    with pytest.raises(ValueError, match="power"):
        detectable_auc(20, 20, power=0.01)


def test_exposure_power_agrees_with_simulation() -> None:
    rng = np.random.default_rng(8)
    ranks = np.ceil(rng.integers(1, 65, size=(400, 4)) / 2**1.0).astype(int)
    seen = np.mean([mean_exposure_p(row, 64) <= 0.05 for row in ranks.tolist()])
    assert exposure_power(4, 64, shift_bits=1.0) == pytest.approx(seen, abs=0.075)


def test_exposure_power_is_at_most_alpha_without_memorisation_and_certain_with_much() -> None:
    assert 0.03 < exposure_power(4, 256, shift_bits=0.0) <= 0.05
    assert exposure_power(1, 10, shift_bits=20.0, alpha=0.05) == 0.0  # ten candidates can't
    assert exposure_power(3, 256, shift_bits=8.0, alpha=0.001) == pytest.approx(1.0)
