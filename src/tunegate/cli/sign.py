"""`tunegate sign`."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import click

from tunegate import decisions
from tunegate.cli.session import Session
from tunegate.cli.verb import DONE, run_option, verb
from tunegate.decisions import Ruling
from tunegate.errors import InputError
from tunegate.runs import Run
from tunegate.yamlfile import nearest


@verb(
    example="tunegate sign --run runs/first --who 'Li Lei' --reason 'reviewed' "
    "--override 3f…-0=human"
)
@run_option()
@click.option("--who", required=True, help="Your name; it stands in the report.")
@click.option("--reason", required=True, help="Why, in your words.")
@click.option("--override", metavar="RECORD_ID=DESTINATION", help="Where a record goes.")
@click.option("--accept", metavar="GATE[=BOUND]", help="Accept an inconclusive bound.")
@click.option("--waive", metavar="QUESTION", help="`intent`, or q1, q2, q3.")
@click.option("--condition", metavar="ID", help="Sign a condition: hazard:NAME, proxy.")
def command(session: Session, *, folder: str, who: str, reason: str, **options: str | None) -> int:
    """Record what a named person decides. Decisions win over the policy and survive re-runs."""
    given = [(kind, value) for kind, value in options.items() if value is not None]
    if len(given) != 1:
        raise InputError("sign_one", options="--override, --accept, --waive, --condition")
    run = Run.open(folder)
    (option, value) = given[0]
    ruling = _ruling(run, option, value, who=who, reason=reason)
    decisions.append(run.decisions / "signed.jsonl", ruling)
    line = session.line("cli.signed", who=who, target=ruling.target, folder=folder)
    session.result(ruling, line)
    return DONE


def _ruling(run: Run, option: str, value: str, *, who: str, reason: str) -> Ruling:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    if option == "override":
        record, equals, destination = value.rpartition("=")
        if not equals:
            raise InputError("sign_override", value=value)
        _check_record(run, record)
        return Ruling(
            who=who, kind="override", target=record, value=destination, reason=reason, at=at
        )
    if option == "accept":
        target, bound = _bound(run, value)
        return Ruling(who=who, kind="accept", target=target, value=bound, reason=reason, at=at)
    if option == "waive":
        return Ruling(who=who, kind="waive", target=value, reason=reason, at=at)
    return Ruling(who=who, kind="sign", target=value, reason=reason, at=at)


def _check_record(run: Run, record: str) -> None:
    """A decision on a record that does not exist would silently do nothing."""
    known = [one.record_id for one in run.routes.read()]
    if record not in known:
        raise InputError("sign_record", record=record, nearest=nearest(record, known[:2000])[:80])


def _bound(run: Run, value: str) -> tuple[str, float]:
    """The gate and the bound that is accepted: the given one, or the one that was measured.

    Rounded up, so that the bound as it stands is covered by its own signature.
    """
    name, _, given = value.partition("=")
    target = name if name.startswith("gate:") else f"gate:{name}"
    if given:
        try:
            return target, float(given)
        except ValueError:
            raise InputError("sign_bound", value=given) from None
    measured = {
        f"gate:{gate.probe}.{gate.metric}.{gate.reason.params.get('stratum', 'all')}": gate.interval
        for gate in run.verdict.read().gates
    }
    interval = measured.get(target)
    if interval is None:
        raise InputError("sign_gate", gate=target, nearest=nearest(target, list(measured)))
    return target, math.ceil(interval[1] * 1e4) / 1e4
