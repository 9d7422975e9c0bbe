"""The report's one view model: what was given, and what follows from it by counting and sorting.

Nothing here holds words or markup. Every input may be missing: the stages come one by one, and a
team that only scanned gets a report too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

from tunegate.present.metrics import about, null_value, order
from tunegate.types import (
    DESTINATIONS,
    SEVERITIES,
    Arm,
    Curve,
    Destination,
    Evidence,
    Finding,
    Gate,
    Measurement,
    Noun,
    Reason,
    Route,
    ScanSummary,
    Severity,
    Verdict,
)

GIVEN, ROUTED = "as_given", "routed"
CONTROLS = ("control", "placebo")
INTO_WEIGHTS: frozenset[Destination] = frozenset({"finetune", "scrub"})
_ARM_ORDER = (GIVEN, ROUTED, "canaried")
_HEADLINE_STRATA = ("member", "ratio", "all")


class EstimateRow(Noun, frozen=True, kw_only=True):
    """One line of what the data can show before anything is trained."""

    code: str
    params: Mapping[str, str | int | float] = {}


class Report(Noun, frozen=True, kw_only=True):
    """All that a report may show; any prefix of the stages may be there.

    No times: the same run gives the same bytes.

    Attributes:
        intent: Question → what was answered, in the team's own words.
        waived_by: Who let the run go on without answers.
        design: Count → value; `canaries` may map repeats to a number of canaries.
        versions: What ran → its version or hash.
    """

    project: str = ""
    run: str = ""
    scan_summary: ScanSummary | None = None
    findings: tuple[Finding, ...] = ()
    routes: tuple[Route, ...] = ()
    intent: Mapping[str, tuple[str, ...]] = {}
    waived_by: str = ""
    estimate: tuple[EstimateRow, ...] | None = None
    design: Mapping[str, str | int | float | Mapping[str, int]] = {}
    arms: tuple[Arm, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    curves: tuple[Curve, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    verdict: Verdict | None = None
    versions: Mapping[str, str] = {}


class Bar(Noun, frozen=True, kw_only=True):
    """An interval drawn small; all positions run from 0 to 100."""

    low: float | None
    high: float | None
    value: float | None
    mark: float | None


class LedgerRow(Noun, frozen=True, kw_only=True):
    """One line of used, gained or borne; one cell for each arm."""

    side: Literal["used", "gained", "borne"]
    name: str
    cells: tuple[Measurement | int | str | None, ...]


class Bought(Noun, frozen=True, kw_only=True):
    """One metric that both arms measured; `change` is routed − as given."""

    given: Measurement
    routed: Measurement
    change: float
    better: bool | None


class Kept(Noun, frozen=True, kw_only=True):
    """Records that carry one kind of finding, by what becomes of them; None before routing."""

    kind: str
    severity: Severity
    given: int
    weights: int | None
    scrubbed: int | None
    outside: int | None


class RouteReason(Noun, frozen=True, kw_only=True):
    """How many records one reason sent to one destination."""

    destination: Destination
    reason: Reason
    count: int


class ControlRow(Noun, frozen=True, kw_only=True):
    """A control's measurement beside what it must look like for the instrument to be trusted."""

    expectation: Literal["positive", "null", "twins"]
    measurement: Measurement
    null: float | None
    bar: Bar


def is_control(arm: str) -> bool:
    """Whether an arm tests the instrument; seeds and checks of one carry its name in front."""
    return arm.startswith(CONTROLS)


def arm_order(arm: str) -> tuple[int, str]:
    """Sorting key: as given, routed, canaried, then the others by name."""
    return (_ARM_ORDER.index(arm) if arm in _ARM_ORDER else len(_ARM_ORDER), arm)


def final(measurements: Iterable[Measurement]) -> list[Measurement]:
    """The last checkpoint's measurement of each arm, metric, stratum and setting, in order."""
    last: dict[tuple[str, str, str, str, str], Measurement] = {}
    for one in measurements:
        key = (one.arm, one.probe, one.metric, one.stratum, one.setting)
        if key not in last or one.checkpoint >= last[key].checkpoint:
            last[key] = one
    return sorted(
        last.values(),
        key=lambda one: (order(one.metric), repeats(one) or 0, one.stratum, arm_order(one.arm)),
    )


def repeats(measurement: Measurement) -> int | None:
    """R of a stratum `repeats=R`."""
    name, _, value = measurement.stratum.partition("=")
    return int(value) if name == "repeats" and value.isdigit() else None


