"""Next actions: the three cheapest things that bring a closed gate nearer to open, as commands."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence

from tunegate.policy import SHIPPED
from tunegate.types import Reason
from tunegate.verdict.case import Case, Ground
from tunegate.verdict.gates import Judged

_MOST = 3
_STRICTEST = SHIPPED[-1]
_WHO = '--who "NAME" --reason "WHY"'


def next_actions(
    case: Case, judged: Sequence[Judged], grounds: Sequence[Ground]
) -> tuple[Reason, ...]:
    """The actions for a closed gate; none for an open one.

    Args:
        case: The verdict's inputs.
        judged: The gates of the judged arm.
        grounds: What stands against `go` unsigned, the gravest first. Only a remedy for the
            gravest can change the decision, so remedies come in this order, and the cheaper
            before the dearer within it.
    """
    if not grounds:
        return ()
    actions: dict[str, Reason] = {}
    for decision in dict.fromkeys(ground.decision for ground in grounds):
        here = [ground for ground in grounds if ground.decision == decision]
        for action in _remedies(case, judged, here):
            actions.setdefault(action.code, action)
    actions.setdefault("next.report", _action("report", f"tunegate report --run {_run(case)}"))
    actions.setdefault("next.estimate", _estimate(case))
    actions.setdefault("next.route", _action("route", f"tunegate route --run {_run(case)}"))
    return tuple(actions.values())[:_MOST]


def _remedies(case: Case, judged: Sequence[Judged], grounds: Sequence[Ground]) -> Iterator[Reason]:
    """From the cheapest to the dearest: a signature, a decision on data, a run, more data."""
    kinds: dict[str, Ground] = {}
    for ground in grounds:
        kinds.setdefault(ground.kind, ground)
    yield from _signatures(case, kinds, judged)
    if "leak" in kinds and kinds["leak"].target:
        given = shlex.quote(f"{kinds['leak'].target}=human")
        command = f"{_sign(case)} --override {given} {_WHO}"
        yield _action("reroute_leak", command)
    again = f"tunegate run {_run(case)}/run.yaml"
    if "leak" in kinds or "fail" in kinds:
        yield _action("gentler_recipe", again)
    if "fail" in kinds and case.policy.name != _STRICTEST:
        command = f"tunegate route --run {_run(case)} --policy {_STRICTEST}"
        yield _action("stricter_route", command)
    if "void" in kinds:
        yield _action("plant_again", f"tunegate plant --run {_run(case)}")
    if "unscored" in kinds or "bound" in kinds:
        yield _action("depth_full", f"{again} --depth full")
    if "bound" in kinds:
        bounds = {ground.target for ground in grounds if ground.kind == "bound"}
        units = [one.needed for one in judged if one.rule.target in bounds and one.needed]
        if units:
            yield _estimate(case, needed=max(units))
    if "proxy" in kinds:
        yield _action("full_model", again)


def _signatures(case: Case, kinds: dict[str, Ground], judged: Sequence[Judged]) -> Iterator[Reason]:
    if ground := kinds.get("bound"):
        gate = next(one.gate for one in judged if one.rule.target == ground.target)
        # Rounded up, so that the bound as it stands is covered by its own signature.
        value = math.ceil((gate.interval or (0.0, 0.0))[1] * 1e4) / 1e4
        given = shlex.quote(f"{ground.target}={value}")
        command = f"{_sign(case)} --accept {given} {_WHO}"
        yield _action("accept_bound", command, probe=gate.probe, metric=gate.metric, upper=value)
    if ground := kinds.get("hazard"):
        command = f"{_sign(case)} --condition {shlex.quote(ground.target)} {_WHO}"
        yield _action("sign_hazard", command, hazard=ground.target.partition(":")[2])
    if "intent" in kinds:
        yield _action("answer_intent", f"{_sign(case)} --waive intent {_WHO}")
    if "proxy" in kinds:
        yield _action("sign_proxy", f"{_sign(case)} --condition proxy {_WHO}")


def _estimate(case: Case, *, needed: int | None = None) -> Reason:
    command = f"tunegate estimate --run {_run(case)}"
    if needed is None:
        return _action("estimate", command)
    return _action("more_units", command, needed=needed)


def _sign(case: Case) -> str:
    return f"tunegate sign --run {_run(case)}"


def _run(case: Case) -> str:
    return shlex.quote(case.run.rstrip("/") or "/")


def _action(name: str, command: str, **params: str | int | float) -> Reason:
    return Reason(code=f"next.{name}", params={**params, "command": command})
