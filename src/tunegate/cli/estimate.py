"""`tunegate estimate`."""

from __future__ import annotations

from tunegate.cli.session import Session
from tunegate.cli.verb import DONE, depth_option, policy_option, policy_path, run_option, verb
from tunegate.pipeline import audit
from tunegate.pipeline.resolve import settings_of
from tunegate.present import terminal
from tunegate.present.view import EstimateRow
from tunegate.runs import Run


@verb(example="tunegate estimate --run runs/first --depth standard")
@run_option()
@policy_option()
@depth_option()
def command(session: Session, *, folder: str, policy: str | None, depth: str | None) -> int:
    """Say what the data can show and what it costs, before anything is trained."""
    run = Run.open(folder)
    with run.lock():
        settings = settings_of(run, policy=policy_path(policy), depth=depth)
        kept = audit.estimate(run, settings, session.progress)
        reasons = (*kept, audit.duration(run, settings))
    rows = [EstimateRow(code=one.code, params=one.params) for one in reasons]
    session.result(reasons, terminal.estimate(rows, session.words))
    return DONE
