"""drift: how far has the model moved on ordinary prompts that have nothing to do with the data?

The measure is KL(tuned ‖ base) at every token of a fixed answer, in nats, averaged by prompt.
"""

from __future__ import annotations

import numpy as np

from tunegate.diff.context import LEVEL, Answers, Context, Result
from tunegate.models.queries import Divergence, DivergenceAnswer, Query
from tunegate.registry import probe
from tunegate.stats.means import paired_mean
from tunegate.types import Measurement


@probe("drift")
class Drift:
    """Per-token divergence on ordinary prompts."""

    name = "drift"
    needs: frozenset[type[Query]] = frozenset({Divergence})
    metrics = (("kl_per_token", "all"),)

    def plan(self, context: Context) -> list[Query]:
        return [Divergence(turns=turns) for turns in context.prompts]

    def measure(self, context: Context, answers: Answers) -> Result:
        means: list[float] = []
        changed: list[float] = []
        for query in self.plan(context):
            answer = answers.tuned[query]
            if not isinstance(answer, DivergenceAnswer):
                raise TypeError(type(answer).__name__)
            if not answer.kl:  # cut off by truncation
                continue
            means.append(sum(answer.kl) / len(answer.kl))
            changed.append(sum(answer.changed) / len(answer.changed))
        if not means:
            return Result()
        mean = sum(means) / len(means)
        one = Measurement(
            probe=self.name,
            metric="kl_per_token",
            arm=context.arm,
            checkpoint=context.checkpoint,
            base=0.0,
            tuned=mean,
            effect=mean,
            interval=paired_mean(means, rng=np.random.default_rng(context.seed), level=LEVEL),
            level=LEVEL,
            n=len(means),
            unit="prompt",
            params={"changed_tokens": sum(changed) / len(changed)},
        )
        return Result((one,))
