"""TOST against statsmodels, and against simulations with a known difference."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.weightstats import DescrStatsW

from tunegate.stats.equivalence import tost


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("margin", [0.2, 1.0, 3.0])
def test_it_agrees_with_statsmodels(seed: int, margin: float) -> None:
    data = np.random.default_rng(seed).normal(0.3, 1.0, 5)
    p, _, _ = DescrStatsW(data).ttost_mean(-margin, margin)
    found = tost(data, margin=margin)
    assert found.p == pytest.approx(p, abs=1e-12)
    low, high = DescrStatsW(data).tconfint_mean(0.10)
    assert found.interval == pytest.approx((low, high))
    assert (found.finding == "equivalent") == (p < 0.05)


def test_what_differs_by_the_margin_is_called_equivalent_at_most_at_alpha() -> None:
    rng = np.random.default_rng(11)
    said = [tost(rng.normal(1.0, 0.3, 5), margin=1.0).finding for _ in range(4000)]
    share = said.count("equivalent") / len(said)
    assert 0.035 < share < 0.065


def test_what_differs_by_the_margin_is_called_different_at_most_at_alpha() -> None:
    rng = np.random.default_rng(12)
    said = [tost(rng.normal(1.0, 0.3, 5), margin=1.0).finding for _ in range(4000)]
    assert said.count("different") / len(said) < 0.065


@pytest.mark.parametrize(
    ("differences", "finding"),
    [
        ([0.01, -0.01, 0.02, 0.0, -0.02], "equivalent"),
        ([3.0, 3.1, 2.9, 3.0, 3.1], "different"),
        ([-3.0, -3.1, -2.9, -3.0, -3.1], "different"),
        ([2.0, -2.0, 1.0, -1.0, 0.0], "inconclusive"),
        ([0.0, 0.0], "inconclusive"),
        ([2.0, 2.0], "inconclusive"),
    ],
)
def test_findings(differences: list[float], finding: str) -> None:
    assert tost(differences, margin=1.0).finding == finding


@pytest.mark.parametrize(("differences", "margin"), [([1.0], 1.0), ([1.0, 2.0], 0.0)])
def test_too_little_is_refused(differences: list[float], margin: float) -> None:
    with pytest.raises(ValueError, match="equivalence"):
        tost(differences, margin=margin)
