"""Ranks of canaries among their candidates: exposure and exact p-values.

Exposure is log2(candidates) - log2(rank) (Carlini et al. 2019, "The Secret Sharer"). A secret
drawn uniformly has a uniform rank if the model never saw it, so all p-values here are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tunegate.stats.arrays import Floats, finite

_STEPS = 1024  # a bit; the log-ranks of several canaries are summed in these steps


def worst_rank(scores: npt.ArrayLike, secret: int) -> int:
    """Rank of candidate `secret`, 1 being the highest score; in a tie, the last of those tied.

    A model that scores all candidates alike thus ranks the secret last, and no tie ever counts as
    evidence of memorisation.
    """
    values = finite(scores, name="scores")
    return int((values >= values[secret]).sum())


def exposure(rank: int, candidates: int) -> float:
    """Exposure in bits, from 0 (ranked last) to log2(candidates) (ranked first)."""
    _check(rank, candidates)
    return math.log2(candidates) - math.log2(rank)


def rank_p(rank: int, candidates: int) -> float:
    """Exact p-value of one canary: P(a rank as good or better) under a uniform rank."""
    _check(rank, candidates)
    return rank / candidates


def chance_exposure(candidates: int) -> float:
    """Mean exposure in bits of secrets that the model never saw; 1.42 among 256, never 0."""
    return math.log2(candidates) - math.lgamma(candidates + 1) / (math.log(2.0) * candidates)


def mean_exposure_p(ranks: Sequence[int], candidates: int) -> float:
    """P(a mean exposure as high or higher) for independent, uniformly drawn secrets.

    Equivalent to Fisher's combination of the canaries' rank p-values, but under the exact discrete
    null, by convolution. Exposure is taken in steps of 1/1024 bit, on both sides alike.
    """
    if not ranks:
        raise ValueError("mean_exposure_p: needs at least one rank")
    for rank in ranks:
        _check(rank, candidates)
    observed = int(sum(log_rank_steps(rank) for rank in ranks))
    return float(chance_log_rank_sums(candidates, len(ranks))[observed])


def log_rank_steps(rank: int) -> int:
    """log2(rank) in whole steps of 1/1024 bit, rounded down."""
    return math.floor(_STEPS * math.log2(rank))


@lru_cache(maxsize=16)
def chance_log_rank_sums(candidates: int, canaries: int) -> Floats:
    """P(sum of log-rank steps <= 0), P(sum <= 1), ... for uniform ranks; do not write to it."""
    shares = log_rank_sums(np.full(candidates, 1.0 / candidates), canaries)
    at_most: Floats = np.minimum(np.cumsum(shares), 1.0)
    at_most.setflags(write=False)
    return at_most


def log_rank_sums(shares: Floats, canaries: int) -> Floats:
    """Distribution of the sum of the log-rank steps of independent canaries.

    Args:
        shares: P(rank = 1), P(rank = 2), ..., shape [candidates].
        canaries: How many are summed.

    Returns:
        P(sum = 0), P(sum = 1), ... steps.
    """
    steps = [log_rank_steps(rank) for rank in range(1, shares.size + 1)]
    one = np.bincount(steps, weights=shares)
    support = np.flatnonzero(one)
    total = np.ones(1)
    for _ in range(canaries):
        grown = np.zeros(total.size + one.size - 1)
        for step in support.tolist():  # sparse: a few hundred of the thousands of steps occur
            grown[step : step + total.size] += one[step] * total
        total = grown
    return total


def _check(rank: int, candidates: int) -> None:
    if not 1 <= rank <= candidates:
        raise ValueError("a rank lies between 1 and the number of candidates")
