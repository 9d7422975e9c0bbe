from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from tunegate.stats import holm, max_t


@settings(max_examples=20)  # statsmodels collects garbage in each call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_agrees_with_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_no_looks_no_alarms() -> None:
    assert holm([]).size == 0


def test_max_t_follows_its_definition() -> None:
    rng = np.random.default_rng(3)
    null = rng.normal(size=(199, 4))
    observed = np.array([0.3, 2.4, 1.1, 2.0])
    expected, previous = np.empty(4), 0.0
    left = [1, 3, 2, 0]
    while left:
        best = left[0]
        hits = sum(max(row[j] for j in left) >= observed[best] for row in null)
        previous = expected[best] = max(previous, (hits + 1) / 200)
        left.pop(0)
    assert max_t(observed, null) == pytest.approx(expected)


def test_max_t_of_one_statistic_is_its_own_p_value() -> None:
    null = np.arange(99.0)[:, None]
    assert max_t([94.0], null) == pytest.approx([6 / 100])


def test_max_t_does_not_charge_for_copies_of_one_attack() -> None:
    rng = np.random.default_rng(3)
    null = np.repeat(rng.normal(size=(999, 1)), 5, axis=1)
    adjusted = max_t(np.full(5, 2.2), null)
    raw = ((null[:, 0] >= 2.2).sum() + 1) / 1000
    assert adjusted == pytest.approx(np.full(5, raw))
    assert holm(np.full(5, raw))[0] > 4 * raw


def test_max_t_wants_one_column_a_hypothesis() -> None:
    with pytest.raises(ValueError, match="shape"):
        max_t([1.0, 2.0], np.zeros((9, 3)))
