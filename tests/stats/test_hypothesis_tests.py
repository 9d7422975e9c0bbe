from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from experiments.coverage import ALPHA, false_alarms, nulls
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu, permutation_test
from statsmodels.stats.contingency_tables import mcnemar

from tunegate.stats import auc, auc_p, aucs, label_permutations, mcnemar_p, sign_flip_p
from tunegate.stats import hypothesis_tests as module


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_agrees_with_statsmodels(gains: int, losses: int) -> None:
    theirs = mcnemar([[5, gains], [losses, 9]], exact=True).pvalue
    assert mcnemar_p(gains, losses, alternative="two-sided") == pytest.approx(min(theirs, 1.0))


def test_mcnemar_one_sided() -> None:
    assert mcnemar_p(5, 0) == 1 / 32
    assert mcnemar_p(0, 5) == 1.0
    assert mcnemar_p(0, 0) == 1.0
    with pytest.raises(ValueError, match="negative"):
        mcnemar_p(-1, 2)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=8))
def test_sign_flips_are_enumerated(values: list[int]) -> None:
    sums = [sum(s * v for s, v in zip(signs, values, strict=True))
            for signs in product([1, -1], repeat=len(values))]  # fmt: skip
    total = sum(values)
    greater = np.mean([s >= total for s in sums])
    both = np.mean([abs(s) >= abs(total) for s in sums])
    rng = np.random.default_rng(0)
    assert sign_flip_p(values, rng=rng, alternative="greater") == pytest.approx(greater)
    assert sign_flip_p(values, rng=rng) == pytest.approx(both)


def test_sign_flips_agree_with_scipy(rng: np.random.Generator) -> None:
    values = rng.normal(0.4, 1, 12)
    theirs = permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="greater"
    )
    assert sign_flip_p(values, rng=rng, alternative="greater") == pytest.approx(theirs.pvalue)


def test_sign_flips_by_draws_agree_with_enumeration(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = rng.normal(0.4, 1, 18)
    exact = sign_flip_p(values, rng=rng)
    monkeypatch.setattr(module, "_EXACT_FLIPS", 0)
    assert sign_flip_p(values, rng=rng, draws=20_000) == pytest.approx(exact, abs=0.01)
    assert sign_flip_p(np.ones(500), rng=rng, draws=99) == 1 / 100  # never zero


def test_sign_flips_of_nothing_say_nothing(rng: np.random.Generator) -> None:
    assert sign_flip_p(np.zeros(40), rng=rng) == 1.0


@given(st.data())
def test_auc_p_counts_every_assignment_within_strata(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 8))
    scores = np.array(data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)), float)
    strata = data.draw(st.lists(st.sampled_from("ab"), min_size=n, max_size=n))
    member = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    if member.all() or not member.any():
        return
    observed = auc(scores[member], scores[~member])
    hits = total = 0
    kept = [sum(member[i] for i in range(n) if strata[i] == s) for s in "ab"]
    for chosen in combinations(range(n), int(member.sum())):
        if [sum(strata[i] == s for i in chosen) for s in "ab"] != kept:
            continue
        label = np.isin(np.arange(n), chosen)
        total += 1
        hits += auc(scores[label], scores[~label]) >= observed - 1e-12
    p = auc_p(scores, member, strata=strata, rng=np.random.default_rng(0))
    assert p == pytest.approx(hits / total)


def test_auc_p_agrees_with_scipys_exact_mann_whitney(rng: np.random.Generator) -> None:
    scores = rng.normal(size=100)
    member = np.arange(100) < 40
    scores[member] += 0.4
    theirs = mannwhitneyu(scores[member], scores[~member], alternative="greater", method="exact")
    assert auc_p(scores, member, rng=rng) == pytest.approx(theirs.pvalue, rel=1e-9)


def test_auc_p_by_draws_agrees_with_counting(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = np.round(rng.normal(size=60), 1)
    strata = [unit % 3 for unit in range(60)]
    member = np.arange(60) % 2 == 0
    scores[member] += 0.3
    exact = auc_p(scores, member, strata=strata, rng=rng)
    monkeypatch.setattr(module, "_EXACT_STEPS", 0)
    drawn = auc_p(scores, member, strata=strata, rng=rng, draws=20_000)
    assert 0.001 < exact < 0.5
    assert drawn == pytest.approx(exact, abs=0.01)


def test_permuted_labels_keep_each_stratum_and_differ(rng: np.random.Generator) -> None:
    member = np.array([True, False] * 10 + [True] * 5 + [False] * 15)
    strata = ["a"] * 20 + ["b"] * 20
    labels = label_permutations(member, rng=rng, strata=strata, draws=500)
    assert (labels[:, :20].sum(axis=1) == 10).all()
    assert (labels[:, 20:].sum(axis=1) == 5).all()
    assert np.allclose(labels.mean(axis=0)[20:], 0.25, atol=0.08)


def test_aucs_of_many_attacks_are_those_of_each(rng: np.random.Generator) -> None:
    scores = np.round(rng.normal(size=(3, 30)), 1)
    labels = label_permutations(np.arange(30) < 12, rng=rng, draws=5)
    table = aucs(scores, labels)
    for row, label in enumerate(labels):
        for column, attack in enumerate(scores):
            assert table[row, column] == pytest.approx(auc(attack[label], attack[~label]))


def test_labels_and_strata_must_fit(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="label"):
        auc_p([1.0, 2.0], [True, True], rng=rng)
    with pytest.raises(ValueError, match="strata"):
        auc_p([1.0, 2.0], [True, False], strata=["a"], rng=rng)


@pytest.mark.parametrize("name", sorted(nulls()))
def test_p_values_are_valid_under_the_null(name: str, rng: np.random.Generator) -> None:
    share = false_alarms(nulls()[name], replicates=200, rng=rng)
    assert share <= ALPHA + 3 * (ALPHA * (1 - ALPHA) / 200) ** 0.5
