"""`tunegate plant`."""

from __future__ import annotations

from tunegate.cli.session import Session
from tunegate.cli.verb import DONE, depth_option, run_option, verb
from tunegate.pipeline import audit
from tunegate.pipeline.resolve import settings_of
from tunegate.runs import Run


@verb(example="tunegate plant --run runs/first")
@run_option()
@depth_option()
def command(session: Session, *, folder: str, depth: str | None) -> int:
    """Write the audit design: members, held-out units, canaries.

    The planted datasets are ordinary folders that any trainer can read; they lie in the vault.
    """
    run = Run.open(folder)
    with run.lock():
        audit.plant(run, settings_of(run, depth=depth), session.progress)
    session.result(run.design.read(), session.line("cli.planted", path=str(run.design.path)))
    return DONE
