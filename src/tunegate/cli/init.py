"""`tunegate init`."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

from tunegate import settings as settings_file
from tunegate.cli.session import Session
from tunegate.cli.verb import DONE, verb
from tunegate.errors import InputError
from tunegate.files import Text
from tunegate.models.adapters import CONFIG
from tunegate.settings import Loaded, Settings
from tunegate.types import Recipe
from tunegate.yamlfile import one_line

_THEIRS = "llamafactory: {config}    # `--trainer llamafactory` lets it train by that file\n"
_TUNED = "# tuned: {adapter}    # uncomment to audit what this training left, without a trial\n"
_TEMPLATE = """\
# TuneGate settings. Next: fill in `intent`, then `tunegate run {name}`
model: {model}            # a local model folder or id; `embedded` ships with TuneGate
{tuned}data:
  path: {path}            # a file, or a LLaMA-Factory data folder
{format}  datasets: {datasets}    # names in dataset_info.json; [] takes all
  rag_owner: ""           # who answers for the documents in RAG
  rag_labels: []          # who may read them; without both, nothing with identity enters RAG
policy: internal          # internal, public, regulated, or a file of your own
recipe: {recipe}
{theirs}depth: quick              # quick, standard or full
intent:                   # the three questions; nothing is trained before they are answered
  need: ""                # which need is the fine-tune to meet?
  audiences: []           # who will read what the model says?
  settings: []            # where will it say it?
  unacceptable: []        # what must it never say in any of these settings?
  tried: ""               # what was tried without fine-tuning (rules, RAG), why not enough?
"""


@verb(example="tunegate init examples/train_lora/qwen3_lora_sft.yaml")
@click.argument("file", type=click.Path(), required=False, metavar="[TRAINER.yaml]")
@click.option(
    "--out", type=click.Path(), default="tunegate.yaml", metavar="FILE", help="Where to write."
)
def command(session: Session, *, file: str | None, out: str) -> int:
    """Write a minimal tunegate.yaml, also from a YAML of LLaMA-Factory, axolotl or TRL."""
    loaded = settings_file.load(Path(file)) if file else Loaded(Settings())
    target = Path(out)
    if target.exists():
        raise InputError("init_exists", path=out)
    Text(target).write(_text(loaded, target))
    if loaded.ignored:
        session.note("cli.ignored", keys=", ".join(loaded.ignored))
    document = {"written": out, "ignored": loaded.ignored}
    session.result(document, session.line("cli.initialised", path=out))
    return DONE


def _text(loaded: Loaded, target: Path) -> str:
    settings = loaded.settings
    ours, plain = msgspec.to_builtins(settings.recipe), msgspec.to_builtins(Recipe())
    recipe = {key: value for key, value in ours.items() if value != plain[key]}
    form, config = settings.data.format, settings.llamafactory.config
    paths = [_near(path, target) for path in settings.data.paths] or ["data"]
    return _TEMPLATE.format(
        name=target.name,
        model=one_line(_near(settings.model, target)),
        tuned=_TUNED.format(adapter=one_line(_near(loaded.adapter, target)))
        if _finished(loaded.adapter)
        else "",
        path=one_line(paths[0] if len(paths) == 1 else paths),
        format="" if form == "auto" else f"  format: {form}\n",
        datasets=one_line(list(settings.data.datasets)),
        recipe=one_line(recipe),
        theirs=_THEIRS.format(config=one_line({"config": _near(config, target)})) if config else "",
    )


def _finished(adapter: str) -> bool:
    """Whether the training has left an adapter already."""
    return bool(adapter) and (Path(adapter) / CONFIG).is_file()


def _near(name: str, target: Path) -> str:
    """A path as seen from the file that names it."""
    folder = target.resolve().parent
    return os.path.relpath(name, folder) if Path(name).is_absolute() else name
