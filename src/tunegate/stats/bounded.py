"""Means of few bounded values, where neither a bootstrap nor a normal limit can be trusted."""

from __future__ import annotations

import math

import numpy.typing as npt

from tunegate.stats.arrays import finite
from tunegate.stats.intervals import Interval, check_level


def bounded_mean(
    values: npt.ArrayLike, *, low: float, high: float, level: float = 0.95
) -> Interval:
    """Interval of the mean of independent values that cannot leave [low, high].

    Hoeffding (1963, JASA 58:13), two-sided: it holds for every such distribution and every n, and
    is wide for it.

    Args:
        values: Shape [n], n at least 1.
        low: Least possible value.
        high: Greatest possible value.
    """
    check_level(level)
    data = finite(values, name="bounded_mean")
    if data.size < 1 or data.min() < low or data.max() > high:
        raise ValueError("bounded_mean: needs values within the bounds")
    mean = float(data.mean())
    reach = (high - low) * math.sqrt(math.log(2.0 / (1.0 - level)) / (2.0 * data.size))
    return max(low, mean - reach), min(high, mean + reach)
