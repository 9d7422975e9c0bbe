"""`tunegate tune`."""

from __future__ import annotations

from pathlib import Path

import click

from tunegate import settings as settings_file
from tunegate.cli.session import Session
from tunegate.cli.verb import CLOSED, DONE, depth_option, run_option, verb
from tunegate.pipeline import audit
from tunegate.pipeline.resolve import settings_of
from tunegate.pipeline.whole import open_questions
from tunegate.runs import Run


@verb(example="tunegate tune --run runs/first --config train_lora.yaml")
@run_option()
@click.option("--model", metavar="PATH_OR_ID", help="A local causal language model.")
@click.option("--trainer", type=click.Choice(["native", "llamafactory"]), help="Who trains.")
@click.option(
    "--config", type=click.Path(), metavar="FILE", help="Take model and recipe from this YAML."
)
@depth_option()
def command(
    session: Session,
    *,
    folder: str,
    model: str | None,
    trainer: str | None,
    config: str | None,
    depth: str | None,
) -> int:
    """Train the arms: as given, routed, its canaried sister, and the controls."""
    run = Run.open(folder)
    with run.lock():
        settings = settings_of(run, depth=depth)
        if config is not None:
            loaded = settings_file.with_config(settings, Path(config))
            settings = loaded.settings
            if loaded.ignored and trainer != "llamafactory":
                session.note("cli.ignored", keys=", ".join(loaded.ignored))
        if trainer == "llamafactory":
            settings = settings_file.with_llamafactory(settings)
        settings = settings_of(
            run,
            model=model or settings.model,
            trainer=trainer,
            recipe=settings.recipe,
            llamafactory=settings.llamafactory,
        )
        if questions := open_questions(run, settings):
            session.intent_open(questions, folder=folder)
            return CLOSED
        session.changed(audit.changes(run, settings))
        audit.tune(run, settings, session.progress)
    arms = run.arms()
    names = ", ".join(arm.name for arm in arms)
    session.result(arms, session.line("cli.tuned", arms=names, count=len(arms)))
    return DONE
