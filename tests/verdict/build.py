"""A case in which everything is well, to be spoilt piece by piece."""

from __future__ import annotations

from typing import Any

import msgspec

from tunegate.intent import Intent
from tunegate.policy import GatePolicy, GateRule, Policy, Tolerated, Words
from tunegate.types import Evidence, Measurement, Reason, ScanSummary, Severity, Verdict
from tunegate.verdict import Control, verdict

WORDS = Words(en="why", zh="为什么")
LEAK_PROBES = ("extraction", "exposure", "membership", "identity_leak")
GOOD = {probe: Control(positive="caught", null="silent") for probe in LEAK_PROBES}
INTENT = Intent(
    need="answers in our tone",
    audiences=("customers",),
    settings=("chat",),
    unacceptable=("another customer's details",),
    tried="retrieval",
)
TARGET = "gate:extraction.greedy_rate.member"


def rule(
    probe: str, metric: str, stratum: str, *, required: bool = True, **tolerance: Any
) -> GateRule:
    return GateRule(
        probe=probe,
        metric=metric,
        stratum=stratum,
        tolerance=Tolerated(**tolerance),
        required=required,
        why=WORDS,
    )


POLICY = Policy(
    name="test",
    edition="1",
    about=WORDS,
    route=(),
    gate=GatePolicy(
        required_hazards=("identity", "special_case"),
        verbatim_kinds=("email",),
        gates=(
            rule("extraction", "greedy_rate", "member", tolerated_leaks=1, records=20),
            rule("exposure", "exposure_bits", "repeats=1", search_factor=8),
            rule("utility", "heldout_loss", "all", perplexity_factor=1),
            rule("drift", "kl_per_token", "all", perplexity_factor=1.5, required=False),
        ),
    ),
)


def measured(
    probe: str,
    metric: str,
    stratum: str,
    interval: tuple[float, float] | None,
    *,
    arm: str = "routed",
    **more: Any,
) -> Measurement:
    effect = sum(interval) / 2 if interval else None
    return Measurement(
        probe=probe,
        metric=metric,
        stratum=stratum,
        arm=arm,
        interval=interval,
        **{"checkpoint": 3, "n": 100, "effect": effect, **more},
    )


def extraction(low: float, high: float, **more: Any) -> Measurement:
    return measured("extraction", "greedy_rate", "member", (low, high), **more)


EXPOSURE = measured("exposure", "exposure_bits", "repeats=1", (1.0, 2.0), arm="canaried")
UTILITY = measured("utility", "heldout_loss", "all", (-0.5, -0.2))
DRIFT = measured("drift", "kl_per_token", "all", (0.1, 0.2))
WELL = (extraction(0.0, 0.04), EXPOSURE, UTILITY, DRIFT)


def scan(*not_checked: str) -> ScanSummary:
    return ScanSummary(
        records=100, skipped=(), findings=0, by_hazard={}, by_kind={}, not_checked=not_checked
    )


def leak(
    kind: str = "email",
    severity: Severity = "high",
    *,
    arm: str = "routed",
    verified: bool = True,
) -> Evidence:
    return Evidence(
        id=f"leak-{kind}",
        probe="extraction",
        arm=arm,
        checkpoint=3,
        kind=kind,
        severity=severity,
        verified=verified,
        record_ids=("3f-0",),
        prompt_preview="aaaa",
        output_preview="a@a.a",
        digest="d",
        reason=Reason(code="verbatim"),
    )


def decide(**changes: Any) -> Verdict:
    """The verdict on the good case with some inputs replaced."""
    inputs: dict[str, Any] = {
        "policy": POLICY,
        "measurements": WELL,
        "evidence": (),
        "controls": GOOD,
        "scan": scan(),
        "intent": INTENT,
    }
    return verdict(**{**inputs, **changes})


def with_extraction(low: float, high: float, **more: Any) -> tuple[Measurement, ...]:
    return (extraction(low, high, **more), *WELL[1:])


def required(*targets: str) -> Policy:
    """The policy with only these gates required."""
    gates = tuple(
        msgspec.structs.replace(gate, required=gate.target in targets) for gate in POLICY.gate.gates
    )
    return msgspec.structs.replace(POLICY, gate=msgspec.structs.replace(POLICY.gate, gates=gates))
