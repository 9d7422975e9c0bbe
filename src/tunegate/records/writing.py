"""Writing records back in the form in which they were read."""

from __future__ import annotations

import contextlib
import csv
import importlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from tunegate.errors import InputError
from tunegate.records.dataset import Dataset
from tunegate.records.files import File
from tunegate.records.info import INFO, Spec
from tunegate.records.layout import Layout, to_entry
from tunegate.records.parse import dump
from tunegate.records.tables import csv_header, csv_newline, parquet, parquet_schema
from tunegate.types import Json, Record

_ROWS = 1000  # rows of a Parquet row group

Add = Callable[[Json], object]


def write(folder: str | Path, records: Iterable[Record], *, like: Dataset) -> None:
    """Writes `records` under the datasets' own names, file names and formats.

    Only `dataset_dir` changes for the user: dataset_info.json holds the entries of the datasets
    in `like`. A dataset with no record left is written empty. A slice in `split` is dropped, for
    what is written is that slice; `num_samples` never exceeds what was written, for LLaMA-Factory
    would repeat records to reach it. Files appear complete or not at all, dataset_info.json last.

    Args:
        folder: Where to; made if need be.
        records: Records of `like`, edited or not, in any order; streamed.
        like: The dataset that they were read from.

    Raises:
        InputError: The folder is the one that was read, or it cannot be written to.
        ValueError: A record is of no dataset in `like`.
    """
    folder = Path(folder)
    if any(folder.resolve() == Path(spec.folder).resolve() for spec in like.specs):
        raise InputError("output_is_input", path=str(folder))
    specs = _apart(like.specs)
    finished: list[tuple[Path, Path]] = []
    try:
        with contextlib.ExitStack() as files:
            adds: dict[tuple[str, str], Add] = {}
            for spec in specs:
                for file, target in zip(spec.files, spec.targets, strict=True):
                    path = _temporary(folder, target, finished)
                    adds[spec.name, file.path] = files.enter_context(_opened(path, file))
            counts = _add_all(records, adds)
        _temporary(folder, INFO, finished).write_bytes(_info(specs, counts))
        for temporary, path in finished:
            temporary.replace(path)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise InputError("write_failed", path=str(folder), why=why) from error
    finally:
        for temporary, _ in finished:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _add_all(records: Iterable[Record], adds: dict[tuple[str, str], Add]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for record in records:
        add = adds.get((record.source.dataset, record.source.path))
        if add is None:
            raise ValueError("a record of another dataset")
        add(record.raw)
        counts[record.source.dataset] += 1
    return counts


def _apart(specs: Iterable[Spec]) -> list[Spec]:
    """Two datasets that share a file (two slices of it) each get a file of their own."""
    out: list[Spec] = []
    taken = {INFO}
    for spec in specs:
        number, own = 1, spec
        while taken & set(own.targets):
            number += 1
            own = _renamed(spec, number)
        taken |= set(own.targets)
        out.append(own)
    return out


def _renamed(spec: Spec, number: int) -> Spec:
    old = PurePosixPath(spec.file_name)
    new = old.with_name(f"{old.stem}-{number}{old.suffix}")
    targets = tuple((new / PurePosixPath(t).relative_to(old)).as_posix() for t in spec.targets)
    return msgspec.structs.replace(spec, file_name=new.as_posix(), targets=targets)


def _temporary(folder: Path, target: str, finished: list[tuple[Path, Path]]) -> Path:
    """The path to write to until `target` is complete; notes the pair in `finished`."""
    path = folder / target
    if not path.parent.resolve().is_relative_to(folder.resolve()):  # by a symbolic link
        raise InputError("path_outside_folder", path=str(folder), name=target, value=target)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    finished.append((temporary, path))
    return temporary


def _info(specs: Iterable[Spec], counts: Counter[str]) -> bytes:
    info = {}
    for spec in specs:
        entry: dict[str, Any] = dict(spec.entry) or {"file_name": spec.file_name}
        if not spec.entry:
            entry |= to_entry(spec.layout or Layout())
        entry["file_name"] = spec.file_name
        if spec.split != "train":
            entry["split"] = "train"
        if spec.num_samples is not None:
            entry["num_samples"] = min(spec.num_samples, max(counts[spec.name], 1))
        info[spec.name] = entry
    text = json.dumps(info, ensure_ascii=False, indent=2) + "\n"
    return text.encode("utf-8", "backslashreplace")


def _opened(path: Path, like: File) -> contextlib.AbstractContextManager[Add]:
    if like.format == "csv":
        return _csv(path, like)
    if like.format == "parquet":
        return _parquet(path, like)
    return {"json": _array, "jsonl": _json_lines, "text": _text_lines}[like.format](path)


@contextlib.contextmanager
def _array(path: Path) -> Iterator[Add]:
    with path.open("wb") as file:
        file.write(b"[")
        between = iter([b"\n"])
        yield lambda raw: file.write(next(between, b",\n") + dump(raw))
        file.write(b"\n]\n")


@contextlib.contextmanager
def _json_lines(path: Path) -> Iterator[Add]:
    with path.open("wb") as file:
        yield lambda raw: file.write(dump(raw) + b"\n")


@contextlib.contextmanager
def _text_lines(path: Path) -> Iterator[Add]:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        yield lambda raw: file.write(raw["text"] + "\n")


@contextlib.contextmanager
def _csv(path: Path, like: File) -> Iterator[Add]:
    header = csv_header(Path(like.path), like.encoding)
    newline = csv_newline(Path(like.path))
    with path.open("w", encoding=like.encoding, newline="") as file:
        plain = csv.writer(file, lineterminator=newline)
        quoted = csv.writer(file, lineterminator=newline, quoting=csv.QUOTE_ALL)

        def add(raw: dict[str, str]) -> None:
            row = [raw[name] for name in header]
            # A lone carriage return is not quoted by itself, and would end the row.
            (quoted if any("\r" in value for value in row) else plain).writerow(row)

        plain.writerow(header)
        yield add


@contextlib.contextmanager
def _parquet(path: Path, like: File) -> Iterator[Add]:
    schema = parquet_schema(Path(like.path))
    table = importlib.import_module("pyarrow").Table
    waiting: list[Json] = []
    with parquet().ParquetWriter(path, schema) as writer:

        def flush() -> None:
            writer.write_table(table.from_pylist(waiting, schema=schema))
            waiting.clear()

        def add(raw: Json) -> None:
            waiting.append(raw)
            if len(waiting) == _ROWS:
                flush()

        yield add
        flush()
