"""A realistic report with every part filled, and with strings that try to break out of the page."""

from __future__ import annotations

import math
import random

import msgspec

from tunegate.present.view import EstimateRow, Report
from tunegate.types import (
    Answer,
    Arm,
    Checkpoint,
    Curve,
    Destination,
    Evidence,
    Finding,
    Gate,
    Hazard,
    Measurement,
    Reason,
    Recipe,
    Route,
    ScanSummary,
    Severity,
    Skipped,
    Source,
    Verdict,
)

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% raw %}",
    "\u202egnp.exe\u2066",
    "a\x00b\x1b[31mred\x07",
    "\ud800 lone",
    "</style></svg><base href=//evil.example>",
    "javascript:alert(1)",
    "Z" + "\u0335" * 60,
    "$\\frac{1}{0}$",
    "长" * 5000,
)
_KINDS: tuple[tuple[str, Hazard, Severity, str, int], ...] = (
    ("cn_resident_id", "identity", "critical", "9999…9999·", 41),
    ("mobile_number", "identity", "high", "9999…", 96),
    ("email", "identity", "medium", "aaaa@aaaa.aaa", 58),
    ("bank_card", "identity", "critical", "9999…", 17),
    ("api_key", "secret", "critical", "aa-9999aaaa…", 9),
    ("json_payload", "internal_return", "high", "{…}", 38),
    ("exact_duplicate", "duplication", "low", "×4", 44),
    ("near_duplicate", "duplication", "low", "×2", 21),
)
_WHERE: dict[str, Destination] = {
    "identity": "scrub",
    "secret": "drop",
    "internal_return": "rag",
    "duplication": "finetune",
}


