"""plant: the audit design, its canaries, and dataset folders that any trainer can read."""

from tunegate.canary import Canary, make
from tunegate.plant.canaries import allocate, language_of
from tunegate.plant.design import Design, counts, draw
from tunegate.plant.preflight import check_canaries, check_recipe, check_records
from tunegate.plant.settings import TRIAL_RECORDS, AuditSettings

__all__ = [
    "TRIAL_RECORDS",
    "AuditSettings",
    "Canary",
    "Design",
    "allocate",
    "check_canaries",
    "check_recipe",
    "check_records",
    "counts",
    "draw",
    "language_of",
    "make",
]
