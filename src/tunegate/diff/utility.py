"""utility: does the model answer better on units that it never saw and nobody else looks at?

The measure is the mean loss of an answer's token in nats, tuned minus base, paired by unit;
negative is a gain.
"""

from __future__ import annotations

import numpy as np

from tunegate.diff.context import LEVEL, Answers, Context, Result, unscored
from tunegate.diff.scores import by_unit, mean_logprob, score_query, scored
from tunegate.models.queries import Query, Score
from tunegate.registry import probe
from tunegate.stats.hypothesis_tests import sign_flip_p
from tunegate.stats.means import paired_mean
from tunegate.types import Measurement, Reason


@probe("utility")
class Utility:
    """Held-out loss."""

    name = "utility"
    needs: frozenset[type[Query]] = frozenset({Score})
    metrics = (("heldout_loss", "all"),)

    def plan(self, context: Context) -> list[Query]:
        return [score_query(s) for s in context.samples if s.side == "utility"]

    def measure(self, context: Context, answers: Answers) -> Result:
        samples = [
            s
            for s in context.samples
            if s.side == "utility" and scored(answers.tuned, s).target.logprob  # not cut off
        ]
        if not samples:
            reason = Reason(code="no_utility_units")
            return unscored(
                context, probe=self.name, metric="heldout_loss", stratum="all", reason=reason
            )
        base = by_unit(samples, lambda s: -mean_logprob(scored(answers.base, s)))
        tuned = by_unit(samples, lambda s: -mean_logprob(scored(answers.tuned, s)))
        change = [tuned[unit][0] - base[unit][0] for unit in base]
        rng = np.random.default_rng(context.seed)
        one = Measurement(
            probe=self.name,
            metric="heldout_loss",
            arm=context.arm,
            checkpoint=context.checkpoint,
            base=sum(v for v, _ in base.values()) / len(base),
            tuned=sum(v for v, _ in tuned.values()) / len(tuned),
            effect=sum(change) / len(change),
            interval=paired_mean(change, rng=rng, level=LEVEL),
            level=LEVEL,
            p=sign_flip_p(change, alternative="two-sided", rng=rng),
            n=len(change),
        )
        return Result((one,))
