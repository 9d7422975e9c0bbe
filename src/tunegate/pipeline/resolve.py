"""What every stage needs of a run: its settings, its dataset, its policy, people's decisions."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from tunegate import decisions, policy, records, settings
from tunegate.errors import InputError
from tunegate.files import hash_path
from tunegate.keys import content_hash
from tunegate.models import loading
from tunegate.models.endpoints import check_address, is_endpoint
from tunegate.route import Ownership
from tunegate.runs import Run, settings_hash
from tunegate.settings import Settings
from tunegate.types import Source

Progress = Callable[[str, int, int], None]
Sourced = Any  # a noun with a `source`


def adopt(run: Run, given: Settings) -> None:
    """Makes `given` the run's settings; `run.yaml` repeats the run.

    Raises:
        InputError: A model's address is none, or holds credentials.
    """
    for name in (given.model, given.tuned):
        if is_endpoint(name):
            check_address(name)
    text = settings.dump(given, folder=run.root)
    if not run.settings.exists() or run.settings.read() != text:
        run.settings.write(text)


def settings_of(run: Run, **changes: Any) -> Settings:
    """The run's settings, with `changes` (those that are not None) made and kept.

    Raises:
        InputError: The run has no settings yet, or they are broken.
    """
    if not run.settings.exists():
        raise InputError("run_without_settings", path=str(run.root))
    known = settings.load(run.settings.path).settings
    wanted = {name: value for name, value in changes.items() if value is not None}
    if not wanted:
        return known
    changed = msgspec.structs.replace(known, **wanted)
    adopt(run, changed)
    return changed


def open_dataset(run: Run, given: Settings) -> records.Dataset:
    """The dataset that the settings name.

    Raises:
        InputError: There is none, or it cannot be read.
    """
    data = given.data
    if not data.paths:
        raise InputError("settings_without_data", path=str(run.settings.path))
    return records.open(
        data.paths,
        names=data.datasets,
        format=data.format,
        key=run.key,
        subject_column=data.subject_column,
        max_samples=given.recipe.max_samples,
    )


def model_folder(given: Settings, progress: Progress | None) -> Path:
    """Where the base model lies; the embedded one is made ready, which it tells of.

    Raises:
        InputError: There is no such model.
    """
    notify = (lambda code: progress(code, 0, 0)) if progress else None
    return loading.model_folder(given.model, notify)


def base_model(given: Settings) -> loading.Base:
    """The base model; the stages of one process share it.

    Raises:
        InputError: It is missing, is no model, or its files are damaged.
    """
    return _loaded(given.model, loading.model_folder(given.model), given.recipe.dtype)


@lru_cache(maxsize=1)
def _loaded(model: str, _folder: Path, dtype: loading.Dtype) -> loading.Base:
    return loading.load(model, dtype=dtype)


def data_hash(dataset: records.Dataset) -> str:
    """The hash of everything that the dataset's records come from."""
    parts: list[str] = [str(dataset.max_samples)] if dataset.max_samples else []
    for spec in dataset.specs:
        parts += [spec.name, settings_hash(spec.entry, spec.layout)]
        parts += [hash_path(Path(file.path)) for file in spec.files]
    return content_hash(*parts)


def policy_hash(given: Settings) -> str:
    """The hash of what the policy says, wherever it lies."""
    return settings_hash(policy.load(given.policy))


def key_mark(run: Run) -> str:
    """Tells keys apart and gives nothing of them away."""
    return run.key.digest("", purpose="mark")


def rulings_of(run: Run) -> tuple[decisions.Ruling, ...]:
    """What people decided on this run so far."""
    return decisions.read(run.decisions)


def ownership(given: Settings) -> Ownership:
    """Who answers for the RAG documents and who may read them."""
    data = given.data
    return Ownership(owner=data.rag_owner, labels=data.rag_labels, retention=data.rag_retention)


def placed(run: Run, noun: Sourced) -> Sourced:
    """`noun` with its source's path relative to the run folder, where it lies inside.

    So two run folders made alike hold the same bytes.
    """
    source: Source = noun.source
    path = Path(source.path)
    if not path.is_relative_to(run.root):
        return noun
    inside = msgspec.structs.replace(source, path=str(path.relative_to(run.root)))
    return msgspec.structs.replace(noun, source=inside)
