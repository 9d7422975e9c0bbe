"""`tunegate route`."""

from __future__ import annotations

from tunegate.cli.session import Session
from tunegate.cli.verb import DONE, policy_option, policy_path, run_option, verb
from tunegate.pipeline import data
from tunegate.pipeline.resolve import settings_of
from tunegate.present import terminal
from tunegate.runs import Run


@verb(example="tunegate route --run runs/first --policy regulated")
@run_option()
@policy_option()
def command(session: Session, *, folder: str, policy: str | None) -> int:
    """Give every record one destination: into the weights, to RAG, rules or people.

    Writes route/finetune in the dataset's own names and formats: only dataset_dir changes.
    """
    run = Run.open(folder)
    with run.lock():
        settings = settings_of(run, policy=policy_path(policy))
        counts = data.route(run, settings, session.progress)
    shown = terminal.routes(list(run.routes.read()), session.words)
    session.result({"destinations": dict(counts)}, shown)
    return DONE
