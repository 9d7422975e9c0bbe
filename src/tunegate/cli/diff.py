"""`tunegate diff`."""

from __future__ import annotations

from tunegate.cli.session import Session
from tunegate.cli.verb import DONE, depth_option, run_option, verb
from tunegate.pipeline import audit
from tunegate.pipeline.resolve import settings_of
from tunegate.runs import Run


@verb(example="tunegate diff --run runs/first")
@run_option()
@depth_option()
def command(session: Session, *, folder: str, depth: str | None) -> int:
    """Measure how behaviour changed against the base model."""
    run = Run.open(folder)
    with run.lock():
        audit.diff(run, settings_of(run, depth=depth), session.progress)
    measured = run.measurements.read()
    scored = sum(one.scored for one in measured)
    line = session.line("cli.measured", count=len(measured), scored=scored, folder=folder)
    session.result(measured, line)
    return DONE
