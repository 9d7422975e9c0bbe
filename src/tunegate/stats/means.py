"""The interval of a mean of per-unit paired differences."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from tunegate.stats.arrays import Floats, finite
from tunegate.stats.intervals import LEAST_UNITS, Interval, check_level

LEAST_VARIED = 5  # units off the commonest value: below, the spread cannot be estimated
_CELLS = 2_000_000  # drawn at once: bounds the memory of a bootstrap at 16 MB an array


def paired_mean(
    values: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = 1999,
) -> Interval | None:
    """Interval of the mean difference, or None where the data cannot support one.

    The hull of Student's interval and the studentised bootstrap (Hall 1988, Annals of Statistics
    16:927). The bootstrap follows skewness, which t alone misses (coverage 87 % on log-normal
    data at n = 20); t holds where the bootstrap is short, on symmetric heavy tails. Resampled
    tails are themselves unsure at small n, so the bootstrap's error is scaled by n / (n + 20).

    No method holds for every distribution (Bahadur & Savage 1956): a coverage of 93.5 % is
    shown up to the skewness of a log-normal with sigma 1; with sigma 1.5 it is lower.

    Args:
        values: One paired difference a unit, shape [n].

    Returns:
        The limits. None if n < 20, if fewer than five units differ from the commonest value
        (nearly all zeros: quote the share that is not zero instead), or if resamples are constant
        so often that a limit would be infinite. Then only a randomisation p-value is quoted.
    """
    check_level(level)
    data = finite(values, name="paired_mean")
    n = data.size
    if n < LEAST_UNITS:
        return None
    _, counts = np.unique(data, return_counts=True)
    if n - int(counts.max()) < LEAST_VARIED:
        return None
    mean = float(data.mean())
    error = float(data.std(ddof=1)) / math.sqrt(n)
    tail = (1.0 - level) / 2.0
    reach = float(stdtrit(n - 1, 1.0 - tail))
    tail *= n / (n + 20.0)
    pivots = _studentised(data, resamples=resamples, rng=rng)
    # inverted_cdf never averages with a neighbour, which may be infinite
    left, right = np.quantile(pivots, [tail, 1.0 - tail], method="inverted_cdf")
    low, high = mean - error * max(reach, float(right)), mean + error * max(reach, -float(left))
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _studentised(data: Floats, *, resamples: int, rng: np.random.Generator) -> Floats:
    n = data.size
    centred = data - data.mean()
    least = 1e-12 * float(centred.var())  # a resample of one value repeated, but for rounding
    step = max(1, _CELLS // n)
    parts: list[Floats] = []
    for done in range(0, resamples, step):
        drawn = centred[rng.integers(n, size=(min(step, resamples - done), n))]
        means = drawn.mean(axis=1)
        variances = np.einsum("ij,ij->i", drawn, drawn) / n - means**2
        constant = variances <= least
        errors = np.sqrt(np.where(constant, 1.0, variances) / (n - 1))
        parts.append(np.where(constant, np.copysign(np.inf, means), means / errors))
    return np.concatenate(parts)
