"""`tunegate tune`."""

from __future__ import annotations

from pathlib import Path

import click

from tunegate import settings as settings_file
from tunegate.cli.session import Session
from tunegate.cli.verb import (
    CLOSED,
    DONE,
    config_option,
    depth_option,
    run_option,
    trainer_option,
    verb,
)
from tunegate.errors import InputError
from tunegate.pipeline import audit
from tunegate.pipeline.resolve import settings_of
from tunegate.pipeline.whole import open_questions
from tunegate.runs import Run
from tunegate.settings import Settings


@verb(example="tunegate tune --run runs/first --config train_lora.yaml")
@run_option()
@click.option("--model", metavar="PATH_OR_ID", help="A local causal language model.")
@trainer_option()
@config_option("model and recipe")
@click.option("--arm", metavar="NAME", help="The arm that --bundle or --adapter is about.")
@click.option(
    "--bundle",
    type=click.Path(),
    metavar="DIR",
    help="Train nothing here: write what a hosted LLaMA-Factory needs.",
)
@click.option(
    "--adapter",
    type=click.Path(),
    metavar="PATH",
    help="Take what a training on --arm's data wrote: a folder, .zip or .tar.gz.",
)
@depth_option()
def command(
    session: Session,
    *,
    folder: str,
    model: str | None,
    trainer: str | None,
    config: str | None,
    arm: str | None,
    bundle: str | None,
    adapter: str | None,
    depth: str | None,
) -> int:
    """Train the arms: as given, routed, its canaried sister, and the controls.

    Or have them trained elsewhere, with --bundle and then --adapter.
    """
    run = Run.open(folder)
    with run.lock():
        settings = _settings(session, run, model, trainer, config, depth)
        if questions := open_questions(run, settings):
            session.intent_open(questions, folder=folder)
            return CLOSED
        if bundle is not None:
            written = audit.bundles(run, settings, Path(bundle), [arm] if arm else [])
            shown = [str(path) for path in written]
            session.note("cli.bundle_raw")
            line = session.line("cli.bundled", paths=", ".join(shown), folder=folder)
            session.result({"bundles": shown}, line)
            return DONE
        if adapter is not None:
            if arm is None:
                raise InputError("adapter_whose")
            taken = audit.take(
                run, settings, name=arm, source=Path(adapter), progress=session.progress
            )
            line = session.line("cli.taken", arm=arm, count=len(taken.checkpoints), folder=folder)
            session.result(taken, line)
            return DONE
        session.changed(audit.changes(run, settings))
        audit.tune(run, settings, session.progress)
    arms = run.arms()
    names = ", ".join(one.name for one in arms)
    session.result(arms, session.line("cli.tuned", arms=names, count=len(arms)))
    return DONE


def _settings(  # noqa: PLR0917 - the options as they were given
    session: Session,
    run: Run,
    model: str | None,
    trainer: str | None,
    config: str | None,
    depth: str | None,
) -> Settings:
    """The run's settings with what the options change, kept for the next command."""
    settings = settings_of(run, depth=depth)
    if config is not None:
        loaded = settings_file.with_config(settings, Path(config))
        settings = loaded.settings
        if loaded.ignored and trainer != "llamafactory":
            session.note("cli.ignored", keys=", ".join(loaded.ignored))
    if trainer == "llamafactory":
        settings = settings_file.with_llamafactory(settings)
    return settings_of(
        run,
        model=model or settings.model,
        trainer=trainer,
        recipe=settings.recipe,
        llamafactory=settings.llamafactory,
    )
