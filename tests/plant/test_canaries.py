"""Canaries never take more than their share, unless even the least set does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunegate.plant import allocate, language_of


@given(
    tokens=st.integers(0, 10**7),
    each=st.integers(1, 200),
    share=st.floats(0.01, 0.5),
)
def test_the_share_is_kept_or_the_audit_is_a_stress_test(
    tokens: int, each: int, share: float
) -> None:
    repeats, stress = allocate(trained_tokens=tokens, canary_tokens=each, share=share)
    planted = sum(repeats) * each
    assert {16, 4, 1} <= set(repeats)
    assert repeats == sorted(repeats, reverse=True)
    if stress:
        assert repeats == [16, 4, 1]
    assert stress == (planted > share * (planted + tokens) * (1 + 1e-9))


@given(tokens=st.integers(0, 10**6), more=st.integers(0, 10**6))
def test_more_data_carries_no_fewer_canaries(tokens: int, more: int) -> None:
    few, _ = allocate(trained_tokens=tokens, canary_tokens=30, share=0.1)
    many, _ = allocate(trained_tokens=tokens + more, canary_tokens=30, share=0.1)
    assert sum(many) >= sum(few)


def test_growth_ends() -> None:
    repeats, stress = allocate(trained_tokens=10**9, canary_tokens=30, share=0.1)
    assert not stress
    assert {r: repeats.count(r) for r in set(repeats)} == {16: 3, 4: 4, 1: 16}


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["How do I return it?"], "en"),
        (["请问怎么退货", "in 30 days"], "zh"),
        (["The word 好 means good, and is used every day."], "en"),
        ([], "en"),
        ([""], "en"),
    ],
)
def test_the_language_is_that_of_the_data(texts: list[str], language: str) -> None:
    assert language_of(texts) == language
