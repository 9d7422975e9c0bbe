"""ROC, its area and the true-positive rate at a small false-positive rate.

A higher score means "more likely a member"; ties count half.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtri, stdtrit
from scipy.stats import rankdata

from tunegate.stats.arrays import Floats, finite
from tunegate.stats.intervals import LEAST_UNITS, Interval, check_level, clopper_pearson
from tunegate.types import Noun


class OperatingPoint(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """An attack held to a false-positive rate: units scoring above `threshold` are called members.

    `tpr_interval` holds for the threshold as chosen; `fpr_interval` is that of the realised rate.
    """

    threshold: float
    tpr: float
    tpr_interval: Interval
    fpr: float
    fpr_interval: Interval
    n_in: int
    n_out: int


def auc(scores_in: npt.ArrayLike, scores_out: npt.ArrayLike) -> float:
    """P(a member scores above a held-out unit) + P(tie) / 2."""
    return float(_placements(*_groups(scores_in, scores_out))[0].mean())


def auc_interval(
    scores_in: npt.ArrayLike, scores_out: npt.ArrayLike, *, level: float = 0.95
) -> Interval | None:
    """Interval of the AUC, or None with fewer than 20 units on a side.

    An observed AUC of 1 gets the bound that no distribution can break: perfect separation orders
    min(n_in, n_out) disjoint pairs, which has probability at most AUC ** min(n_in, n_out).
    Otherwise the hull of two intervals: the logit interval on the variance of DeLong et al. (1988)
    with the degrees of freedom of Brunner & Munzel (2000), which follows unequal spread, and the
    score interval of Newcombe (2006, Statistics in Medicine 25:559, method 5) on the variance of
    Hanley & McNeil (1982), which holds near 0 and 1. It is meant for groups of similar size: with
    20 against 300 units and the smaller group spread three times as wide, it covers 91 %.
    """
    check_level(level)
    inside, outside = _groups(scores_in, scores_out)
    n_in, n_out = inside.size, outside.size
    if min(n_in, n_out) < LEAST_UNITS:
        return None
    places_in, places_out = _placements(inside, outside)
    area = float(places_in.mean())
    tail = (1.0 - level) / 2.0
    if area in {0.0, 1.0}:
        bound = tail ** (1.0 / min(n_in, n_out))
        return (bound, 1.0) if area == 1.0 else (0.0, 1.0 - bound)
    part_in = float(places_in.var(ddof=1)) / n_in
    part_out = float(places_out.var(ddof=1)) / n_out
    low, high = _newcombe(area, n_in, n_out, level=level)
    variance = part_in + part_out
    if variance > 0.0:
        freedom = variance**2 / (part_in**2 / (n_in - 1) + part_out**2 / (n_out - 1))
        reach = float(stdtrit(freedom, 1.0 - tail)) * math.sqrt(variance) / (area * (1.0 - area))
        middle = math.log(area / (1.0 - area))
        low, high = min(low, _logistic(middle - reach)), max(high, _logistic(middle + reach))
    return low, high


def hanley_mcneil_variance(area: float, n_in: float, n_out: float) -> float:
    """Variance of the AUC under exponential scores (Hanley & McNeil 1982, Radiology 143:29).

    Exact at an area of one half: (n_in + n_out + 1) / (12 n_in n_out).
    """
    above = area / (2.0 - area) - area**2
    below = 2.0 * area**2 / (1.0 + area) - area**2
    total = area * (1.0 - area) + (n_in - 1.0) * above + (n_out - 1.0) * below
    return total / (n_in * n_out)


def roc(scores_in: npt.ArrayLike, scores_out: npt.ArrayLike) -> tuple[tuple[float, float], ...]:
    """The empirical ROC as (FPR, TPR) points from (0, 0) to (1, 1), one a distinct score."""
    inside, outside = _groups(scores_in, scores_out)
    cuts = np.unique(np.concatenate([inside, outside]))[::-1]
    tpr = (inside.size - np.searchsorted(np.sort(inside), cuts)) / inside.size
    fpr = (outside.size - np.searchsorted(np.sort(outside), cuts)) / outside.size
    return ((0.0, 0.0), *zip(fpr.tolist(), tpr.tolist(), strict=True))


def least_heldout(target: float) -> int:
    """Held-out units without which a TPR at FPR `target` is not quoted: 300 at 1 %."""
    return math.ceil(3.0 / target - 1e-9)


def tpr_at_fpr(
    scores_in: npt.ArrayLike,
    scores_out: npt.ArrayLike,
    *,
    target: float,
    level: float = 0.95,
) -> OperatingPoint | None:
    """The most permissive threshold whose false-positive share does not exceed `target`.

    The first ROC point *above* the target, as some tools take, would promise a rate that the
    attack does not keep.

    Returns:
        None ("unscored") with fewer than `least_heldout(target)` held-out units.
    """
    inside, outside = _groups(scores_in, scores_out)
    n_in, n_out = inside.size, outside.size
    if n_out < least_heldout(target):
        return None
    allowed = math.floor(target * n_out + 1e-9)
    threshold = float(np.sort(outside)[n_out - 1 - allowed])
    hits, alarms = int((inside > threshold).sum()), int((outside > threshold).sum())
    return OperatingPoint(
        threshold=threshold,
        tpr=hits / n_in,
        tpr_interval=clopper_pearson(hits, n_in, level=level),
        fpr=alarms / n_out,
        fpr_interval=clopper_pearson(alarms, n_out, level=level),
        n_in=n_in,
        n_out=n_out,
    )


def _groups(scores_in: npt.ArrayLike, scores_out: npt.ArrayLike) -> tuple[Floats, Floats]:
    inside = finite(scores_in, name="scores_in")
    outside = finite(scores_out, name="scores_out")
    if not inside.size or not outside.size:
        raise ValueError("membership: both groups need at least one unit")
    return inside, outside


def _placements(inside: Floats, outside: Floats) -> tuple[Floats, Floats]:
    """Per unit, the share of the other group on its right side; the mean of either is the AUC."""
    ranks: Floats = rankdata(np.concatenate([inside, outside]))
    places_in = (ranks[: inside.size] - rankdata(inside)) / outside.size
    places_out = 1.0 - (ranks[inside.size :] - rankdata(outside)) / inside.size
    return places_in, places_out


def _newcombe(area: float, n_in: int, n_out: int, *, level: float) -> Interval:
    reach = float(ndtri((1.0 + level) / 2.0))
    middle = (n_in + n_out) / 2.0  # method 5: the variance forgets which group is the larger

    def beyond(theta: float) -> float:
        scaled = hanley_mcneil_variance(theta, middle, middle) * middle**2 / (n_in * n_out)
        return abs(area - theta) - reach * math.sqrt(max(scaled, 0.0))

    return float(brentq(beyond, 0.0, area)), float(brentq(beyond, area, 1.0))


def _logistic(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value)) if value > -700.0 else 0.0
