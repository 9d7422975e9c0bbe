"""Data that a file of axolotl or TRL names, as files on this machine; nothing is fetched.

Both load it with Hugging Face's `datasets`, whose rules for folders and splits are followed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tunegate.configs.reading import Config, homed, lying, named, starts, unfit, value, wrong
from tunegate.errors import InputError
from tunegate.records.files import inspect, rows
from tunegate.records.info import nearest_path
from tunegate.records.layout import detect
from tunegate.types import Json

# Suffix → the loader that takes such a file.
_LOADERS: Mapping[str, str] = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".parquet": "parquet",
    ".txt": "text",
}
_LOADER_NAMES = (None, *dict.fromkeys(_LOADERS.values()))
_ABOUT_DATA = (
    *("config.json", "dataset_info.json", "dataset_infos.json"),
    *("dataset_dict.json", "state.json"),
)
_PATTERN = re.compile(r"[*?\[]")
_SEPARATOR = r"[-._ 0-9]"
_SPLIT = re.compile(
    rf"(?:^|{_SEPARATOR})(train|training|validation|valid|dev|val|test|testing|eval|evaluation)"
    rf"(?={_SEPARATOR}|$)"
)


class Found(NamedTuple):
    """The files of one dataset, and the loader that is named for them."""

    files: tuple[Path, ...]
    loader: str | None


def entries(config: Config) -> tuple[Config, ...]:
    """The items of `datasets`, each with its way.

    Raises:
        InputError: They are no list of mappings.
    """
    try:
        items = msgspec.convert(config.keys.get("datasets") or [], list[dict[str, Any]])
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at ")
        raise wrong(config, "datasets" + at.strip("`").removeprefix("$"), what) from error
    return tuple(
        config._replace(keys=item, at=f"datasets[{number}]") for number, item in enumerate(items)
    )


def find(config: Config, key: str, *, loader: str | None = None) -> Found:
    """The files that a dataset consists of.

    Args:
        config: The dataset, with `data_files` where the file says so.
        key: The key that names a file, a folder of files, or, beside `data_files`, a loader.
        loader: The loader that the file names apart from that.

    Raises:
        InputError: There are none here; if they may lie on a hub, the message says what to do.
    """
    name = value(config, key, str, "")
    folders = starts(config)
    place = lying(name, folders)
    if config.on("data_files"):
        if name in _LOADER_NAMES:
            loader = loader or name
        elif place is None:
            raise _absent(config, key, name)
        inside = (place,) if place else ()
        return Found(_data_files(config, (*folders, *inside)), loader)
    if place is None:
        raise _absent(config, key, name)
    return Found(_of_folder(config, key, place) if place.is_dir() else (place,), loader)


def whole(config: Config, key: str, *fine: Json, write: str) -> None:
    """Makes sure that a dataset is read whole: its key is unset or has one of the `fine` values.

    Raises:
        InputError: Only a part of it is wanted.
    """
    given = config.keys.get(key)
    if given is not None and given not in fine:
        raise unfit(config, key, given, why="part", write=write)


def known_loader(config: Config, key: str) -> str | None:
    """The loader that a key names.

    Raises:
        InputError: TuneGate reads no such files.
    """
    loader = value(config, key, str, "") or None
    if loader not in _LOADER_NAMES:
        raise unfit(config, key, loader, why="format", write="json")
    return loader


def common_format(found: Iterable[Found]) -> str:
    """What the reader is told to take all files for; `auto` where their names tell it."""
    told = {(_LOADERS.get(f.suffix.lower()), one.loader) for one in found for f in one.files}
    wanted = {loader or suffix for suffix, loader in told}
    if len(wanted) == 1 and any(loader and suffix != loader for suffix, loader in told):
        return wanted.pop() or "auto"
    return "auto"


def first_columns(found: Found) -> tuple[str, ...]:
    """The columns of the first record; none if it cannot be read, which the reader will tell."""
    file = inspect(found.files[0], format=found.loader or "auto")
    first = next((row for _, row in rows(file)), None)
    return tuple(first) if isinstance(first, dict) else ()


def check_columns(
    config: Config, key: str, given: Json, *, row: dict[str, Json], write: str, **wanted: str | None
) -> None:
    """Makes sure that the reader, which finds columns by itself, finds those that the file names.

    Args:
        config: The dataset.
        key: The key that names them.
        given: Its value.
        row: A record with those columns.
        write: A value that would do.
        wanted: What the reader must make of the record.

    Raises:
        InputError: It would read other columns, or none.
    """
    layout = detect([row])
    if layout is None or any(getattr(layout, name) != to for name, to in wanted.items()):
        raise InputError("config_column", **named(config, key, given), write=write)


def _data_files(config: Config, folders: Sequence[Path]) -> tuple[Path, ...]:
    """What `data_files` names: a file or pattern, several, or those of each split."""
    given = config.keys["data_files"]
    if isinstance(given, Mapping):
        given = given.get("train")
    try:
        patterns = msgspec.convert([given] if isinstance(given, str) else given, list[str])
    except msgspec.ValidationError as error:
        raise wrong(config, "data_files", str(error)) from error
    files: list[Path] = []
    for pattern in patterns:
        matching = _matching(pattern, folders)
        if not matching:
            raise _absent(config, "data_files", pattern)
        files += matching
    return tuple(files)


def _matching(pattern: str, folders: Sequence[Path]) -> list[Path]:
    """The files that a name or pattern stands for in the first folder that has any."""
    if not _PATTERN.search(pattern):
        path = lying(pattern, folders)
        return [path] if path and path.is_file() else []
    for folder in folders:
        path = folder / homed(pattern)
        root = Path(path.anchor)
        try:
            files = sorted(f for f in root.glob(str(path.relative_to(root))) if f.is_file())
        except (OSError, ValueError):  # no pattern that stands for files
            return []
        if files:
            return files
    return []


def _absent(config: Config, key: str, name: str) -> InputError:
    place = config.place(key)
    local = (
        name.startswith((".", "/", "~"))
        or "\\" in name
        or name.count("/") > 1
        or Path(name).suffix.lower() in _LOADERS
    )
    if "://" in name or not local:
        return InputError("config_remote", **place, value=name)
    nearest = nearest_path(Path.cwd() / homed(name))
    return InputError("config_missing", **place, value=name, nearest=nearest)


def _of_folder(config: Config, key: str, folder: Path) -> tuple[Path, ...]:
    """The data files in a folder and below that `datasets` takes for its training split."""
    inside = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    data = [
        path
        for path in inside
        if path.suffix.lower() in _LOADERS
        and path.name not in _ABOUT_DATA
        and not any(part.startswith((".", "__")) for part in path.parts)
    ]
    chosen = _training(data)
    if not chosen:
        raise InputError("config_no_files", **config.place(key), value=str(folder))
    by_loader = {_LOADERS[path.suffix.lower()]: path for path in chosen}
    if len(by_loader) > 1:
        odd = list(by_loader.values())[-1]
        raise InputError("dataset_folder_mixed", path=str(folder), value=str(odd))
    return tuple(folder / path for path in chosen)


def _training(files: Sequence[Path]) -> list[Path]:
    """Names of folders tell the split, else names of files; without either, all is training."""
    for told in (_split_of_folders, _split_of_name):
        splits = [(path, split) for path in files if (split := told(path))]
        if splits:
            return [path for path, split in splits if split.startswith("train")]
    return list(files)


def _split_of_folders(path: Path) -> str:
    return next((m[1] for part in path.parts[:-1] if (m := _SPLIT.search(part))), "")


def _split_of_name(path: Path) -> str:
    match = _SPLIT.search(path.name)
    return match[1] if match else ""
