"""(n, p)-discoverable extraction (Hayes et al. 2024, arXiv:2410.19482).

A sequence that the model samples with probability q is extracted within n independent queries
with probability 1 - (1 - q)**n; it is (n, p)-discoverable if that is at least p. All in logs:
q is the product of many token probabilities and underflows.
"""

from __future__ import annotations

import math

_TINY = -37.0  # below, exp(x) is under double precision and log(-log(1 - exp(x))) is x


def queries_needed(log_q: float, p: float) -> float:
    """Fewest queries that extract the sequence with probability `p`; may be infinite.

    Args:
        log_q: Natural log of the sequence's sampling probability, at most 0.
        p: Wanted probability, between 0 and 1, both excluded.
    """
    _check(log_q, p)
    if log_q == 0.0:
        return 1.0
    exponent = math.log(-math.log1p(-p)) - _log_hazard(log_q)
    return max(1.0, float(math.ceil(math.exp(exponent) - 1e-9))) if exponent < 700.0 else math.inf


def extraction_probability(log_q: float, n: int) -> float:
    """Probability that at least one of `n` independent samples is the sequence."""
    _check(log_q, 0.5)
    if n < 1:
        raise ValueError("extraction_probability: needs n >= 1")
    return 1.0 if log_q == 0.0 else -math.expm1(-math.exp(_log_hazard(log_q) + math.log(n)))


def discoverable(log_q: float, *, n: int, p: float) -> bool:
    """Whether the sequence is (n, p)-discoverable: `n` queries extract it with probability `p`."""
    return n >= queries_needed(log_q, p)


def _log_hazard(log_q: float) -> float:
    """log(-log(1 - q)); finite for q far below the smallest double."""
    if log_q < _TINY:
        return log_q
    hazard = -math.log(-math.expm1(log_q)) if log_q > -0.5 else -math.log1p(-math.exp(log_q))
    return math.log(hazard)


def _check(log_q: float, p: float) -> None:
    if not log_q <= 0.0:
        raise ValueError("a log-probability is at most 0")
    if not 0.0 < p < 1.0:
        raise ValueError("p must lie between 0 and 1")
