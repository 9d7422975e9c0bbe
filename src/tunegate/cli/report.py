"""`tunegate report`."""

from __future__ import annotations

from tunegate.cli.session import Session
from tunegate.cli.verb import DONE, run_option, verb
from tunegate.pipeline import judge
from tunegate.pipeline.resolve import settings_of
from tunegate.runs import Run


@verb(example="tunegate report --run runs/first")
@run_option()
def command(session: Session, *, folder: str) -> int:
    """Write the report of what has run so far, in English and in Chinese."""
    run = Run.open(folder)
    with run.lock():
        pages = judge.report(run, settings_of(run), session.progress)
    paths = [str(path) for path in pages]
    session.result({"reports": paths}, session.line("cli.reported", paths="\n".join(paths)))
    return DONE
