from __future__ import annotations

import numpy as np
import pytest
from experiments.coverage import MEANS, Case, coverage, mean_trial
from scipy.stats import bootstrap, ttest_1samp

from tunegate.stats import paired_mean


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_it_is_at_least_students_interval(rng: np.random.Generator) -> None:
    values = rng.exponential(size=80)
    low, high = paired_mean(values, rng=rng) or pytest.fail("withheld")
    student = ttest_1samp(values, 0).confidence_interval(0.95)
    assert low <= student.low < student.high <= high


def test_it_follows_skewness_as_scipys_bootstrap_does(rng: np.random.Generator) -> None:
    """On a long right tail the upper limit stands further off than t puts it, as BCa's does."""
    values = rng.lognormal(0, 1, 400)
    low, high = paired_mean(values, rng=rng) or pytest.fail("withheld")
    bca = bootstrap((values,), np.mean, rng=np.random.default_rng(1)).confidence_interval
    assert high > ttest_1samp(values, 0).confidence_interval(0.95).high
    assert high == pytest.approx(bca.high, rel=0.05)
    assert low == pytest.approx(bca.low, rel=0.05)


def test_same_generator_same_interval() -> None:
    values = np.random.default_rng(0).normal(size=50)
    once, again = (paired_mean(values, rng=np.random.default_rng(9)) for _ in range(2))
    assert once == again


def test_shift_and_scale_carry_through() -> None:
    values = np.random.default_rng(0).exponential(size=50)
    low, high = paired_mean(values, rng=np.random.default_rng(9)) or pytest.fail("withheld")
    moved = paired_mean(10 - 2 * values, rng=np.random.default_rng(9)) or pytest.fail("withheld")
    assert moved[0] == pytest.approx(10 - 2 * high, abs=0.05)
    assert moved[1] == pytest.approx(10 - 2 * low, abs=0.05)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(19.0),  # too few units
        np.zeros(300),  # no spread
        np.full(300, 0.1),
        np.r_[np.zeros(296), 1.0, 2.0, 3.0, 4.0],  # four units speak for three hundred
    ],
)
def test_what_the_data_cannot_show_is_withheld(
    values: np.ndarray, rng: np.random.Generator
) -> None:
    assert paired_mean(values, rng=rng) is None


def test_large_samples_are_drawn_in_parts_within_memory(rng: np.random.Generator) -> None:
    values = rng.normal(3, 1, 30_000)
    low, high = paired_mean(values, rng=rng, resamples=150) or pytest.fail("withheld")
    assert low < 3 < high
    assert high - low < 0.04


def test_a_nan_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="finite"):
        paired_mean([0.0] * 30 + [float("nan")], rng=rng)


@pytest.mark.parametrize(("name", "n"), [("exponential", 20), ("50 % not zero", 60)])
def test_coverage_in_short(name: str, n: int, rng: np.random.Generator) -> None:
    draw, truth, _ = MEANS[name]
    found = coverage(Case("mean", name, n, mean_trial(draw, truth, n)), replicates=400, rng=rng)
    assert found.covered >= 0.935 - 3 * (0.95 * 0.05 / 400) ** 0.5
    assert found.withheld < 0.05
