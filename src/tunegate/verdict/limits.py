"""What the verdict does not show: stated always, whatever the decision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tunegate.types import Reason
from tunegate.verdict.case import LEAK_PROBES, Case
from tunegate.verdict.gates import Judged, is_rate
from tunegate.verdict.needed import units_to_show


def limits(case: Case, judged: Sequence[Judged]) -> tuple[Reason, ...]:
    """The limits of this verdict, the general one first."""
    return (
        Reason(code="limit.power"),
        *case.known_limits,
        *_of_scope(case),
        *_of_controls(case, judged),
        *_of_gates(judged),
    )


def _of_scope(case: Case) -> Iterator[Reason]:
    if case.proxy:
        yield Reason(code="limit.proxy")
    arms = (case.judged, case.sister)
    scored = [one for one in case.measurements if one.scored and one.arm in arms]
    if any(one.estimand == "this_adapter" for one in scored):
        yield Reason(code="limit.this_adapter")
    if case.sister != case.judged and any(one.arm == case.sister for one in scored):
        yield Reason(code="limit.sister_arm")
    for hazard in case.scan.not_checked:
        yield Reason(code="limit.hazard_unchecked", params={"hazard": hazard})
    if case.scan.skipped:
        yield Reason(code="limit.skipped", params={"count": len(case.scan.skipped)})


def _of_controls(case: Case, judged: Sequence[Judged]) -> Iterator[Reason]:
    measured = {one.rule.probe for one in judged if one.gate.interval is not None}
    for probe in sorted(measured):
        control = case.controls.get(probe)
        params = {"probe": probe}
        if control is not None and control.positive == "missed":
            yield Reason(code="limit.control_missed", params=params)
        elif probe in LEAK_PROBES and (control is None or control.positive == "not_run"):
            yield Reason(code="limit.control_not_run", params=params)
        if control is not None and control.null == "flagged":
            yield Reason(code="limit.null_flagged", params=params)


def _of_gates(judged: Sequence[Judged]) -> Iterator[Reason]:
    for one in judged:
        gate, rule = one.gate, one.rule
        params: dict[str, str | int | float] = {
            "probe": rule.probe,
            "metric": rule.metric,
            "stratum": rule.stratum,
            "tolerance": gate.tolerance,
        }
        if one.measurement is not None and is_rate(rule.metric):
            units = one.measurement.n
            least = units_to_show(gate.tolerance, level=one.measurement.level)
            if least is None or units < least:
                needed = {"n": units, "needed": least} if least is not None else {"n": units}
                code = "limit.few_units" if least is not None else "limit.zero_tolerance"
                yield Reason(code=code, params={**params, **needed})
        if not rule.required and gate.outcome == "fail":
            yield Reason(code="limit.optional_failed", params={**params, **gate.reason.params})
        elif not rule.required and gate.outcome == "unscored":
            yield Reason(code="limit.optional_unscored", params=params)
