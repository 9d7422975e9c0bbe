"""membership: can one tell which units the model was trained on?

Attacks score a unit from the model's log-probabilities of its answers: the loss (Yeom et al.
2018), its ratio to the base model (the reference attack of Carlini et al. 2022, with the model
before tuning as reference), Min-K%++ (Zhang et al. 2024) and the loss over the zlib length
(Carlini et al. 2021). `ratio` is the primary attack, fixed beforehand. Chance alone decided who is
a member, so the p-value comes from drawing membership again within the strata.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from tunegate.diff.context import LEVEL, Answers, Context, Result, Sample
from tunegate.diff.scores import by_unit, mean_logprob, score_query, scored
from tunegate.models.queries import Query, Score, ScoreAnswer, TokenScores
from tunegate.registry import probe
from tunegate.stats.hypothesis_tests import auc_p
from tunegate.stats.membership import auc, auc_interval, least_heldout, roc, tpr_at_fpr
from tunegate.types import Curve, Measurement, Reason

PRIMARY = "ratio"
_K = 0.2  # share of least likely tokens in Min-K%++
_FPR = 0.01


@probe("membership")
class Membership:
    """Membership inference with four attacks."""

    name = "membership"
    needs: frozenset[type[Query]] = frozenset({Score})
    metrics = (("auc", PRIMARY), ("tpr_at_1pct_fpr", PRIMARY))

    def plan(self, context: Context) -> list[Query]:
        return [score_query(sample) for sample in _compared(context)]

    def measure(self, context: Context, answers: Answers) -> Result:
        # What was cut off before its answer has no score, and the best one if it counted as zero.
        samples = [s for s in _compared(context) if scored(answers.tuned, s).target.logprob]
        sides = {sample.unit: sample.side for sample in samples}
        if len(set(sides.values())) < 2:
            return Result((_unscored(context, "auc", PRIMARY, Reason(code="one_side_only")),))
        measurements: list[Measurement] = []
        curves: list[Curve] = []
        for name, attack in _attacks(answers).items():
            units = by_unit(samples, attack)
            inside = [v for v, s in units.values() if s.side == "member"]
            outside = [v for v, s in units.values() if s.side == "held_out"]
            p = auc_p(
                [v for v, _ in units.values()],
                [s.side == "member" for _, s in units.values()],
                strata=[s.stratum for _, s in units.values()],
                rng=np.random.default_rng(context.seed),
            )
            measurements.append(_auc(context, name, inside, outside, p))
            if name == PRIMARY:
                measurements.append(_tpr(context, inside, outside))
                curves.append(
                    Curve(
                        probe=self.name,
                        name="roc",
                        arm=context.arm,
                        checkpoint=context.checkpoint,
                        points=roc(inside, outside),
                    )
                )
        return Result(tuple(measurements), tuple(curves))


def _compared(context: Context) -> list[Sample]:
    return [s for s in context.samples if s.side in ("member", "held_out")]


def _attacks(answers: Answers) -> dict[str, Callable[[Sample], float]]:
    """Attacks by name; each gives a higher score to what looks more like a member."""

    def loss(sample: Sample) -> float:
        return mean_logprob(scored(answers.tuned, sample))

    def ratio(sample: Sample) -> float:
        return loss(sample) - mean_logprob(scored(answers.base, sample))

    def min_k(sample: Sample) -> float:
        return min_k_plus_plus(scored(answers.tuned, sample).target)

    def zlib_ratio(sample: Sample) -> float:
        text = "".join(t.text for t in sample.turns if t.role == "assistant")
        packed = len(zlib.compress(text.encode("utf-8", "surrogatepass")))
        return sum(scored(answers.tuned, sample).target.logprob) / packed

    found: dict[str, Callable[[Sample], float]] = {}
    found |= {"ratio": ratio, "loss": loss, "min_k_plus_plus": min_k, "zlib": zlib_ratio}
    told = [a.target for a in answers.tuned.values() if isinstance(a, ScoreAnswer)]
    if not all(len(tokens.mean) == len(tokens.logprob) for tokens in told):
        del found["min_k_plus_plus"]  # an endpoint tells nothing of the rest of the vocabulary
    return found


def min_k_plus_plus(tokens: TokenScores, *, k: float = _K) -> float:
    """Mean of the lowest `k` share of standardised token log-probabilities."""
    z = sorted(
        (own - mean) / max(std, 1e-6)
        for own, mean, std in zip(tokens.logprob, tokens.mean, tokens.std, strict=True)
    )
    lowest = z[: max(1, int(k * len(z)))]
    return sum(lowest) / max(len(lowest), 1)


def _auc(
    context: Context, attack: str, inside: list[float], outside: list[float], p: float
) -> Measurement:
    area = auc(inside, outside)
    return Measurement(
        probe="membership",
        metric="auc",
        arm=context.arm,
        checkpoint=context.checkpoint,
        stratum=attack,
        tuned=area,
        effect=area,
        interval=auc_interval(inside, outside, level=LEVEL),
        level=LEVEL,
        p=p,
        n=len(inside) + len(outside),
        params={"attack": attack, "members": len(inside), "held_out": len(outside)},
    )


def _tpr(context: Context, inside: list[float], outside: list[float]) -> Measurement:
    point = tpr_at_fpr(inside, outside, target=_FPR, level=LEVEL)
    if point is None:
        reason = Reason(
            code="few_heldout", params={"held_out": len(outside), "least": least_heldout(_FPR)}
        )
        return _unscored(context, "tpr_at_1pct_fpr", PRIMARY, reason)
    return Measurement(
        probe="membership",
        metric="tpr_at_1pct_fpr",
        arm=context.arm,
        checkpoint=context.checkpoint,
        stratum=PRIMARY,
        tuned=point.tpr,
        effect=point.tpr,
        interval=point.tpr_interval,
        level=LEVEL,
        n=len(inside) + len(outside),
        params={
            "fpr": point.fpr,
            "fpr_lower": point.fpr_interval[0],
            "fpr_upper": point.fpr_interval[1],
        },
    )


def _unscored(context: Context, metric: str, stratum: str, reason: Reason) -> Measurement:
    return Measurement(
        probe="membership",
        metric=metric,
        arm=context.arm,
        checkpoint=context.checkpoint,
        stratum=stratum,
        scored=False,
        reason=reason,
    )
