"""`tunegate diff`."""

from __future__ import annotations

from pathlib import Path

import click

from tunegate import settings as settings_file
from tunegate.cli.session import Session
from tunegate.cli.verb import DONE, config_option, depth_option, run_option, trainer_option, verb
from tunegate.errors import InputError
from tunegate.pipeline import audit
from tunegate.pipeline.resolve import settings_of
from tunegate.runs import Run


@verb(example="tunegate diff --run runs/finished --base models/Qwen3-4B --tuned saves/qwen3/lora")
@run_option()
@click.option("--base", metavar="M", help="The model before tuning: a folder, an id or an address.")
@click.option(
    "--tuned",
    metavar="M",
    help="A finished model to audit: an adapter's or trainer's folder, a whole model, or an "
    "OpenAI-compatible address such as http://127.0.0.1:8000/v1#NAME.",
)
@config_option("base, template and finished adapter")
@trainer_option()
@depth_option()
def command(
    session: Session,
    *,
    folder: str,
    base: str | None,
    tuned: str | None,
    config: str | None,
    trainer: str | None,
    depth: str | None,
) -> int:
    """Measure how behaviour changed against the base model.

    With --tuned, of a model that was trained without TuneGate: nothing was held out and nothing
    planted, so membership and exposure stay unscored.
    """
    run = Run.open(folder)
    with run.lock():
        settings = settings_of(run, depth=depth)
        if config is not None:
            loaded = settings_file.with_config(settings, Path(config))
            settings, tuned = loaded.settings, tuned or loaded.adapter
        if trainer == "llamafactory":
            settings = settings_file.with_llamafactory(settings)
        tuned = _found(tuned)
        if tuned and run.done("plant"):
            raise InputError("adopt_planted", path=folder)
        settings = settings_of(
            run,
            model=_found(base) or settings.model,
            tuned=tuned,
            trainer=trainer,
            recipe=settings.recipe,
            llamafactory=settings.llamafactory,
        )
        session.connects(settings.model, settings.tuned)
        audit.diff(run, settings, session.progress)
    measured = run.measurements.read()
    scored = sum(one.scored for one in measured)
    line = session.line("cli.measured", count=len(measured), scored=scored, folder=folder)
    session.result(measured, line)
    return DONE


def _found(name: str | None) -> str | None:
    """A path is found again from any folder."""
    return str(Path(name).resolve()) if name and Path(name).exists() else name
