"""Equivalence of paired results: shown, refuted, or not settled by so few."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy.typing as npt
from scipy.stats import t as student

from tunegate.stats.arrays import finite
from tunegate.stats.intervals import Interval, check_level

Finding = Literal["equivalent", "different", "inconclusive"]
_LEAST_PAIRS = 2


class Equivalence(NamedTuple):
    """What paired differences say about a margin.

    Attributes:
        difference: Their mean.
        interval: Two-sided at 1 − 2α, so that each end is a one-sided bound at α.
        p: Of the two one-sided tests, the larger; equivalence is shown where it is at most α. 1
            where the differences do not vary at all.
        finding: `equivalent` if the interval lies within the margin, `different` if it lies
            outside, else `inconclusive`.
    """

    difference: float
    interval: Interval
    p: float
    finding: Finding


def tost(differences: npt.ArrayLike, *, margin: float, alpha: float = 0.05) -> Equivalence:
    """Two one-sided t-tests on paired differences (Schuirmann 1987).

    Args:
        differences: One a pair, two or more; taken as a sample of a normal distribution.
        margin: The largest difference, either way, that does not matter.
        alpha: Of each one-sided test.

    Raises:
        ValueError: Fewer than two pairs, or a margin that is not positive.
    """
    check_level(1.0 - 2.0 * alpha)
    data = finite(differences, name="differences")
    if data.size < _LEAST_PAIRS or margin <= 0:
        raise ValueError("equivalence needs two pairs and a positive margin")
    mean = float(data.mean())
    error = float(data.std(ddof=1)) / math.sqrt(data.size)
    freedom = data.size - 1
    if error == 0.0:  # results at a floor or ceiling: their spread, and so the test, is unknown
        return Equivalence(mean, (mean, mean), 1.0, "inconclusive")
    above = float(student.sf((mean + margin) / error, freedom))
    below = float(student.cdf((mean - margin) / error, freedom))
    half = float(student.ppf(1.0 - alpha, freedom)) * error
    interval = (mean - half, mean + half)
    return Equivalence(mean, interval, max(above, below), _finding(interval, margin))


def _finding(interval: Interval, margin: float) -> Finding:
    lower, upper = interval
    if -margin < lower and upper < margin:
        return "equivalent"
    return "different" if lower > margin or upper < -margin else "inconclusive"
