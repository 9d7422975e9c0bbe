"""dataset_info.json: which datasets a LLaMA-Factory data folder holds, and where."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunegate.errors import InputError
from tunegate.records.files import File, inspect, readable
from tunegate.records.layout import Layout, from_entry
from tunegate.types import Noun

INFO = "dataset_info.json"
_REMOTE = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name")
_BOUND = r"(-?\d+)(%?)"
_SPLIT = re.compile(rf"train(?:\[(?:{_BOUND})?:(?:{_BOUND})?\])?", re.ASCII)


class Spec(Noun, frozen=True, kw_only=True):
    """One dataset: its name, its files, and what dataset_info.json says of it.

    `file_name` is where it stands in `folder`: a file, or a folder of files. `targets` is where
    each of `files` stands there, and will stand when it is written. `layout` is None where
    nothing declares it (a file given by itself) and it must be detected.
    """

    name: str
    folder: str
    file_name: str
    files: tuple[File, ...]
    targets: tuple[str, ...]
    entry: Mapping[str, Any] = {}
    layout: Layout | None = None

    @property
    def split(self) -> str:
        return str(self.entry.get("split") or "train")

    @property
    def num_samples(self) -> int | None:
        return self.entry.get("num_samples")

    @property
    def partial(self) -> bool:
        """Whether only some of the rows are the dataset."""
        return self.split != "train" or self.num_samples is not None


def folder_specs(folder: Path, names: Sequence[str]) -> list[Spec]:
    """The datasets `names` of a folder; without names, all that lie in it as files.

    Names that the folder does not know are passed over: another folder may know them.

    Raises:
        InputError: dataset_info.json is missing or broken, a dataset lies on a hub, its file is
            missing, leaves the folder, or is no data file.
    """
    info = read_info(folder)
    if names:
        return [_spec(folder, name, info[name]) for name in dict.fromkeys(names) if name in info]
    specs = []
    for name, entry in info.items():
        local = not any(key in entry for key in _REMOTE) and "file_name" in entry
        if local and _inside(folder, name, entry["file_name"]).exists():
            specs.append(_spec(folder, name, entry))
    if not specs:
        raise InputError("no_local_dataset", path=str(folder / INFO))
    return specs


def read_info(folder: Path) -> dict[str, dict[str, Any]]:
    """All entries of the folder's dataset_info.json."""
    path = folder / INFO
    if not path.is_file():
        raise InputError("dataset_info_missing", path=str(folder))
    try:
        with readable(path):
            info = json.loads(path.read_text(encoding="utf-8-sig"))
    except json.JSONDecodeError as error:
        place = {"line": error.lineno, "column": error.colno}
        raise InputError("dataset_info_broken", path=str(path), **place) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise InputError("dataset_info_broken", path=str(path), line=1, column=1) from error
    if not isinstance(info, dict):
        raise InputError("dataset_info_wrong", path=str(path), name="–", field="–")
    for name, entry in info.items():
        if not isinstance(entry, dict):
            raise InputError("dataset_info_wrong", path=str(path), name=name, field="–")
    return info


def _spec(folder: Path, name: str, entry: dict[str, Any]) -> Spec:
    where = {"path": str(folder / INFO), "name": name}
    for key in _REMOTE:  # as in LLaMA-Factory, these win over `file_name`
        if key in entry:
            raise InputError("dataset_not_local", **where, field=key)
    samples = entry.get("num_samples")
    if samples is not None and (type(samples) is not int or samples < 1):
        raise InputError("dataset_info_wrong", **where, field="num_samples")
    if not _SPLIT.fullmatch(str(entry.get("split") or "train")):
        raise InputError("split_unknown", **where, value=str(entry["split"]))
    if "file_name" not in entry:
        raise InputError("dataset_info_wrong", **where, field="file_name")
    path = _inside(folder, name, entry["file_name"])
    layout = from_entry(entry, where=where)
    files = _files(folder, name, path)
    return Spec(
        name=name,
        folder=str(folder),
        file_name=entry["file_name"],
        files=files,
        targets=tuple(Path(file.path).relative_to(folder).as_posix() for file in files),
        entry=entry,
        layout=layout,
    )


def _inside(folder: Path, name: str, file_name: Any) -> Path:
    """The path of `file_name`, which may not leave `folder`, be it by a symbolic link."""
    where = {"path": str(folder / INFO), "name": name}
    if not isinstance(file_name, str) or not file_name or "\0" in file_name:
        raise InputError("dataset_info_wrong", **where, field="file_name")
    path = folder / file_name
    away = Path(file_name).is_absolute() or ".." in Path(file_name).parts
    if away or not _resolved(path).is_relative_to(_resolved(folder)):
        raise InputError("path_outside_folder", **where, value=file_name)
    return path


def _resolved(path: Path) -> Path:
    with readable(path):
        try:
            return path.resolve()
        except RuntimeError as error:  # a loop of symbolic links
            raise InputError("file_unreadable", path=str(path), why="symlink loop") from error


def _files(folder: Path, name: str, path: Path) -> tuple[File, ...]:
    if path.is_file():
        return (inspect(path),)
    if not path.is_dir():
        raise InputError("path_missing", path=str(path), nearest=nearest_path(path))
    with readable(path):
        inner = sorted(item for item in path.iterdir() if not item.name.startswith("."))
    if not inner:
        raise InputError("dataset_empty", path=str(path))
    for item in inner:
        _inside(folder, name, str(item.relative_to(folder)))
        if not item.is_file():
            raise InputError("dataset_folder_mixed", path=str(path), value=item.name)
    files = tuple(inspect(item) for item in inner)
    odd = [file for file in files if _kind(file) != _kind(files[0])]
    if odd:
        raise InputError("dataset_folder_mixed", path=str(path), value=Path(odd[0].path).name)
    return files


def _kind(file: File) -> str:
    return "json" if file.format == "jsonl" else file.format


def nearest_path(path: Path) -> str:
    """The existing path that is most like `path`, or the nearest existing folder above it."""
    parent = path.parent
    while not parent.is_dir() and parent != parent.parent:
        parent = parent.parent
    wanted = path.relative_to(parent).parts[0] if path != parent else path.name
    with readable(parent):
        names = sorted(item.name for item in parent.iterdir())
    close = difflib.get_close_matches(wanted, names, 1, 0.5)
    return str(parent / close[0]) if close else str(parent)


def slice_bounds(split: str, total: int) -> range:
    """The rows that a split such as `train`, `train[:100]` or `train[10%:]` means.

    Percentages are rounded to the closest row, as in Hugging Face datasets.
    """
    match = _SPLIT.fullmatch(split)
    if match is None:
        raise ValueError("not a split of a local file")
    low, low_percent, high, high_percent = match.groups()

    def bound(value: str | None, percent: str | None, default: int) -> int:
        if value is None:
            return default
        rows = round(int(value) * total / 100) if percent else int(value)
        return min(max(rows + total if rows < 0 else rows, 0), total)

    return range(bound(low, low_percent, 0), bound(high, high_percent, total))
