"""How many units it takes before a tolerance can be met."""

from __future__ import annotations

import math

from tunegate.stats.intervals import upper_bound

_MOST = 10_000_000


def units_to_show(tolerance: float, *, rate: float = 0.0, level: float = 0.90) -> int | None:
    """The number of units at which a true `rate` would be shown to lie within `tolerance`.

    Args:
        tolerance: Of the gate.
        rate: The share that leaks.
        level: Of the two-sided interval that the gate judges; at .90 its upper end is the 95 %
            bound, and 5 % without a leak takes 59 units.

    Returns:
        The number of units, or None if no number of units can show it.
    """
    if not 0 <= rate < tolerance:
        return None
    if tolerance >= 1:
        return 1

    one_sided = (1 + level) / 2

    def shown(units: int) -> bool:
        return upper_bound(math.ceil(rate * units), units, level=one_sided) <= tolerance

    high = 1
    while not shown(high):
        high *= 2
        if high > _MOST:
            return None
    low = high // 2  # was not enough, or is zero
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def scaled_units(tolerance: float, *, value: float, upper: float, units: int) -> int | None:
    """The same for a metric that is no rate: a bound comes closer as the root of the units."""
    if not value < tolerance or units < 1:
        return None
    needed = units * ((upper - value) / (tolerance - value)) ** 2
    return math.ceil(needed) if needed <= _MOST else None
