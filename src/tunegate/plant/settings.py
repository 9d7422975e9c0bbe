"""What a team may set about the audit."""

from __future__ import annotations

from tunegate.types import Noun


class AuditSettings(
    Noun, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False
):
    """Section `audit:` of the settings.

    Attributes:
        held_out_fraction: Share of the units that is kept out of every arm.
        utility_fraction: Share of the held-out units that is looked at for utility only.
        canary_share: Most that canaries may take of the trained tokens.
        candidates: Size of each canary's candidate space, itself included.
        large_unit_share: A unit with more than this share of the records is always trained and
            takes no part in the comparison: either side alone would be lopsided with it.
        max_records: Trial size; 0 takes what the depth allows.
        seed: Training seed of the arms.
        attempt: Raised for a deliberate new draw; every attempt stands in the ledger.
    """

    held_out_fraction: float = 0.36
    utility_fraction: float = 0.5
    canary_share: float = 0.1
    candidates: int = 256
    large_unit_share: float = 0.05
    max_records: int = 0
    seed: int = 0
    attempt: int = 1


TRIAL_RECORDS = {"quick": 240, "standard": 1000, "full": 1_000_000}
