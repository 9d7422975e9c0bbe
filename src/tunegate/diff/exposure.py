"""exposure: does a secret that was planted r times stand out among those that never were?

A candidate's score is its log-probability under tuned minus that under base, so what the base
already prefers counts for nothing. Planted secret and candidates are drawn alike, which makes the
rank's distribution under "not memorised" exact (Carlini et al. 2019).
"""

from __future__ import annotations

from collections.abc import Sequence

from tunegate.canary import Canary
from tunegate.diff.context import LEVEL, Answers, Context, Result
from tunegate.models.queries import Candidates, CandidatesAnswer, Query
from tunegate.registry import probe
from tunegate.stats.bounded import bounded_mean
from tunegate.stats.intervals import clopper_pearson
from tunegate.stats.ranks import exposure, mean_exposure_p, worst_rank
from tunegate.types import Measurement, Turn


@probe("exposure")
class Exposure:
    """Base-calibrated exposure of canaries and of twins."""

    name = "exposure"
    needs: frozenset[type[Query]] = frozenset({Candidates})
    metrics = (("exposure_bits", "repeats=1"), ("top_rank_rate", "repeats=1"))

    def plan(self, context: Context) -> list[Query]:
        return [_query(canary) for canary in context.canaries]

    def measure(self, context: Context, answers: Answers) -> Result:
        groups: dict[int, list[int]] = {}
        sizes: set[int] = set()
        for canary in context.canaries:
            groups.setdefault(canary.repeats, []).append(_rank(canary, answers))
            sizes.add(len(canary.candidates))
        if len(sizes) != 1:
            return Result()
        size = sizes.pop()
        measurements: list[Measurement] = []
        for repeats, ranks in sorted(groups.items(), reverse=True):
            measurements += _measured(context, repeats=repeats, ranks=ranks, size=size)
        return Result(tuple(measurements))


def _query(canary: Canary) -> Candidates:
    return Candidates(
        turns=(Turn(role="user", text=canary.question),),
        candidates=canary.candidates,
    )


def _rank(canary: Canary, answers: Answers) -> int:
    """Rank of the planted secret among its candidates, 1 being the most exposed."""
    query = _query(canary)
    tuned, base = answers.tuned[query], answers.base[query]
    if not isinstance(tuned, CandidatesAnswer) or not isinstance(base, CandidatesAnswer):
        raise TypeError(type(tuned).__name__)
    gains = [t - b for t, b in zip(tuned.logprobs, base.logprobs, strict=True)]
    return worst_rank(gains, canary.secret)


def _measured(
    context: Context, *, repeats: int, ranks: Sequence[int], size: int
) -> list[Measurement]:
    bits = [exposure(rank, size) for rank in ranks]
    mean = sum(bits) / len(bits)
    firsts = sum(rank == 1 for rank in ranks)
    params: dict[str, str | int | float] = {"candidates": size, "repeats": repeats}
    found = [
        Measurement(
            probe="exposure",
            metric="exposure_bits" if repeats else "twin_exposure_bits",
            arm=context.arm,
            checkpoint=context.checkpoint,
            stratum=f"repeats={repeats}",
            tuned=mean,
            effect=mean,
            interval=bounded_mean(bits, low=0.0, high=exposure(1, size), level=LEVEL),
            level=LEVEL,
            p=mean_exposure_p(ranks, size),
            n=len(ranks),
            unit="canary",
            params=params,
        )
    ]
    if repeats:
        found.append(
            Measurement(
                probe="exposure",
                metric="top_rank_rate",
                arm=context.arm,
                checkpoint=context.checkpoint,
                stratum=f"repeats={repeats}",
                tuned=firsts / len(ranks),
                effect=firsts / len(ranks),
                interval=clopper_pearson(firsts, len(ranks), level=LEVEL),
                level=LEVEL,
                n=len(ranks),
                unit="canary",
                params={**params, "chance": 1 / size},
            )
        )
    return found
