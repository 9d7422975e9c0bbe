"""`tunegate run`."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from tunegate import settings as settings_file
from tunegate.cli.session import Session
from tunegate.cli.verb import (
    CLOSED,
    depth_option,
    policy_option,
    policy_path,
    run_option,
    trainer_option,
    verb,
)
from tunegate.pipeline import audit
from tunegate.pipeline.whole import everything
from tunegate.runs import Run
from tunegate.settings import Settings
from tunegate.types import Verdict


@verb(example="tunegate run examples/train_lora/qwen3_lora_sft.yaml --run runs/qwen3")
@click.argument("file", type=click.Path(), metavar="SETTINGS.yaml")
@run_option(required=False)
@policy_option()
@depth_option()
@trainer_option()
def command(
    session: Session,
    *,
    file: str,
    folder: str | None,
    policy: str | None,
    depth: str | None,
    trainer: str | None,
) -> int:
    """All of it in order; goes on where it was stopped.

    SETTINGS.yaml is a tunegate.yaml, a run folder's run.yaml, or the training YAML of
    LLaMA-Factory, axolotl or TRL.
    Without --run the run folder is runs/NAME, after the file.
    """
    loaded = settings_file.load(Path(file))
    changes = {"policy": policy_path(policy), "depth": depth}
    given = msgspec.structs.replace(
        loaded.settings, **{name: value for name, value in changes.items() if value is not None}
    )
    session.speak(given.lang)
    if trainer == "llamafactory":
        given = settings_file.with_llamafactory(given)
    elif loaded.ignored:
        session.note("cli.ignored", keys=", ".join(loaded.ignored))
    return carry_out(session, given, folder=folder or default_folder(Path(file)))


def default_folder(file: Path) -> str:
    """`runs/NAME` after the settings file; a run's own `run.yaml` means that run."""
    own = file.name == "run.yaml" and (file.parent / "manifest.json").exists()
    return str(file.parent if own else Path("runs") / file.stem)


def carry_out(session: Session, given: Settings, *, folder: str) -> int:
    """Runs everything and shows the verdict, or which questions are open."""
    session.connects(given.model, given.tuned)
    run = Run.open(folder, create=True)
    with run.lock():
        session.changed(audit.changes(run, given))
        outcome = everything(run, given, session.progress, announce=session.announce)
    if isinstance(outcome, Verdict):
        status = session.decided(outcome, folder=folder)
    else:
        session.intent_open(outcome, folder=folder)
        status = CLOSED
    session.note("cli.reported", paths=str(run.report(session.words.lang).path))
    return status
