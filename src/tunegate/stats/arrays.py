"""Array types of `stats` and the one check that all of its functions share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def finite(values: npt.ArrayLike, *, name: str) -> Floats:
    """`values` as float64; a NaN would compare false everywhere and pass for a non-leak."""
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: every value must be finite")
    return array
