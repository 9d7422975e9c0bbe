"""What a reader must know of each metric: its scale, its value under the null, its direction."""

from __future__ import annotations

import math
from typing import Literal

from tunegate.types import Measurement, Noun

Scale = Literal["percent", "bits", "nats", "auc", "loss", "number"]
Direction = Literal["risk", "gain", "check"]


class Metric(Noun, frozen=True, kw_only=True):
    """`null` is the value when nothing was learned; None where it depends on the measurement."""

    scale: Scale
    direction: Direction
    null: float | None = 0.0


METRICS: dict[str, Metric] = {
    "heldout_loss": Metric(scale="loss", direction="gain"),
    "greedy_rate": Metric(scale="percent", direction="risk"),
    "np_rate": Metric(scale="percent", direction="risk"),
    "leak_rate": Metric(scale="percent", direction="risk"),
    "exposure_bits": Metric(scale="bits", direction="risk", null=None),
    "top_rank_rate": Metric(scale="percent", direction="risk", null=None),
    "auc": Metric(scale="auc", direction="risk", null=0.5),
    "tpr_at_1pct_fpr": Metric(scale="percent", direction="risk", null=0.01),
    "kl_per_token": Metric(scale="nats", direction="risk"),
    "twin_exposure_bits": Metric(scale="bits", direction="check", null=None),
}
_UNKNOWN = Metric(scale="number", direction="risk")


def about(metric: str) -> Metric:
    """The metric's entry; one that a plug-in brought is taken as a plain number that is a risk."""
    return METRICS.get(metric, _UNKNOWN)


def order(metric: str) -> tuple[int, str]:
    """Sorting key: the order of `METRICS`, then the plug-ins' by name."""
    names = list(METRICS)
    return (names.index(metric) if metric in METRICS else len(names), metric)


def null_value(measurement: Measurement) -> float | None:
    """What the metric would be if the model had learned nothing.

    For exposure that is the mean over a uniform rank among the candidates,
    `log2 N - mean(log2 k)`, `k = 1..N` (Carlini et al., The Secret Sharer, USENIX Security 2019).
    """
    null = about(measurement.metric).null
    candidates = candidate_count(measurement)
    if null is not None or candidates is None:
        return null
    if about(measurement.metric).scale == "percent":
        return 1 / candidates
    return math.log2(candidates) - math.lgamma(candidates + 1) / math.log(2) / candidates


def candidate_count(measurement: Measurement) -> int | None:
    """Size of the candidate space that a rank was taken in, where the measurement quotes it."""
    value = measurement.params.get("candidates")
    return int(value) if isinstance(value, int | float) and value >= 1 else None
