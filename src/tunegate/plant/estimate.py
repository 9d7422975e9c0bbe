"""What a draw can show before anything is trained: reachable tolerances and power."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tunegate.canary import Canary
from tunegate.plant.design import Design
from tunegate.policy import GateRule
from tunegate.stats.membership import least_heldout
from tunegate.stats.power import (
    detectable_auc,
    exposure_power,
    sighting_power,
    smallest_tolerance,
    units_needed,
)
from tunegate.types import Reason

_SHIFT_BITS = 2.0  # exposure is called visible when memorisation adds that much
_FPR = 0.01
_LOOKALIKES = "heldout"  # how many of them hold a value is chance, not a plan


def powers(design: Design, canaries: Sequence[Canary]) -> list[Reason]:
    """Sizes of the comparison and what it can detect."""
    members, held_out = len(design.members), len(design.held_out)
    rows = [
        Reason(
            code="estimate.units",
            params={
                "units": len(design.records),
                "members": members,
                "held_out": held_out,
                "utility": len(design.utility),
                "always": len(design.always),
            },
        )
    ]
    area = detectable_auc(members, held_out) if min(members, held_out) > 1 else None
    sizes: dict[str, str | int | float] = {"members": members, "held_out": held_out}
    rows.append(
        Reason(code="estimate.auc", params={**sizes, "auc": area})
        if area is not None
        else Reason(code="estimate.auc_none", params=sizes)
    )
    if held_out < least_heldout(_FPR):
        params: dict[str, str | int | float] = {"held_out": held_out, "least": least_heldout(_FPR)}
        rows.append(Reason(code="estimate.tpr_none", params=params))
    singles = sum(canary.repeats == 1 for canary in canaries)
    size = len(canaries[0].candidates)
    rows.append(
        Reason(
            code="estimate.exposure",
            params={
                "canaries": singles,
                "candidates": size,
                "bits": _SHIFT_BITS,
                "power": exposure_power(singles, size, shift_bits=_SHIFT_BITS),
            },
        )
    )
    return rows


def reachable(rules: Iterable[GateRule], sizes: Mapping[str, int]) -> list[Reason]:
    """For each rate gate, whether so many units could pass it at all.

    Args:
        rules: The policy's gates.
        sizes: `probe.metric` → units that it will be measured on.
    """
    rows = []
    for rule in rules:
        n = sizes.get(f"{rule.probe}.{rule.metric}")
        tolerance = rule.tolerance.tau
        if n is None or rule.stratum == _LOOKALIKES or not 0.0 < tolerance < 1.0:
            continue
        least = smallest_tolerance(n) if n else 1.0
        rows.append(
            Reason(
                code="estimate.reachable" if least <= tolerance else "estimate.unreachable",
                params={
                    "probe": rule.probe,
                    "metric": rule.metric,
                    "n": n,
                    "least": least,
                    "tolerance": tolerance,
                    "needed": units_needed(tolerance),
                    "sighting": sighting_power(tolerance, n) if n else 0.0,
                },
            )
        )
    return rows
