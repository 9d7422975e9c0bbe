"""Family-wise error control for alarms raised from many looks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tunegate.stats.arrays import Floats, finite


def holm(p_values: npt.ArrayLike) -> Floats:
    """Adjusted p-values of Holm (1979), under any dependence; shape [k] in, [k] out."""
    p = finite(p_values, name="p_values")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    return _unsorted(np.minimum(stepped, 1.0), order)


def max_t(observed: npt.ArrayLike, null: npt.ArrayLike) -> Floats:
    """Step-down max-T adjusted p-values (Westfall & Young 1993), for best-of-k attacks.

    Unlike Holm it uses how the statistics move together under the null.

    Args:
        observed: One statistic a hypothesis, shape [k], large against the null.
        null: The same statistics under random relabellings, shape [draws, k]; the hypotheses of
            one row share one relabelling. Statistics should be on one scale, as AUCs are.
    """
    statistics = finite(observed, name="observed")
    draws = finite(null, name="null")
    if draws.ndim != 2 or draws.shape[1] != statistics.size:
        raise ValueError("max_t: null must have the shape [draws, hypotheses]")
    order = np.argsort(-statistics, kind="stable")
    # column j: the largest among the hypothesis ranked j and all that rank behind it
    rivals = np.maximum.accumulate(draws[:, order[::-1]], axis=1)[:, ::-1]
    hits = (rivals >= statistics[order]).sum(axis=0)
    return _unsorted(np.maximum.accumulate((hits + 1.0) / (draws.shape[0] + 1.0)), order)


def _unsorted(values: Floats, order: npt.NDArray[np.intp]) -> Floats:
    out = np.empty_like(values)
    out[order] = values
    return out