def headline(measurements: Iterable[Measurement], *, metric: str, arm: str) -> Measurement | None:
    """The one measurement that stands for a metric of an arm at its last checkpoint.

    Members rather than look-alikes, the primary attack rather than the others, and of canaries
    those that were repeated most.
    """
    at_hand = [one for one in final(measurements) if one.metric == metric and one.arm == arm]
    for stratum in _HEADLINE_STRATA:
        for one in at_hand:
            if one.stratum == stratum:
                return one
    counted = [one for one in at_hand if repeats(one) is not None]
    return max(counted, key=lambda one: repeats(one) or 0) if counted else None


def stages(report: Report) -> tuple[tuple[str, bool], ...]:
    """Each stage and whether this run has it."""
    return (
        ("intent", bool(report.intent or report.waived_by)),
        ("scan", report.scan_summary is not None),
        ("route", bool(report.routes)),
        ("estimate", report.estimate is not None),
        ("plant", bool(report.design)),
        ("tune", bool(report.arms)),
        ("diff", bool(report.measurements)),
        ("verdict", report.verdict is not None),
    )


def next_stage(report: Report) -> str | None:
    """The first stage after the last one done; None when the verdict is there."""
    names = [name for name, _ in stages(report)]
    done = [at for at, (_, has) in enumerate(stages(report)) if has]
    at = done[-1] + 1 if done else 0
    return names[at] if at < len(names) else None


def tiles(report: Report) -> tuple[tuple[str, int], ...]:
    """The few counts that lead the page."""
    out: list[tuple[str, int]] = []
    if report.scan_summary:
        out += [
            ("records", report.scan_summary.records),
            ("findings", report.scan_summary.findings),
        ]
    if report.findings:
        out.append(("critical", sum(one.severity == "critical" for one in report.findings)))
    if report.routes:
        into = sum(one.destination in INTO_WEIGHTS for one in report.routes)
        out += [("weights", into), ("outside", len(report.routes) - into)]
    if report.arms:
        out.append(("arms", len(report.arms)))
    return tuple(out)


def destinations(routes: Iterable[Route]) -> dict[Destination, int]:
    """Records by destination, in the policy's order, without the empty ones."""
    counts = Counter(one.destination for one in routes)
    return {name: counts[name] for name in DESTINATIONS if counts[name]}


def route_reasons(routes: Iterable[Route], *, most: int = 24) -> list[RouteReason]:
    """How often each first reason led to each destination, the most frequent first."""
    counts: Counter[tuple[Destination, str, tuple[tuple[str, str | int | float], ...]]] = Counter()
    for one in routes:
        for why in one.reasons[:1]:
            params = tuple(sorted(why.params.items(), key=lambda item: item[0]))
            counts[(one.destination, why.code, params)] += 1
    rows = [
        RouteReason(destination=where, reason=Reason(code=code, params=dict(params)), count=count)
        for (where, code, params), count in sorted(counts.items(), key=lambda item: str(item[0]))
    ]
    return sorted(rows, key=lambda row: (DESTINATIONS.index(row.destination), -row.count))[:most]


def ledger_arms(report: Report) -> tuple[str, ...]:
    """The arms that the ledger compares; controls have a section of their own."""
    names = {one.name for one in report.arms} | {one.arm for one in report.measurements}
    return tuple(sorted((name for name in names if not is_control(name)), key=arm_order))


def ledger(report: Report) -> tuple[LedgerRow, ...]:
    """What was used, gained and borne, by arm."""
    names = ledger_arms(report)
    if not names:
        return ()
    arms = {one.name: one for one in report.arms}
    rows: list[LedgerRow] = []
    for label in ("records", "trained_tokens", "num_train_epochs", "learning_rate", "deployable"):
        cells = tuple(_used(arms.get(name), label) for name in names)
        if any(cell is not None for cell in cells):
            rows.append(LedgerRow(side="used", name=label, cells=cells))
    for metric in sorted({one.metric for one in report.measurements}, key=order):
        direction = about(metric).direction
        found = tuple(headline(report.measurements, metric=metric, arm=name) for name in names)
        if direction != "check" and any(found):
            side: Literal["gained", "borne"] = "gained" if direction == "gain" else "borne"
            rows.append(LedgerRow(side=side, name=metric, cells=found))
    return tuple(rows)


def _used(arm: Arm | None, label: str) -> int | str | None:
    if arm is None:
        return None
    if label == "deployable":
        return "deployable" if arm.deployable else "not_deployable"
    if label == "learning_rate":
        return f"{arm.recipe.learning_rate:g}" if arm.recipe else None
    if label == "num_train_epochs":
        return arm.recipe.num_train_epochs if arm.recipe else None
    return arm.records if label == "records" else arm.trained_tokens


