from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunegate.stats import discoverable, extraction_probability, queries_needed


@given(st.integers(1, 999), st.integers(1, 200))
def test_probability_agrees_with_exact_fractions(permille: int, n: int) -> None:
    q = Fraction(permille, 1000)
    exact = 1 - (1 - q) ** n
    assert extraction_probability(math.log(q), n) == pytest.approx(float(exact), rel=1e-12)


@given(st.integers(1, 999), st.integers(1, 99))
def test_fewest_queries_are_enough_and_one_less_is_not(permille: int, percent: int) -> None:
    q, p = Fraction(permille, 1000), Fraction(percent, 100)
    n = int(queries_needed(math.log(q), float(p)))
    assert 1 - (1 - q) ** n >= p - Fraction(1, 10**8)
    assert n == 1 or 1 - (1 - q) ** (n - 1) < p


def test_far_below_the_smallest_double() -> None:
    assert queries_needed(-800.0, 0.9) == math.inf
    assert extraction_probability(-800.0, 10**9) == 0.0
    log_q = -100.0
    assert queries_needed(log_q, 0.5) == pytest.approx(math.log(2) * math.exp(100.0))
    assert extraction_probability(log_q, 10**6) == pytest.approx(1e6 * math.exp(-100.0))


@pytest.mark.parametrize("edge", [-37.0, -0.5])
def test_branches_meet(edge: float) -> None:
    below, above = (extraction_probability(edge + step, 100) for step in (-1e-12, 1e-12))
    assert below == pytest.approx(above, rel=1e-9)


def test_certain_text_needs_one_query() -> None:
    assert queries_needed(0.0, 0.99) == 1.0
    assert extraction_probability(0.0, 1) == 1.0


def test_discoverable_at_the_papers_setting() -> None:
    """n = 100, p = .9 needs about 2.3 % a query."""
    least = 1 - 0.1 ** (1 / 100)
    assert discoverable(math.log(least * 1.0001), n=100, p=0.9)
    assert not discoverable(math.log(least * 0.9999), n=100, p=0.9)


@pytest.mark.parametrize(("log_q", "p"), [(0.1, 0.5), (float("nan"), 0.5), (-1, 0.0), (-1, 1.0)])
def test_impossible_probabilities_are_refused(log_q: float, p: float) -> None:
    with pytest.raises(ValueError, match=r"must lie|at most 0"):
        queries_needed(log_q, p)


def test_no_query_is_refused() -> None:
    with pytest.raises(ValueError, match="n >= 1"):
        extraction_probability(-1.0, 0)
