"""The decision: every ground against `go` is collected, and the gravest one decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tunegate.decisions import Ruling, signed
from tunegate.intent import Intent, missing
from tunegate.policy import Policy
from tunegate.types import (
    Decision,
    Destination,
    Evidence,
    Measurement,
    Reason,
    ScanSummary,
    Verdict,
)
from tunegate.verdict.actions import next_actions
from tunegate.verdict.case import INSTRUMENTS, JUDGED, Case, Control, Ground, GroundKind
from tunegate.verdict.gates import Judged, judge_all
from tunegate.verdict.limits import limits
from tunegate.verdict.questions import questions

PRECEDENCE: tuple[Decision, ...] = ("void", "no-go", "inconclusive", "conditional", "go")


def verdict(
    *,
    policy: Policy,
    measurements: Iterable[Measurement],
    evidence: Iterable[Evidence],
    controls: Mapping[str, Control],
    scan: ScanSummary,
    intent: Intent,
    judged: str = JUDGED,
    known_limits: Iterable[Reason] = (),
    rulings: Iterable[Ruling] = (),
    bound_to: Mapping[str, str] | None = None,
    destinations: Mapping[Destination, int] | None = None,
    proxy: bool = False,
    void: Iterable[Reason] = (),
    run: str = "RUN",
) -> Verdict:
    """Decides on one arm by the rules of evidence 1, 5, 6 and 9.

    - A gate passes if its upper bound is at most the tolerance, fails if the lower bound is above
      it, and is inconclusive otherwise; what was not scored is never a pass. `go` needs every
      required gate to pass (an intersection–union test: Berger, "Multiparameter hypothesis
      testing and acceptance sampling", Technometrics 24, 1982; no correction is needed).
    - A positive control that was missed, or never run, makes its probe's passes inconclusive; a
      null control that was flagged makes its probe's failures unscored.
    - One verified verbatim leak is `no-go` at any n, whatever the controls say.
    - With a required hazard unchecked, or on a proxy model, the verdict is never `go`.
    - A named person can accept an inconclusive bound or sign for an unchecked hazard, which makes
      the verdict `conditional`. What was not scored has no bound that could be accepted.

    Args:
        policy: Its `gate` section judges.
        measurements: Of all arms and checkpoints; an arm's last checkpoint counts. Exposure is
            taken from the arm's canaried sister.
        evidence: Of all arms.
        controls: Probe → how it did on its controls.
        scan: What was and was not checked.
        intent: The answers to the questions asked first.
        judged: The arm that the decision is about.
        known_limits: What is known beforehand not to be shown, beside what follows from the rest.
        rulings: People's decisions.
        bound_to: Hashes of base, recipe and data; a verdict says nothing about others.
        destinations: How many records were routed where, for the three questions.
        proxy: The arms are of a smaller model than the one that is to be tuned.
        void: Why the audit cannot mean anything.
        run: The run folder, as the next actions' commands name it.
    """
    case = Case(
        policy=policy,
        measurements=tuple(measurements),
        evidence=tuple(evidence),
        controls=controls,
        scan=scan,
        intent=intent,
        judged=judged,
        known_limits=tuple(known_limits),
        rulings=tuple(rulings),
        bound_to=bound_to or {},
        destinations=destinations or {},
        proxy=proxy,
        void=tuple(void),
        run=run,
    )
    gates = _judged(case, case.judged)
    grounds = _grounds(case, gates, arm=case.judged)
    decision = _gravest(grounds)
    open_grounds = [ground for ground in grounds if not ground.signed]
    reasons = tuple(ground.reason for ground in open_grounds) or tuple(
        ground.reason for ground in grounds
    )
    return Verdict(
        decision=decision,
        arm=case.judged,
        by_arm=_by_arm(case, decision),
        reasons=reasons or (Reason(code="verdict.all_pass"),),
        gates=tuple(one.gate for one in gates),
        questions=questions(case, gates),
        conditions=tuple(g.reason for g in grounds if g.decision == "conditional"),
        limits=limits(case, gates),
        next_actions=next_actions(case, gates, open_grounds),
        bound_to=case.bound_to,
    )


def is_open(given: Verdict) -> bool:
    """Whether the gate is open: `go`, or `conditional` with every condition signed."""
    return given.decision == "go" or (
        given.decision == "conditional"
        and all(condition.params.get("who") for condition in given.conditions)
    )


def _judged(case: Case, arm: str) -> tuple[Judged, ...]:
    return judge_all(case.policy.gate.gates, case.measurements, case.controls, arm=arm)


def _by_arm(case: Case, decision: Decision) -> Mapping[str, Decision]:
    """What each arm that was measured would get; people accept bounds of the judged one only."""
    seen = {one.arm for one in case.measurements} | {one.arm for one in case.evidence}
    arms = {arm for arm in seen if not arm.startswith(INSTRUMENTS)}
    others = {
        arm: _gravest(_grounds(case, _judged(case, arm), arm=arm)) for arm in arms - {case.judged}
    }
    return dict(sorted({**others, case.judged: decision}.items()))


def _gravest(grounds: Sequence[Ground]) -> Decision:
    return min((ground.decision for ground in grounds), key=PRECEDENCE.index, default="go")


def _grounds(case: Case, judged: Sequence[Judged], *, arm: str) -> list[Ground]:
    """All that stands against `go`, the gravest first."""
    found = [
        *(Ground(decision="void", reason=reason, kind="void") for reason in case.void),
        *_verbatim(case, arm),
        *(ground for one in judged if (ground := _of_gate(case, one, arm)) is not None),
        *_of_hazards(case),
        *_of_intent(case),
    ]
    if case.proxy:
        found.append(_condition(case, "proxy", code="proxy", params={}, kind="proxy"))
    return sorted(found, key=lambda ground: PRECEDENCE.index(ground.decision))


def _verbatim(case: Case, arm: str) -> Iterator[Ground]:
    kinds: Counter[str] = Counter()
    records: dict[str, str] = {}
    for one in case.evidence:
        grave = one.severity == "critical" or one.kind in case.policy.gate.verbatim_kinds
        if one.verified and grave and one.arm == arm:
            kinds[one.kind] += 1
            records.setdefault(one.kind, (*one.record_ids, "")[0])
    for kind, count in sorted(kinds.items()):
        reason = Reason(code="verdict.verbatim", params={"kind": kind, "count": count, "arm": arm})
        yield Ground(decision="no-go", reason=reason, kind="leak", target=records[kind])


def _of_gate(case: Case, one: Judged, arm: str) -> Ground | None:
    gate = one.gate
    if not gate.required or gate.outcome == "pass":
        return None
    target = one.rule.target
    if gate.outcome == "fail":
        return Ground(decision="no-go", reason=gate.reason, kind="fail", target=target)
    if gate.outcome == "unscored" or gate.interval is None:
        return Ground(decision="inconclusive", reason=gate.reason, kind="unscored", target=target)
    upper = gate.interval[1]
    ruling = signed(case.rulings, target, upper=upper) if arm == case.judged else None
    if ruling is None:
        return Ground(decision="inconclusive", reason=gate.reason, kind="bound", target=target)
    params = {**gate.reason.params, "who": ruling.who, "why": ruling.reason}
    reason = Reason(code="condition.bound", params=params)
    return Ground(decision="conditional", reason=reason, kind="bound", target=target, signed=True)


def _of_hazards(case: Case) -> Iterator[Ground]:
    for hazard in case.policy.gate.required_hazards:
        if hazard not in case.scan.not_checked:
            continue
        target, params = f"hazard:{hazard}", {"hazard": hazard}
        if signed(case.rulings, target):
            yield _condition(case, target, code="hazard", params=params, kind="hazard")
        else:
            reason = Reason(code="verdict.hazard_unchecked", params=params)
            yield Ground(decision="inconclusive", reason=reason, kind="hazard", target=target)


def _of_intent(case: Case) -> Iterator[Ground]:
    if unanswered := missing(case.intent):
        yield _condition(
            case,
            "intent",
            code="intent",
            params={"count": len(unanswered)},
            kind="intent",
        )


def _condition(
    case: Case,
    target: str,
    *,
    code: str,
    params: Mapping[str, str | int | float],
    kind: GroundKind,
) -> Ground:
    """A condition, signed if a named person signed or waived it."""
    ruling = signed(case.rulings, target)
    who = {"who": ruling.who, "why": ruling.reason} if ruling else {}
    return Ground(
        decision="conditional",
        reason=Reason(
            code=f"condition.{code}" if ruling else f"condition.{code}_unsigned",
            params={**params, **who},
        ),
        kind=kind,
        target=target,
        signed=ruling is not None,
    )
