"""Settings: our `tunegate.yaml`, or the YAML of LLaMA-Factory, axolotl or TRL taken as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from tunegate import yamlfile
from tunegate.configs import Described, Dialect, axolotl, dialect_of, llamafactory, trl
from tunegate.configs.reading import check_recipe
from tunegate.errors import InputError
from tunegate.intent import Intent
from tunegate.models.endpoints import Endpoint
from tunegate.plant.settings import AuditSettings
from tunegate.tune.settings import LlamaFactory
from tunegate.types import Noun, Recipe

Depth = Literal["quick", "standard", "full"]
Trainer = Literal["native", "llamafactory"]
_DESCRIBE: Mapping[Dialect, Callable[[Path, Mapping[str, Any]], Described]] = {
    "llamafactory": llamafactory.describe,
    "axolotl": axolotl.describe,
    "trl": trl.describe,
}


class Data(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False):
    """What is read, and who answers for what goes to retrieval.

    Attributes:
        path: A file or a LLaMA-Factory data folder, or several; relative to the settings file.
        datasets: Names in `dataset_info.json`; none means all.
        format: `auto`, or what the reader is told to take the file for.
        subject_column: The column that says whom a record is about.
        rag_owner: Person or team that answers for the RAG documents.
        rag_labels: Permission labels that the retriever checks.
        rag_retention: For how long the documents are kept.
    """

    path: str | tuple[str, ...] = ""
    datasets: tuple[str, ...] = ()
    format: str = "auto"
    subject_column: str | None = None
    rag_owner: str = ""
    rag_labels: tuple[str, ...] = ()
    rag_retention: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """What is read, in order; empty if nothing is named."""
        given = (self.path,) if isinstance(self.path, str) else self.path
        return tuple(path for path in given if path)


class Settings(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False):
    """Everything that a run depends on but the data and the project key.

    Attributes:
        model: The base model: `embedded`, a folder, a hub id in the local cache, or an address.
        tuned: A finished model to audit instead of a trial: an adapter's or a trainer's folder, a
            whole model, or an address such as `http://127.0.0.1:8000/v1#NAME`.
        endpoint: How hard an address may be asked.
    """

    model: str = "embedded"
    tuned: str = ""
    endpoint: Endpoint = Endpoint()
    trainer: Trainer = "native"
    llamafactory: LlamaFactory = LlamaFactory()
    data: Data = Data()
    intent: Intent = Intent()
    policy: str = "internal"
    recipe: Recipe = Recipe()
    audit: AuditSettings = AuditSettings()
    depth: Depth = "quick"
    lang: Literal["en", "zh"] | None = None


class Loaded(NamedTuple):
    """Settings with all paths absolute.

    Attributes:
        ignored: What of a trainer's file has no meaning here.
        adapter: Where that trainer leaves, or has left, its adapter.
    """

    settings: Settings
    ignored: tuple[str, ...] = ()
    adapter: str = ""


def load(path: Path) -> Loaded:
    """Reads any kind of file; the keys tell which it is.

    Raises:
        InputError: With the file, the line and the nearest known key.
        VoidError: An audit of the training that it describes would mean nothing.
    """
    keys = yamlfile.read(path, dict[str, Any])
    if dialect := dialect_of(keys):
        return _from_trainer(path, _DESCRIBE[dialect](path, keys))
    settings = _absolute(yamlfile.read(path, Settings), path.resolve().parent)
    if settings.trainer == "llamafactory":
        settings = with_llamafactory(settings)
        if "model" not in keys:
            config = Path(settings.llamafactory.config)
            found = llamafactory.describe(config, yamlfile.read(config, dict[str, Any]))
            settings = msgspec.structs.replace(settings, model=found.model)
        return Loaded(settings)
    check_recipe(settings.recipe, path=path, at=lambda field: f"recipe.{field}")
    return Loaded(settings)


def _from_trainer(path: Path, found: Described) -> Loaded:
    """Our settings for the training that another program's YAML describes."""
    config = str(path.resolve()) if found.trainer == "llamafactory" else ""
    paths = found.data_paths
    settings = Settings(
        model=found.model,
        data=Data(
            path=paths[0] if len(paths) == 1 else paths,
            datasets=found.datasets,
            format=found.data_format,
        ),
        recipe=found.recipe,
        llamafactory=LlamaFactory(config=config),
    )
    return Loaded(settings, found.ignored, found.adapter)


def with_llamafactory(settings: Settings) -> Settings:
    """The settings with LLaMA-Factory as the trainer, and the recipe that its YAML describes.

    Raises:
        InputError: No YAML is named, or it describes another training than can be audited here.
        VoidError: An audit of that training would mean nothing.
    """
    if not settings.llamafactory.config:
        raise InputError("llamafactory_no_config")
    path = Path(settings.llamafactory.config)
    recipe = llamafactory.read_recipe(path, yamlfile.read(path, dict[str, Any]))
    return msgspec.structs.replace(settings, trainer="llamafactory", recipe=recipe)


def with_config(settings: Settings, path: Path) -> Loaded:
    """The settings with model and recipe of another file; data, intent and policy stay.

    Raises:
        InputError: The file is no settings file, or describes what cannot be trained here.
    """
    loaded = load(path)
    theirs = msgspec.structs.replace(
        settings.llamafactory, config=loaded.settings.llamafactory.config
    )
    changed = msgspec.structs.replace(
        settings,
        model=loaded.settings.model,
        recipe=loaded.settings.recipe,
        llamafactory=theirs,
        trainer=settings.trainer if theirs.config else "native",
    )
    return Loaded(changed, loaded.ignored, loaded.adapter)


def dump(settings: Settings, *, folder: Path) -> str:
    """Resolved settings as YAML, to be read again from `folder`.

    What lies inside `folder` is written relative to it, so that two run folders made alike hold
    the same bytes.
    """
    moved = _moved(settings, lambda name: _relative(name, folder))
    return yamlfile.dump(msgspec.to_builtins(moved))


def _absolute(settings: Settings, folder: Path) -> Settings:
    """The settings with the paths that are relative to `folder` made absolute."""
    data = msgspec.structs.replace(
        settings.data, path=_each(settings.data.path, lambda name: str(folder / name))
    )
    settings = msgspec.structs.replace(settings, data=data)
    return _moved(settings, lambda name: _if_there(name, folder))


def _moved(settings: Settings, move: Callable[[str], str]) -> Settings:
    data = msgspec.structs.replace(settings.data, path=_each(settings.data.path, move))
    return msgspec.structs.replace(
        settings,
        data=data,
        model=move(settings.model),
        tuned=move(settings.tuned),
        policy=move(settings.policy),
        llamafactory=LlamaFactory(
            environment=move(settings.llamafactory.environment),
            config=move(settings.llamafactory.config),
        ),
    )


def _each(path: str | tuple[str, ...], move: Callable[[str], str]) -> str | tuple[str, ...]:
    if isinstance(path, str):
        return move(path) if path else path
    return tuple(map(move, path))


def _if_there(name: str, folder: Path) -> str:
    """A model and a policy may be named by a path or by a name; what exists is a path."""
    path = folder / name
    return str(path) if name and path.exists() else name


def _relative(name: str, folder: Path) -> str:
    path = Path(name)
    if path.is_absolute() and path.is_relative_to(folder):
        return str(path.relative_to(folder))
    return name