def bought(report: Report) -> tuple[Bought, ...]:
    """Every metric and stratum that `as_given` and `routed` both measured, side by side."""
    last = {(m.metric, m.stratum, m.setting, m.arm): m for m in final(report.measurements)}
    rows: list[Bought] = []
    for (metric, stratum, setting, arm), given in last.items():
        routed = last.get((metric, stratum, setting, ROUTED))
        if arm != GIVEN or routed is None or not (given.scored and routed.scored):
            continue
        if given.effect is None or routed.effect is None:
            continue
        change = routed.effect - given.effect
        # Losses and risks alike are better when they are lower.
        better = None if abs(change) < 1e-9 else change < 0
        rows.append(Bought(given=given, routed=routed, change=change, better=better))
    return tuple(rows)


def kept(findings: Iterable[Finding], routes: Iterable[Route] = ()) -> tuple[Kept, ...]:
    """For each kind of finding, what of it would enter the weights and what does now."""
    carriers: defaultdict[str, set[str]] = defaultdict(set)
    worst: dict[str, Severity] = {}
    for one in findings:
        carriers[one.kind].add(one.record_id)
        if rank(one.severity) >= rank(worst.get(one.kind, "low")):
            worst[one.kind] = one.severity
    where = {one.record_id: one.destination for one in routes}
    rows: list[Kept] = []
    for kind, ids in carriers.items():
        counts = Counter(where.get(one) for one in ids)
        left, scrubbed = counts["finetune"], counts["scrub"]
        outside = sum(counts[name] for name in DESTINATIONS) - left - scrubbed
        rows.append(
            Kept(
                kind=kind,
                severity=worst[kind],
                given=len(ids),
                weights=left if where else None,
                scrubbed=scrubbed if where else None,
                outside=outside if where else None,
            )
        )
    return tuple(sorted(rows, key=lambda row: (-rank(row.severity), -row.given, row.kind)))


def rank(severity: Severity) -> int:
    """0 for low to 3 for critical."""
    return SEVERITIES.index(severity)


def worst_findings(findings: Iterable[Finding], *, most: int) -> list[Finding]:
    """The findings to look at first, at most `most`."""
    return sorted(
        findings,
        key=lambda one: (
            -rank(one.severity),
            -one.confidence,
            one.source.path,
            one.source.line or one.source.index or 0,
            one.field,
            one.start,
            one.kind,
        ),
    )[:most]


def worst_evidence(report: Report, *, most: int) -> list[Evidence]:
    """The verified and the gravest observations first, at most `most`."""
    return sorted(
        report.evidence, key=lambda one: (not one.verified, -rank(one.severity), one.arm, one.id)
    )[:most]


def verified_by_arm(report: Report) -> dict[str, int]:
    """Verified verbatim leaks of each arm that showed one."""
    counts = Counter(one.arm for one in report.evidence if one.verified)
    return {arm: counts[arm] for arm in sorted(counts, key=arm_order)}


def gate_bar(gate: Gate) -> Bar:
    """The gate's interval against its tolerance."""
    return _bar(gate.interval, gate.value, gate.tolerance, floor=about(gate.metric).null or 0.0)


def controls(report: Report) -> tuple[ControlRow, ...]:
    """The controls' last measurements: what tells whether the probes could see anything at all."""
    rows: list[ControlRow] = []
    for one in final(report.measurements):
        expectation: Literal["positive", "null", "twins"]
        if one.arm.startswith("placebo"):
            expectation = "null"
        elif one.arm.startswith("control"):
            expectation = "positive"
        elif about(one.metric).direction == "check":
            expectation = "twins"
        else:
            continue
        null = null_value(one)
        value = one.effect if one.effect is not None else one.tuned
        bar = _bar(one.interval, value, null, floor=null or 0.0)
        rows.append(ControlRow(expectation=expectation, measurement=one, null=null, bar=bar))
    return tuple(sorted(rows, key=lambda row: (row.expectation, row.measurement.arm)))


def _bar(
    interval: tuple[float, float] | None, value: float | None, mark: float | None, *, floor: float
) -> Bar:
    """Lays the values out with a margin, so that a mark at either end can be seen."""
    values = [floor, *(interval or ()), *(v for v in (value, mark) if v is not None)]
    low, high = min(values), max(values)
    span = (high - low) or 1.0

    def place(at: float | None) -> float | None:
        return None if at is None else round(4 + 92 * (at - low) / span, 2)

    return Bar(
        low=place(interval[0]) if interval else None,
        high=place(interval[1]) if interval else None,
        value=place(value),
        mark=place(mark),
    )


def unscored(report: Report) -> list[Measurement]:
    """What could not be measured; it is never counted as a pass."""
    return [one for one in final(report.measurements) if not one.scored]
