"""Intervals, tests, corrections and power: pure functions on arrays, no model needed."""

from __future__ import annotations

from tunegate.stats.bounded import bounded_mean
from tunegate.stats.corrections import holm, max_t
from tunegate.stats.extraction import discoverable, extraction_probability, queries_needed
from tunegate.stats.hypothesis_tests import (
    auc_p,
    aucs,
    label_permutations,
    mcnemar_p,
    sign_flip_p,
)
from tunegate.stats.intervals import (
    LEAST_UNITS,
    Interval,
    clopper_pearson,
    lower_bound,
    paired_difference,
    upper_bound,
)
from tunegate.stats.means import paired_mean
from tunegate.stats.membership import (
    OperatingPoint,
    auc,
    auc_interval,
    least_heldout,
    roc,
    tpr_at_fpr,
)
from tunegate.stats.power import (
    GatePower,
    auc_power,
    detectable_auc,
    exposure_power,
    gate_power,
    sighting_power,
    smallest_tolerance,
    units_needed,
)
from tunegate.stats.ranks import chance_exposure, exposure, mean_exposure_p, rank_p, worst_rank

__all__ = [
    "LEAST_UNITS",
    "GatePower",
    "Interval",
    "OperatingPoint",
    "auc",
    "auc_interval",
    "auc_p",
    "auc_power",
    "aucs",
    "bounded_mean",
    "chance_exposure",
    "clopper_pearson",
    "detectable_auc",
    "discoverable",
    "exposure",
    "exposure_power",
    "extraction_probability",
    "gate_power",
    "holm",
    "label_permutations",
    "least_heldout",
    "lower_bound",
    "max_t",
    "mcnemar_p",
    "mean_exposure_p",
    "paired_difference",
    "paired_mean",
    "queries_needed",
    "rank_p",
    "roc",
    "sighting_power",
    "sign_flip_p",
    "smallest_tolerance",
    "tpr_at_fpr",
    "units_needed",
    "upper_bound",
    "worst_rank",
]
