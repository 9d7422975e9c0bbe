from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, xlogy
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from tunegate.stats import clopper_pearson, lower_bound, paired_difference, upper_bound

REACH = 0.935


@given(st.integers(1, 2000), st.data(), st.sampled_from([0.8, 0.9, 0.95, 0.999]))
def test_clopper_pearson_agrees_with_statsmodels(n: int, data: st.DataObject, level: float) -> None:
    successes = data.draw(st.integers(0, n))
    theirs = proportion_confint(successes, n, alpha=1 - level, method="beta")
    assert clopper_pearson(successes, n, level=level) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(("n", "percent"), [(60, 4.9), (150, 2.0), (300, 1.0), (1000, 0.3)])
def test_zero_is_a_bound(n: int, percent: float) -> None:
    assert round(100 * upper_bound(0, n), 1) == percent
    assert lower_bound(n, n) == pytest.approx(1 - upper_bound(0, n), abs=1e-12)
    assert lower_bound(0, n) == 0.0
    assert upper_bound(n, n) == 1.0


def test_bound_is_the_rate_at_which_the_tail_is_the_error() -> None:
    assert binom.cdf(3, 50, upper_bound(3, 50, level=0.9)) == pytest.approx(0.1)
    assert binom.sf(2, 50, lower_bound(3, 50, level=0.9)) == pytest.approx(0.1)


@pytest.mark.parametrize("n", [20, 60, 300])
def test_clopper_pearson_covers_at_every_rate(n: int) -> None:
    limits = np.array([clopper_pearson(k, n) for k in range(n + 1)])
    for rate in (0.0, 0.001, 0.01, 0.05, 0.3, 0.5, 0.99):
        holds = (limits[:, 0] <= rate) & (rate <= limits[:, 1])
        assert binom.pmf(np.arange(n + 1), n, rate)[holds].sum() >= 0.95


@pytest.mark.parametrize("n", [20, 60])
def test_paired_difference_covers_over_the_whole_simplex(n: int) -> None:
    """Exact coverage by enumerating all tables, no simulation."""
    tables = np.array([(b, c) for b in range(n + 1) for c in range(n + 1 - b)])
    low, high = np.array([paired_difference(b, c, n) for b, c in tables.tolist()]).T
    b, c = tables.T
    ways = gammaln(n + 1) - gammaln(b + 1) - gammaln(c + 1) - gammaln(n - b - c + 1)
    rates = (0.0, 0.001, 0.0026, 0.01, 0.04, 0.12, 0.3, 0.5, 0.7, 0.88, 0.95, 0.99, 0.997)
    for up in rates:
        for down in {*rates, round(1 - up, 6)}:
            if up + down > 1:
                continue
            rest = max(1 - up - down, 0.0)
            shares = np.exp(ways + xlogy(b, up) + xlogy(c, down) + xlogy(n - b - c, rest))
            holds = (low <= up - down + 1e-12) & (up - down - 1e-12 <= high)
            assert shares[holds].sum() >= REACH, (up, down)


@given(st.integers(1, 400), st.data())
def test_paired_difference_mirrors_and_contains_the_estimate(n: int, data: st.DataObject) -> None:
    gains = data.draw(st.integers(0, n))
    losses = data.draw(st.integers(0, n - gains))
    low, high = paired_difference(gains, losses, n)
    assert -1 <= low <= (gains - losses) / n <= high <= 1
    assert paired_difference(losses, gains, n) == pytest.approx((-high, -low))


def test_paired_difference_with_no_discordant_unit_is_the_bound_of_each_cell() -> None:
    low, high = paired_difference(0, 0, 60)
    assert high == pytest.approx(clopper_pearson(0, 60)[1])
    assert low == pytest.approx(-high)


def test_paired_difference_nears_the_normal_interval_in_large_samples() -> None:
    error = 1.959964 * math.sqrt((0.25 + 0.1 - 0.15**2) / 100_000)
    assert paired_difference(25_000, 10_000, 100_000) == pytest.approx(
        (0.15 - error, 0.15 + error), abs=5e-5
    )


@pytest.mark.parametrize(("successes", "n", "level"), [(-1, 5, 0.9), (6, 5, 0.9), (0, 0, 0.9)])
def test_impossible_counts_are_refused(successes: int, n: int, level: float) -> None:
    with pytest.raises(ValueError, match="successes"):
        clopper_pearson(successes, n, level=level)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_level_is_a_share(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        clopper_pearson(1, 5, level=level)


def test_paired_difference_refuses_more_discordant_units_than_units() -> None:
    with pytest.raises(ValueError, match="gains"):
        paired_difference(3, 3, 5)