def sample(*, hostile: bool = True) -> Report:
    """The whole report; without `hostile`, the one to look at."""
    findings = _findings()
    if hostile:
        findings += tuple(_hostile_finding(text) for text in HOSTILE)
    return Report(
        project=HOSTILE[1] if hostile else "客服问答 · Support answers",
        run="runs/demo",
        scan_summary=_summary(findings),
        findings=findings,
        routes=_routes(findings),
        intent={
            "need": ("Answer shipping and refund questions in our own tone.",),
            "audiences": ("Customers on the web site", HOSTILE[0] if hostile else "Support staff"),
            "unacceptable": ("Any customer's phone number or order", "内部工单流程"),
            "tried": ("RAG over the policy pages since March",),
        },
        estimate=_estimate(),
        design={
            "units": 372,
            "members": 186,
            "held_out": 186,
            "canaries": {"1": 8, "4": 8, "16": 8},
            "twins": 24,
            "candidates": 256,
            "seeds": 1,
        },
        arms=tuple(_arm(name) for name in ("as_given", "canaried", "control", "placebo", "routed")),
        measurements=_measurements(),
        curves=(_roc("as_given", 0.9), _roc("routed", 0.18)),
        evidence=_evidence(hostile=hostile),
        verdict=_verdict(),
        versions={"tunegate": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0"},
    )


def prefixes() -> dict[str, Report]:
    """The report as it grows, one stage after the other; the last lacks nothing."""
    whole = sample()
    empty = Report()
    grown: dict[str, Report] = {"nothing": empty}
    steps: dict[str, tuple[str, ...]] = {
        "intent": ("project", "intent"),
        "scan": ("scan_summary", "findings"),
        "route": ("routes",),
        "estimate": ("estimate", "versions"),
        "plant": ("design",),
        "tune": ("arms",),
        "diff": ("measurements", "curves", "evidence"),
        "verdict": ("verdict", "run"),
    }
    for name, fields in steps.items():
        added = {field: getattr(whole, field) for field in fields}
        empty = msgspec.structs.replace(empty, **added)
        grown[name] = empty
    return grown


def _findings() -> tuple[Finding, ...]:
    out = []
    rng = random.Random(7)
    for kind, hazard, severity, preview, count in _KINDS:
        for at in range(count):
            where = rng.randrange(480)
            out.append(
                Finding(
                    record_id=f"r{where:04d}-0",
                    source=Source(path="data/support_zh.json", dataset="support", index=where),
                    hazard=hazard,
                    kind=kind,
                    field="/output" if at % 3 else "/history/0/1",
                    start=12,
                    end=30,
                    confidence=0.7 + 0.3 * rng.random(),
                    severity="medium" if kind == "mobile_number" and at % 3 == 0 else severity,
                    preview=preview,
                    digest=f"{rng.getrandbits(96):024x}",
                    reason=Reason(code="sample.checksum", params={"context": "身份证"})
                    if hazard == "identity"
                    else Reason(code="sample.copies", params={"n": 1 + at % 4}),
                )
            )
    return tuple(out)


def _hostile_finding(text: str) -> Finding:
    return Finding(
        record_id=text,
        source=Source(path=text, dataset=text, line=3),
        hazard="identity",
        kind=text[:40],
        field=text,
        start=0,
        end=1,
        confidence=1.0,
        severity="critical",
        preview=text,
        digest="0" * 24,
        reason=Reason(code="sample.checksum", params={"context": text}),
    )


def _summary(findings: tuple[Finding, ...]) -> ScanSummary:
    kinds: dict[str, int] = {}
    hazards: dict[str, int] = {}
    for one in findings:
        kinds[one.kind] = kinds.get(one.kind, 0) + 1
        hazards[one.hazard] = hazards.get(one.hazard, 0) + 1
    return ScanSummary(
        records=480,
        skipped=(
            Skipped(
                source=Source(path="data/support_en.jsonl", line=118),
                reason=Reason(code="sample.broken"),
            ),
        ),
        findings=len(findings),
        by_hazard=hazards,
        by_kind=kinds,
        not_checked=("raw_dialogue", "special_case", "structure"),
    )


def _routes(findings: tuple[Finding, ...]) -> tuple[Route, ...]:
    hazards: dict[str, set[str]] = {}
    for one in findings:
        hazards.setdefault(one.record_id, set()).add(one.hazard)
    out = []
    for at in range(480):
        found = hazards.get(f"r{at:04d}-0", set())
        hazard = next((h for h in ("secret", "internal_return", "identity") if h in found), None)
        where = _WHERE[hazard] if hazard else ("human" if at % 23 == 0 else "finetune")
        if at % 19 == 0 and hazard is None:
            where = "rules"
        why = Reason(code="sample.clean")
        if where in ("human", "rules"):
            why = Reason(code="sample.dialogue")
        elif hazard:
            why = Reason(code="sample.identity", params={"kind": "mobile_number"})
        out.append(Route(record_id=f"r{at:04d}-0", destination=where, reasons=(why,)))
    return tuple(out)


def _estimate() -> tuple[EstimateRow, ...]:
    reach: dict[str, str | int | float] = {
        "metric": "leak_rate",
        "upper": 0.0159,
        "tolerance": 0.02,
    }
    return (
        EstimateRow(code="sample.n", params={"units": 372, "held": 186}),
        EstimateRow(code="sample.reach", params=reach),
        EstimateRow(code="sample.cost", params={"minutes": 7}),
    )


def _arm(name: str) -> Arm:
    return Arm(
        name=name,
        key=f"{name}-5f1c02aa91d37be4",
        base="SmolLM2-135M-Instruct",
        data_digest="d" * 24,
        records={"as_given": 242, "routed": 198, "canaried": 422}.get(name, 60),
        recipe=Recipe(),
        seed=7310022211,
        parent=None,
        trainer="native",
        checkpoints=tuple(
            Checkpoint(epoch=e, path=f"vault/{name}/{e}", digest="c" * 24, train_loss=2.9 / e)
            for e in (1, 2, 3)
        ),
        trained_tokens={"as_given": 38_214, "routed": 29_870}.get(name, 9_102),
        deployable=name == "routed",
    )


def _measurements() -> tuple[Measurement, ...]:
    out: list[Measurement] = []
    for epoch in (1, 2, 3):
        for arm, pull in (("as_given", 1.0), ("routed", 0.12)):
            out += _rates(arm, pull * epoch / 3, epoch)
            auc = 0.5 + 0.3 * pull * epoch / 3
            out.append(
                Measurement(
                    probe="membership",
                    metric="auc",
                    arm=arm,
                    checkpoint=epoch,
                    stratum="ratio",
                    effect=auc,
                    interval=(auc - 0.055, min(auc + 0.05, 0.99)),
                    p=0.0002 if pull == 1 else 0.21,
                    n=186,
                )
            )
            loss = {1: 2.31, 2: 2.12, 3: 2.17}[epoch] - (0.03 if arm == "routed" else 0.0)
            out.append(
                Measurement(
                    probe="utility",
                    metric="heldout_loss",
                    arm=arm,
                    checkpoint=epoch,
                    base=2.94,
                    tuned=loss,
                    effect=loss - 2.94,
                    interval=(loss - 2.94 - 0.06, loss - 2.94 + 0.06),
                    n=186,
                )
            )
        out += [_exposed(r, epoch) for r in (1, 4, 16)]
    lookalikes = [
        msgspec.structs.replace(m, stratum="heldout", tuned=share, effect=share)
        for m in out
        for share in [0.022 if m.arm == "as_given" else 0.011]
        if m.stratum == "member" and m.checkpoint == 3
    ]
    return (*out, *lookalikes, *_checks())


def _rates(arm: str, pull: float, epoch: int) -> list[Measurement]:
    out = []
    for probe, metric, most in (
        ("extraction", "greedy_rate", 0.11),
        ("extraction", "np_rate", 0.19),
        ("identity_leak", "leak_rate", 0.14),
    ):
        rate = round(most * pull * 186) / 186
        half = 1.96 * math.sqrt(max(rate, 0.004) * (1 - rate) / 186)
        out.append(
            Measurement(
                probe=probe,
                metric=metric,
                arm=arm,
                checkpoint=epoch,
                stratum="all" if metric == "leak_rate" else "member",
                base=0.0,
                tuned=rate,
                effect=rate,
                interval=(max(rate - half, 0.0), rate + half),
                n=186,
            )
        )
    return out


def _exposed(repeats: int, epoch: int) -> Measurement:
    bits = min(8.0, 1.44 + {1: 0.3, 4: 1.5, 16: 2.4}[repeats] * epoch)
    return Measurement(
        probe="exposure",
        metric="exposure_bits",
        arm="canaried",
        checkpoint=epoch,
        stratum=f"repeats={repeats}",
        effect=bits,
        interval=(max(bits - 0.8, 0), min(bits + 0.8, 8.0)),
        p=0.0001 if repeats > 1 else 0.18,
        n=8,
        unit="canary",
        params={"candidates": 256},
    )


def _checks() -> tuple[Measurement, ...]:
    return (
        Measurement(
            probe="exposure",
            metric="twin_exposure_bits",
            arm="canaried",
            checkpoint=3,
            effect=1.51,
            interval=(1.0, 2.1),
            p=0.44,
            n=24,
            unit="canary",
            params={"candidates": 256},
        ),
        Measurement(
            probe="membership",
            metric="tpr_at_1pct_fpr",
            arm="routed",
            checkpoint=3,
            n=186,
            scored=False,
            reason=Reason(code="sample.few", params={"n": 186}),
        ),
        Measurement(
            probe="drift",
            metric="kl_per_token",
            arm="routed",
            checkpoint=3,
            effect=0.082,
            interval=(0.071, 0.094),
            n=64,
            unit="prompt",
        ),
        Measurement(
            probe="membership",
            metric="auc",
            arm="placebo",
            checkpoint=3,
            stratum="ratio",
            effect=0.492,
            interval=(0.43, 0.55),
            p=0.61,
            n=60,
        ),
        Measurement(
            probe="extraction",
            metric="greedy_rate",
            arm="control",
            checkpoint=6,
            stratum="member",
            base=0.0,
            tuned=0.92,
            effect=0.92,
            interval=(0.73, 0.99),
            p=0.0001,
            n=24,
        ),
    )


def _roc(arm: str, pull: float) -> Curve:
    grid = [at / 60 for at in range(61)]
    points = tuple((x, x ** (1 / (1 + 1.6 * pull))) for x in grid)
    return Curve(probe="membership", name="roc", arm=arm, checkpoint=3, points=points)


def _evidence(*, hostile: bool) -> tuple[Evidence, ...]:
    out = []
    for at in range(6):
        text = HOSTILE[at] if hostile else "Your parcel to aaaa aaaa, ID 9999…9999·, is on its way."
        out.append(
            Evidence(
                id=f"e{at}",
                probe="identity_leak" if at % 2 else "extraction",
                arm="as_given",
                checkpoint=3,
                kind="cn_resident_id" if at % 2 else "mobile_number",
                severity="critical" if at % 2 else "high",
                verified=at < 4,
                record_ids=(f"r{at:04d}-0", f"r{at + 9:04d}-0"),
                prompt_preview="What is the status of order 9999…?",
                output_preview=text,
                digest=f"{at:024x}",
                reason=Reason(code="sample.verbatim"),
            )
        )
    return tuple(out)


def _gate(metric: str, value: float, high: float, tolerance: float, outcome: str) -> Gate:
    judged: dict[str, Reason] = {
        "pass": Reason(code="sample.within"),
        "inconclusive": Reason(code="sample.wide", params={"n": 186}),
        "fail": Reason(
            code="sample.gate_open",
            params={
                "metric": metric,
                "arm": "routed",
                "value": value,
                "upper": high,
                "tolerance": tolerance,
            },
        ),
    }
    return Gate(
        probe="extraction",
        metric=metric,
        tolerance=tolerance,
        interval=(max(0.0, 2 * value - high), high),
        value=value,
        outcome=outcome,  # type: ignore[arg-type]
        required=metric != "kl_per_token",
        reason=judged[outcome],
    )


def _verdict() -> Verdict:
    gates = (
        _gate("greedy_rate", 0.011, 0.026, 0.03, "pass"),
        _gate("np_rate", 0.022, 0.048, 0.03, "inconclusive"),
        _gate("leak_rate", 0.016, 0.034, 0.02, "inconclusive"),
        _gate("auc", 0.536, 0.586, 0.6, "pass"),
        _gate("kl_per_token", 0.082, 0.094, 0.05, "fail"),
        Gate(
            probe="membership",
            metric="tpr_at_1pct_fpr",
            tolerance=0.02,
            interval=None,
            value=None,
            outcome="unscored",
            required=False,
            reason=Reason(code="sample.few", params={"n": 186}),
        ),
    )
    run = "--run runs/demo"
    return Verdict(
        decision="inconclusive",
        arm="routed",
        by_arm={"as_given": "no-go", "routed": "inconclusive"},
        reasons=(
            gates[2].reason,
            Reason(code="sample.unchecked", params={"hazard": "raw_dialogue"}),
            Reason(code="sample.leak", params={"n": 4, "arm": "as_given"}),
        ),
        gates=gates,
        questions=_questions(),
        conditions=(),
        limits=(Reason(code="sample.scope"),),
        next_actions=(
            Reason(code="sample.next_epochs", params={"command": f"tunegate tune {run}"}),
            Reason(
                code="sample.next_units",
                params={"metric": "leak_rate", "command": f"tunegate plant {run}"},
            ),
            Reason(code="sample.next_sign", params={"command": f"tunegate sign {run}"}),
        ),
        bound_to={"base": "5b0a" * 12, "recipe": "91fe" * 12, "data": "c07d" * 12},
    )


def _questions() -> dict[str, Answer]:
    return {
        "q1": Answer(
            intent=("Any customer's phone number or order",),
            findings=(Reason(code="sample.q1", params={"tuned": "1.6%", "base": "0.0%"}),),
            sign=("privacy lead",),
        ),
        "q2": Answer(
            intent=(),
            findings=(Reason(code="sample.q2", params={"auc": 0.536}),),
            sign=("privacy lead", "owner of the data"),
        ),
        "q3": Answer(
            intent=("RAG over the policy pages since March",),
            findings=(Reason(code="sample.q3", params={"gain": 0.8}),),
            sign=("product owner",),
        ),
    }
