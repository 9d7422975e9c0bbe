from __future__ import annotations

import numpy as np
import pytest
from experiments.coverage import AREAS, Case, auc_trial, coverage
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import brunnermunzel, mannwhitneyu

from tunegate.stats import auc, auc_interval, clopper_pearson, least_heldout, roc, tpr_at_fpr
from tunegate.stats.membership import hanley_mcneil_variance

SCORES = st.lists(st.integers(-5, 5), min_size=1, max_size=25)


@given(SCORES, SCORES)
def test_auc_agrees_with_scipy_and_with_counting(inside: list[int], outside: list[int]) -> None:
    pairs = [(a > b) + 0.5 * (a == b) for a in inside for b in outside]
    theirs = mannwhitneyu(inside, outside).statistic / len(pairs)
    assert auc(inside, outside) == pytest.approx(np.mean(pairs)) == pytest.approx(theirs)


@given(SCORES, SCORES)
def test_area_under_the_roc_is_the_auc(inside: list[int], outside: list[int]) -> None:
    points = roc(inside, outside)
    x, y = np.array(points).T
    assert points[0] == (0, 0)
    assert points[-1] == (1, 1)
    assert (np.diff(x) >= 0).all()
    assert (np.diff(y) >= 0).all()
    assert np.trapezoid(y, x) == pytest.approx(auc(inside, outside))


def test_perfect_separation_gets_the_bound_of_disjoint_pairs() -> None:
    low, high = auc_interval(np.arange(100, 130), np.arange(60)) or pytest.fail("withheld")
    assert high == 1.0
    assert low == pytest.approx(clopper_pearson(30, 30)[0])
    mirrored = auc_interval(np.arange(60), np.arange(100, 130))
    assert mirrored == pytest.approx((0.0, 1 - low))


def test_under_twenty_a_side_the_interval_is_withheld() -> None:
    assert auc_interval(np.arange(19), np.arange(300)) is None
    assert auc_interval(np.arange(300), np.arange(19)) is None


def test_interval_mirrors_when_the_groups_change_places() -> None:
    rng = np.random.default_rng(2)
    inside, outside = rng.normal(1, 2, 40), rng.normal(size=70)
    low, high = auc_interval(inside, outside) or pytest.fail("withheld")
    assert auc_interval(outside, inside) == pytest.approx((1 - high, 1 - low))
    assert 0 < low < auc(inside, outside) < high < 1


def test_interval_excludes_one_half_about_when_brunner_munzel_rejects() -> None:
    """Two different roads to one null: they must tell alike on clear and on empty samples."""
    rng = np.random.default_rng(4)
    for shift in (0.0, 1.2):
        inside, outside = rng.normal(shift, 1, 60), rng.normal(0, 2, 60)
        low, high = auc_interval(inside, outside) or pytest.fail("withheld")
        rejected = brunnermunzel(inside, outside).pvalue < 0.05
        assert rejected == (shift > 0) == (not low <= 0.5 <= high)


def test_hanley_mcneil_is_exact_at_one_half_and_zero_at_the_ends() -> None:
    assert hanley_mcneil_variance(0.5, 30, 50) == pytest.approx(81 / (12 * 30 * 50))
    assert hanley_mcneil_variance(1.0, 30, 50) == 0.0
    assert hanley_mcneil_variance(0.0, 30, 50) == 0.0


def test_constant_scores_say_nothing() -> None:
    low, high = auc_interval(np.zeros(50), np.zeros(50)) or pytest.fail("withheld")
    assert auc(np.zeros(50), np.zeros(50)) == 0.5
    assert low < 0.4
    assert high > 0.6


@pytest.mark.parametrize("name", ["normal, AUC .99", "members spread x3, AUC .9", "10 % memorised"])
@pytest.mark.parametrize("n", [20, 60])
def test_coverage_in_short(name: str, n: int) -> None:
    inside, outside, truth = AREAS[name]
    case = Case("auc", name, n, auc_trial(inside, outside, truth, n))
    found = coverage(case, replicates=300, rng=np.random.default_rng(7))
    assert found.covered >= 0.935 - 3 * (0.95 * 0.05 / 300) ** 0.5


@pytest.mark.parametrize(("target", "units"), [(0.01, 300), (0.001, 3000), (0.05, 60)])
def test_tpr_is_unscored_with_few_heldout_units(target: float, units: int) -> None:
    assert least_heldout(target) == units
    scores = np.random.default_rng(0).normal(size=units)
    assert tpr_at_fpr(scores, scores[:-1], target=target) is None
    assert tpr_at_fpr(scores[:5], scores, target=target) is not None


@given(st.integers(0, 2**32 - 1), st.integers(300, 450), st.sampled_from([0.01, 0.02, 0.05]))
def test_threshold_is_the_most_permissive_that_keeps_the_target(
    seed: int, n_out: int, target: float
) -> None:
    rng = np.random.default_rng(seed)
    inside = np.round(rng.normal(1, 1, 40), 1)
    outside = np.round(rng.normal(size=n_out), 1)
    point = tpr_at_fpr(inside, outside, target=target) or pytest.fail("unscored")
    assert point.fpr <= target
    assert point.tpr == (inside > point.threshold).mean()
    cuts = np.unique(np.r_[inside, outside, -99.0])
    kept = [cut for cut in cuts if (outside > cut).mean() <= target]
    assert point.tpr == max((inside > cut).mean() for cut in kept)


def test_operating_point_quotes_exact_intervals() -> None:
    outside = np.arange(300.0)
    inside = np.r_[np.full(30, 299.0), np.full(70, 3.0)]
    point = tpr_at_fpr(inside, outside, target=0.01) or pytest.fail("unscored")
    assert (point.threshold, point.tpr, point.fpr) == (296.0, 0.3, 0.01)
    assert point.tpr_interval == clopper_pearson(30, 100)
    assert point.fpr_interval == clopper_pearson(3, 300)
    assert (point.n_in, point.n_out) == (100, 300)


def test_bad_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        auc([0.0, float("nan")], [1.0])
    with pytest.raises(ValueError, match="at least one"):
        auc([], [1.0])
