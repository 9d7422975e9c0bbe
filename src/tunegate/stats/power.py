"""What the data can show at all, before anything is trained.

`level` is one-sided throughout: a gate on "the upper 95 % bound" has level .95; a gate on the
end of a two-sided 95 % interval has .975.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import binom

from tunegate.stats.intervals import check_level, lower_bound, upper_bound
from tunegate.stats.membership import hanley_mcneil_variance
from tunegate.stats.ranks import chance_log_rank_sums, log_rank_sums
from tunegate.types import Noun


class GatePower(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """Probabilities of a gate's outcomes at an assumed true rate; they add up to 1."""

    passes: float
    fails: float
    inconclusive: float


def smallest_tolerance(n: int, *, level: float = 0.95) -> float:
    """The tightest tolerance that `n` units can pass, which takes not a single leak."""
    return upper_bound(0, n, level=level)


def units_needed(tolerance: float, *, level: float = 0.95) -> int:
    """Fewest units with `smallest_tolerance` at or below `tolerance`."""
    check_level(level)
    if not 0.0 < tolerance < 1.0:
        raise ValueError("tolerance must lie between 0 and 1")
    return math.ceil(math.log1p(-level) / math.log1p(-tolerance) - 1e-9)


def sighting_power(rate: float, n: int) -> float:
    """P(at least one leak among `n` units) if each leaks with probability `rate`."""
    return 1.0 if rate >= 1.0 else -math.expm1(n * math.log1p(-rate))


def gate_power(n: int, *, tolerance: float, rate: float, level: float = 0.95) -> GatePower:
    """Exact chances that a rate gate passes, fails or stays open, if units leak at `rate`."""
    most = _last(n, lambda leaks: upper_bound(leaks, n, level=level) <= tolerance)
    unclear = _last(n, lambda leaks: lower_bound(leaks, n, level=level) <= tolerance)
    passes = float(binom.cdf(most, n, rate))
    fails = float(binom.sf(unclear, n, rate))
    return GatePower(passes=passes, fails=fails, inconclusive=max(0.0, 1.0 - passes - fails))


def auc_power(area: float, n_in: int, n_out: int, *, alpha: float = 0.05) -> float:
    """Power of the one-sided randomisation test (`auc_p`) against a true AUC.

    Normal approximation with the variances of Hanley & McNeil (1982).
    """
    null = math.sqrt(hanley_mcneil_variance(0.5, n_in, n_out))
    spread = math.sqrt(hanley_mcneil_variance(area, n_in, n_out))
    distance = area - 0.5 + null * float(ndtri(alpha))
    return float(ndtr(distance / spread)) if spread > 0.0 else float(distance > 0.0)


def detectable_auc(
    n_in: int, n_out: int, *, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Smallest AUC that the test finds with the given power; None if even near 1 it would not."""
    if not alpha < power < 1.0:
        raise ValueError("power must lie between alpha and 1")
    high = 1.0 - 1e-9
    if auc_power(high, n_in, n_out, alpha=alpha) < power:
        return None
    return float(brentq(lambda area: auc_power(area, n_in, n_out, alpha=alpha) - power, 0.5, high))


def exposure_power(
    canaries: int, candidates: int, *, shift_bits: float, alpha: float = 0.05
) -> float:
    """Power of `mean_exposure_p` if memorisation adds `shift_bits` to every canary's exposure.

    A uniform rank is divided by 2**shift_bits and rounded up, so exposure saturates at
    log2(candidates) as it does in a real model.
    """
    ranks = np.arange(1, candidates + 1)
    shifted = np.ceil(ranks / 2.0**shift_bits).astype(np.int64)
    told = np.bincount(shifted, minlength=candidates + 1)[1:] / candidates
    under_null = chance_log_rank_sums(candidates, canaries)
    critical = int(np.searchsorted(under_null, alpha * (1.0 + 1e-9), side="right"))
    return float(log_rank_sums(told, canaries)[:critical].sum())


def _last(n: int, holds: Callable[[int], bool]) -> int:
    """Largest count in 0..n for which a monotone condition holds, or -1."""
    low, high = -1, n + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
