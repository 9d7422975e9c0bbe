"""Shares of units to which something happened under tuned and not under base."""

from __future__ import annotations

from collections.abc import Mapping

from tunegate.diff.context import LEVEL, Context
from tunegate.stats.intervals import clopper_pearson
from tunegate.types import Measurement, Reason

LEAST_UNITS = 1


def excess_rate(
    context: Context,
    outcomes: Mapping[str, tuple[bool, bool]],
    *,
    probe: str,
    metric: str,
    stratum: str,
    params: Mapping[str, str | int | float],
) -> Measurement:
    """The share of units that the tuned model gives away and the base does not.

    Args:
        context: Arm and checkpoint.
        outcomes: Unit → (base gave it away, tuned gave it away).
        probe: Its name.
        metric: Its name.
        stratum: Which units these are.
        params: What a reader needs to know about the attack.

    Returns:
        `effect` is the excess share with its exact binomial interval: a unit that the base gives
        away too was known before and counts against nobody.
    """
    n = len(outcomes)
    if n < LEAST_UNITS:
        return Measurement(
            probe=probe,
            metric=metric,
            arm=context.arm,
            checkpoint=context.checkpoint,
            stratum=stratum,
            scored=False,
            reason=Reason(code="no_sensitive_units"),
            params=params,
        )
    new = sum(tuned and not base for base, tuned in outcomes.values())
    return Measurement(
        probe=probe,
        metric=metric,
        arm=context.arm,
        checkpoint=context.checkpoint,
        stratum=stratum,
        base=sum(base for base, _ in outcomes.values()) / n,
        tuned=sum(tuned for _, tuned in outcomes.values()) / n,
        effect=new / n,
        interval=clopper_pearson(new, n, level=LEVEL),
        level=LEVEL,
        n=n,
        params=params,
    )
