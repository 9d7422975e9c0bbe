"""Exact and randomisation tests. Monte Carlo p-values are (hits + 1) / (draws + 1), never zero.

The `+ 1` keeps them valid (Phipson & Smyth 2010, Statistical Applications in Genetics and
Molecular Biology 9:39). "Greater" always means: the tuned model, or the members, score higher.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, rankdata

from tunegate.stats.arrays import Bools, Floats, Ints, finite

Alternative = Literal["greater", "two-sided"]

_EXACT_FLIPS = 20  # 2**20 sums of signs are enumerated in some 10 ms
_EXACT_STEPS = 50_000_000  # additions that an exact AUC null may cost: about 0.1 s
_ROWS = 1_000  # permutations ranked at once, to bound memory


def mcnemar_p(gains: int, losses: int, *, alternative: Alternative = "greater") -> float:
    """Exact McNemar test: given the discordant units, gains are Binomial(gains + losses, 1/2)."""
    if gains < 0 or losses < 0:
        raise ValueError("mcnemar_p: counts must not be negative")
    extreme = gains if alternative == "greater" else max(gains, losses)
    tail = float(binom.sf(extreme - 1, gains + losses, 0.5))
    return tail if alternative == "greater" else min(1.0, 2.0 * tail)


def sign_flip_p(
    differences: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    alternative: Alternative = "two-sided",
    draws: int = 9_999,
) -> float:
    """Randomisation test of a mean paired difference: under the null each sign is a fair coin.

    All sign patterns are enumerated up to 20 differences that are not zero; above, `draws`
    random ones are taken (zeros never matter).
    """
    values = finite(differences, name="sign_flip_p")
    values = values[values != 0.0]
    observed = float(values.sum())
    slack = 1e-9 * float(np.abs(values).sum())  # sums that are equal but for rounding are ties
    exact = values.size <= _EXACT_FLIPS
    if exact:
        sums = np.zeros(1)
        for value in values:
            sums = np.concatenate([sums + value, sums - value])
    else:
        step = max(1, _ROWS * _ROWS // values.size)
        sums = np.concatenate(
            [
                rng.choice([-1.0, 1.0], size=(min(step, draws - done), values.size)) @ values
                for done in range(0, draws, step)
            ]
        )
    if alternative == "two-sided":
        sums, observed = np.abs(sums), abs(observed)
    hits = int((sums >= observed - slack).sum())
    return hits / sums.size if exact else (hits + 1) / (draws + 1)


def auc_p(
    scores: npt.ArrayLike,
    member: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    strata: Sequence[object] | None = None,
    draws: int = 9_999,
) -> float:
    """P(an AUC as high or higher) when membership is re-drawn within strata as the design drew it.

    Exact where counting all assignments is cheap (some 120 units in one stratum, more in many),
    Monte Carlo above.

    Args:
        scores: One a unit, shape [n]; higher means more likely a member.
        member: Whether the unit was trained on, shape [n].
        strata: The block that each unit was randomised in; None means one block.
        draws: Monte Carlo permutations.
    """
    values = finite(scores, name="scores")
    labels = _labels(member, values.size)
    blocks = _blocks(strata, values.size)
    counted = _exact_auc_p(values, labels, blocks)
    if counted is not None:
        return counted
    null = aucs(values[None], label_permutations(labels, rng=rng, strata=strata, draws=draws))
    observed = aucs(values[None], labels[None])
    return (int((null >= observed).sum()) + 1) / (draws + 1)


def label_permutations(
    member: npt.ArrayLike,
    *,
    rng: np.random.Generator,
    draws: int,
    strata: Sequence[object] | None = None,
) -> Bools:
    """`draws` re-randomisations of membership within strata, shape [draws, n]."""
    labels = np.asarray(member, dtype=np.bool_)
    out = np.empty((draws, labels.size), dtype=np.bool_)
    for block in _blocks(strata, labels.size):
        out[:, block] = rng.permuted(np.tile(labels[block], (draws, 1)), axis=1)
    return out


def aucs(scores: npt.ArrayLike, labels: Bools) -> Floats:
    """AUC of every attack under every labelling, for `corrections.max_t`.

    Args:
        scores: Shape [attacks, n].
        labels: Shape [labellings, n], each with the same number of members.

    Returns:
        Shape [labellings, attacks].
    """
    ranks: Floats = rankdata(finite(scores, name="scores"), axis=1)
    n_in = int(labels[0].sum())
    n_out = labels.shape[1] - n_in
    sums = np.concatenate(
        [
            labels[start : start + _ROWS].astype(np.float64) @ ranks.T
            for start in range(0, labels.shape[0], _ROWS)
        ]
    )
    areas: Floats = (sums - n_in * (n_in + 1) / 2.0) / (n_in * n_out)
    return areas


def _exact_auc_p(values: Floats, labels: Bools, blocks: list[Ints]) -> float | None:
    """Counts subsets by their rank sum, block by block; None where that costs too much.

    The AUC is a linear function of the members' rank sum. Doubled mid-ranks are whole numbers,
    so the sums of all assignments lie on a grid.
    """
    doubled = np.rint(2.0 * rankdata(values)).astype(np.int64)
    offsets = [doubled[block] - doubled[block].min() for block in blocks]
    unit = max(1, math.gcd(*(int(np.gcd.reduce(part)) for part in offsets)))
    offsets = [part // unit for part in offsets]
    chosen = [labels[block] for block in blocks]
    sizes = [
        int(np.sort(part)[part.size - int(mask.sum()) :].sum()) + 1
        for part, mask in zip(offsets, chosen, strict=True)
    ]
    steps = sum(
        part.size * (int(mask.sum()) + 1) * size
        for part, mask, size in zip(offsets, chosen, sizes, strict=True)
    )
    steps += sum(sum(sizes[:index]) * size for index, size in enumerate(sizes))
    if steps > _EXACT_STEPS:
        return None
    null = np.ones(1)
    for part, mask, size in zip(offsets, chosen, sizes, strict=True):
        null = np.convolve(null, _subset_sums(part, int(mask.sum()), size))
    observed = sum(int(part[mask].sum()) for part, mask in zip(offsets, chosen, strict=True))
    return min(1.0, float(null[observed:].sum()))


def _subset_sums(offsets: Ints, chosen: int, size: int) -> Floats:
    """Distribution of the sum of `chosen` of the `offsets`, drawn without replacement."""
    ways = np.zeros((chosen + 1, size))  # [how many taken, their sum]
    ways[0, 0] = 1.0
    for offset in offsets.tolist():
        reach = size - offset
        if reach > 0:
            ways[1:, offset:] += ways[:-1, :reach].copy()
    share: Floats = ways[chosen] / ways[chosen].sum()
    return share


def _labels(member: npt.ArrayLike, n: int) -> Bools:
    labels = np.asarray(member, dtype=np.bool_)
    if labels.shape != (n,) or labels.all() or not labels.any():
        raise ValueError("auc_p: needs one label a score, and members as well as held-out units")
    return labels


def _blocks(strata: Sequence[object] | None, n: int) -> list[Ints]:
    if strata is None:
        return [np.arange(n, dtype=np.int64)]
    if len(strata) != n:
        raise ValueError("strata: needs one a unit")
    members: dict[object, list[int]] = {}
    for index, stratum in enumerate(strata):
        members.setdefault(stratum, []).append(index)
    return [np.asarray(block, dtype=np.int64) for block in members.values()]
