"""One data file: its format, and its rows whatever the format."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from tunegate.errors import InputError
from tunegate.records.arrays import elements
from tunegate.records.lines import BOM, json_lines, text_lines
from tunegate.records.tables import csv_encoding, csv_rows, parquet_rows, parquet_schema
from tunegate.types import Json, Noun, Reason

Format = Literal["json", "jsonl", "csv", "parquet", "text"]
FORMATS: tuple[str, ...] = get_args(Format)
_EXTENSIONS: dict[str, Format] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".txt": "text",
}
_HEAD = 64 * 1024
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class File(Noun, frozen=True, kw_only=True):
    """A data file. `json` is one array, `jsonl` a value a line; `encoding` matters for CSV only."""

    path: str
    format: Format
    encoding: str = "utf-8"

    @property
    def by_line(self) -> bool:
        """Whether rows are named by line (from 1) rather than by index (from 0)."""
        return self.format in ("jsonl", "text")


def inspect(path: Path, *, format: str = "auto") -> File:
    """Finds out the format and the encoding of `path`.

    Args:
        path: An existing file.
        format: One of `FORMATS`, or `auto`: by extension, then by content. `json` and `auto`
            look at the content to tell an array from one object a line.

    Raises:
        InputError: The format is unknown, or the file cannot be read, is no text, or is UTF-16.
    """
    if format not in ("auto", *FORMATS):
        close = difflib.get_close_matches(format, FORMATS, 1, 0)
        raise InputError("format_unknown", value=format, nearest=close[0], known=", ".join(FORMATS))
    with readable(path), path.open("rb") as file:
        head = file.read(_HEAD)
    found: str | None = format
    if format == "auto":
        found = _EXTENSIONS.get(path.suffix.lower()) or _by_content(head)
    if found is None:
        raise InputError("file_format_unknown", path=str(path), known=", ".join(FORMATS))
    if found != "parquet" and head.startswith(_UTF16):
        raise InputError("file_utf16", path=str(path))
    text = head.removeprefix(BOM).lstrip()
    if found == "json" or (found == "jsonl" and format == "auto"):
        return File(path=str(path), format="json" if text.startswith(b"[") else "jsonl")
    with readable(path):
        if found == "csv":
            return File(path=str(path), format="csv", encoding=csv_encoding(path))
        if found == "parquet":
            parquet_schema(path)
            return File(path=str(path), format="parquet")
    return File(path=str(path), format="jsonl" if found == "jsonl" else "text")


def rows(file: File) -> Iterator[tuple[int, Json | Reason]]:
    """The rows of `file` with their line or index; a row that cannot be read yields its reason.

    Raises:
        InputError: The file cannot be read (any more).
    """
    path = Path(file.path)
    with readable(path):
        if file.format == "csv":
            yield from csv_rows(path, file.encoding)
        elif file.format == "parquet":
            yield from parquet_rows(path)
        else:
            read = {"json": elements, "jsonl": json_lines, "text": text_lines}[file.format]
            with path.open("rb") as handle:
                yield from read(handle)


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns the system's errors while reading `path` into one message."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise InputError("file_unreadable", path=str(path), why=why) from error


def _by_content(head: bytes) -> Format | None:
    if head.startswith(b"PAR1"):
        return "parquet"
    if b"\0" in head:
        return None
    text = head.removeprefix(BOM).lstrip()
    if text.startswith((b"[", b"{")):
        return "json"
    first_line = text.split(b"\n", 1)[0]
    return "csv" if b"," in first_line else None
