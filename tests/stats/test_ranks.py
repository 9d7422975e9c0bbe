from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from tunegate.stats import chance_exposure, exposure, mean_exposure_p, rank_p, worst_rank
from tunegate.stats.ranks import log_rank_steps


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.data())
def test_worst_rank_is_scipys_max_rank(scores: list[int], data: st.DataObject) -> None:
    secret = data.draw(st.integers(0, len(scores) - 1))
    assert worst_rank(scores, secret) == rankdata(-np.array(scores), method="max")[secret]


def test_a_model_that_tells_no_candidate_apart_exposes_nothing() -> None:
    rank = worst_rank(np.zeros(256), 17)
    assert exposure(rank, 256) == 0.0
    assert rank_p(rank, 256) == 1.0


def test_first_among_256_is_eight_bits() -> None:
    assert exposure(1, 256) == 8.0
    assert rank_p(1, 256) == 1 / 256
    assert mean_exposure_p([1], 256) == pytest.approx(1 / 256)


def test_chance_exposure_is_the_mean_over_uniform_ranks() -> None:
    assert chance_exposure(256) == pytest.approx(
        np.mean([exposure(rank, 256) for rank in range(1, 257)])
    )
    assert round(chance_exposure(256), 2) == 1.42


@given(st.integers(1, 256))
def test_one_canary_has_its_rank_p_value(rank: int) -> None:
    assert mean_exposure_p([rank], 256) == pytest.approx(rank / 256)


@given(st.lists(st.integers(1, 8), min_size=1, max_size=4))
def test_several_canaries_by_enumeration(ranks: list[int]) -> None:
    observed = sum(log_rank_steps(rank) for rank in ranks)
    rows = list(product(range(1, 9), repeat=len(ranks)))
    counted = np.mean([sum(map(log_rank_steps, row)) <= observed for row in rows])
    finer = np.mean([math.prod(row) <= math.prod(ranks) for row in rows])
    p = mean_exposure_p(ranks, 8)
    assert p == pytest.approx(counted)
    assert p == pytest.approx(finer, abs=0.02)  # steps of 1/1024 bit hardly matter


def test_many_weak_canaries_add_up_and_tiny_p_values_stay_exact() -> None:
    assert mean_exposure_p([40] * 10, 256) < 0.01 < rank_p(40, 256)
    assert mean_exposure_p([1] * 10, 256) == pytest.approx(256.0**-10)
    assert mean_exposure_p([256] * 5, 256) == pytest.approx(1.0)


@pytest.mark.parametrize("rank", [0, 9])
def test_impossible_ranks_are_refused(rank: int) -> None:
    with pytest.raises(ValueError, match="rank"):
        rank_p(rank, 8)
    with pytest.raises(ValueError, match="rank"):
        mean_exposure_p([1, rank], 8)


def test_no_canary_no_p_value() -> None:
    with pytest.raises(ValueError, match="at least one"):
        mean_exposure_p([], 8)
