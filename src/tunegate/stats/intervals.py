"""Confidence intervals for one proportion and for a paired difference of two.

Intervals are two-sided at `level`, half of the error on either side. Their coverage is simulated
in `experiments/coverage.py`.
"""

from __future__ import annotations

import math

from scipy.special import betaincinv

Interval = tuple[float, float]

LEAST_UNITS = 20  # a side; below it only randomisation p-values are quoted (rules of evidence, 2)


def lower_bound(successes: int, n: int, *, level: float = 0.95) -> float:
    """Exact one-sided lower bound of a proportion; see `upper_bound`."""
    return 1.0 - upper_bound(n - successes, n, level=level)


def upper_bound(successes: int, n: int, *, level: float = 0.95) -> float:
    """Exact one-sided upper bound of a proportion (Clopper & Pearson 1934).

    With no successes this is `1 - (1 - level) ** (1 / n)`: 0 of 60 leaves up to 4.9 %.

    Raises:
        ValueError: Not 0 <= successes <= n, n < 1, or a level outside (0, 1).
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError("upper_bound: needs 0 <= successes <= n and n >= 1")
    check_level(level)
    if successes == n:
        return 1.0
    if successes == 0:  # closed form, and exact where the inverse beta function rounds
        return -math.expm1(math.log1p(-level) / n)
    return float(betaincinv(successes + 1, n - successes, level))


def clopper_pearson(successes: int, n: int, *, level: float = 0.95) -> Interval:
    """Exact two-sided interval of a proportion (Clopper & Pearson 1934)."""
    check_level(level)
    side = (1.0 + level) / 2.0
    return lower_bound(successes, n, level=side), upper_bound(successes, n, level=side)


def paired_difference(gains: int, losses: int, n: int, *, level: float = 0.95) -> Interval:
    """Interval of the difference of two proportions measured on the same `n` units.

    The square-and-add method (Newcombe 1998, Statistics in Medicine 17:2635; Zou & Donner 2008,
    ibid. 27:1693) on the two discordant cells of the McNemar table, with exact limits of each
    cell and their multinomial correlation. Half a unit is added to each cell for the correlation
    alone, so that an empty cell does not make it vanish. Tango's (1998) score interval was tried
    first: it covers as little as 86 % when nearly every unit is discordant; this one 94 %.

    Args:
        gains: Units positive after and negative before (tuned, not base).
        losses: Units negative after and positive before.
        n: All units, the concordant included.

    Returns:
        Limits of the rate after minus the rate before, within [-1, 1].
    """
    if gains < 0 or losses < 0 or gains + losses > n:
        raise ValueError("paired_difference: needs gains, losses >= 0 and gains + losses <= n")
    up, down = gains / n, losses / n
    up_low, up_high = clopper_pearson(gains, n, level=level)
    down_low, down_high = clopper_pearson(losses, n, level=level)
    odds_up = (gains + 0.5) / (n - gains + 1.0)
    odds_down = (losses + 0.5) / (n - losses + 1.0)
    correlation = -math.sqrt(odds_up * odds_down)

    def distance(one: float, other: float) -> float:
        return math.sqrt(one * one + other * other - 2.0 * correlation * one * other)

    low = up - down - distance(up - up_low, down_high - down)
    high = up - down + distance(up_high - up, down - down_low)
    return max(low, -1.0), min(high, 1.0)


def check_level(level: float) -> None:
    """Raises ValueError unless 0 < level < 1."""
    if not 0.0 < level < 1.0:
        raise ValueError("level must lie between 0 and 1")
