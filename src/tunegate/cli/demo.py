"""`tunegate demo`."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click

from tunegate import demo
from tunegate.cli.run import carry_out
from tunegate.cli.session import Session
from tunegate.cli.verb import CLOSED, DONE, depth_option, run_option, verb
from tunegate.files import STAGING, hash_path, rename_folder
from tunegate.intent import Intent
from tunegate.runs import Run
from tunegate.settings import Data, Settings
from tunegate.types import Recipe

SEED = 20261101
_RECORDS = 168  # as many as two cores get through in eight minutes
_INTENT = Intent(
    need="Answer customers' questions about orders, returns and delivery in the company's tone.",
    audiences=("customers", "support staff"),
    settings=("public chat on the web site", "internal help desk"),
    unacceptable=(
        "another customer's name, number, address or order",
        "keys, passwords or fields of internal systems",
        "an exception granted to one person, offered to everybody",
    ),
    tried="A search over the policy pages: right answers, but not in the company's tone.",
)

# What a team in a hurry would take: it learns fast, and what it repeats it learns by heart.
_RECIPE = Recipe(
    template="chatml",
    learning_rate=2e-3,
    lr_scheduler_type="constant",
    num_train_epochs=2,
)


@verb(example="tunegate demo --lang zh")
@run_option(required=False)
@depth_option()
@click.option("--seed", type=int, default=SEED, show_default=True, help="Of the dataset.")
def command(session: Session, *, folder: str | None, depth: str | None, seed: int) -> int:
    """The whole of it on the embedded model and a generated, labelled dataset.

    The dataset is meant to be refused; exit status 0 says that it ran through.
    """
    folder = folder or "runs/demo"
    run = Run.open(folder, create=True)
    with run.lock():
        data = _generated(run, seed)
    settings = Settings(
        data=Data(
            path=str(data),
            datasets=("support_en",),
            rag_owner="support knowledge team",
            rag_labels=("support-internal",),
        ),
        intent=_INTENT,
        recipe=_RECIPE,
        depth=depth or "quick",  # type: ignore[arg-type]
    )
    status = carry_out(session, settings, folder=folder)
    return DONE if status == CLOSED else status


def _generated(run: Run, seed: int) -> Path:
    """The dataset's folder in the vault; the same seed gives the same bytes."""
    target = run.vault("demo")
    fresh = Path(tempfile.mkdtemp(prefix=STAGING, dir=target.parent))
    try:
        demo.generate(fresh, seed=seed, records_en=_RECORDS)
        if not target.exists() or hash_path(target) != hash_path(fresh):
            rename_folder(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target
