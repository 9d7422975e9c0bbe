"""CSV and Parquet files, row by row."""

from __future__ import annotations

import codecs
import csv
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunegate.errors import InputError
from tunegate.records.lines import BOM
from tunegate.records.parse import MAX_BYTES
from tunegate.types import Json, Reason

_BATCH = 1000
_SURROGATE = re.compile("[\ud800-\udfff]")
# The module's limit of 128 KiB a field is below real records; this one only stops a lost quote
# from loading the rest of a large file.
csv.field_size_limit(MAX_BYTES)


def csv_rows(path: Path, encoding: str) -> Iterator[tuple[int, Json | Reason]]:
    """Each row as an object of strings, with its index from 0; blank rows are passed over.

    A row that the trainer's reader would refuse (an unclosed quote, more or fewer fields than the
    header, bytes that are no text) yields its reason.
    """
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = _header(path, reader)
        index = -1
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error:
                index += 1
                yield index, Reason(code="broken_csv", params={"last_line": reader.line_num})
                continue
            if not row:
                continue
            index += 1
            yield index, _object(header, row)


def csv_header(path: Path, encoding: str) -> list[str]:
    """The column names.

    Raises:
        InputError: A name stands twice, or there is no header.
    """
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
        return _header(path, csv.reader(file, strict=True))


def _header(path: Path, reader: Any) -> list[str]:
    try:
        header: list[str] = next(reader)
    except (StopIteration, csv.Error):
        header = []
    if not header:
        raise InputError("dataset_empty", path=str(path))
    if len(set(header)) < len(header):
        raise InputError("csv_column_twice", path=str(path), columns=len(header))
    return header


def _object(header: list[str], row: list[str]) -> Json | Reason:
    if len(row) != len(header):
        params = {"expected": len(header), "found": len(row)}
        return Reason(code="csv_row_width", params=params)
    if any(_SURROGATE.search(value) for value in row):  # how undecodable bytes were kept
        return Reason(code="not_utf8")
    return dict(zip(header, row, strict=True))


def csv_encoding(path: Path) -> str:
    """`utf-8-sig`, `utf-8` or `gb18030`, judged on the whole file.

    A UTF-8 file with some broken bytes is no GB18030 file: where neither fits, the one that fits
    longer is taken and the broken rows are skipped.
    """
    with path.open("rb") as file:
        if file.read(len(BOM)) == BOM:
            return "utf-8-sig"
    utf8, gb18030 = _fits(path, "utf-8"), _fits(path, "gb18030")
    return "gb18030" if utf8 is not None and (gb18030 is None or gb18030 > utf8) else "utf-8"


def _fits(path: Path, encoding: str) -> int | None:
    """About the offset where `path` stops being text in `encoding`; None if it is text."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as file:
        offset = 0
        while True:
            chunk = file.read(1 << 20)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                return offset + error.start
            if not chunk:
                return None
            offset += len(chunk)


def csv_newline(path: Path) -> str:
    """The line end of the header, to be written again."""
    with path.open("rb") as file:
        return "\r\n" if file.readline(MAX_BYTES).endswith(b"\r\n") else "\n"


def parquet_rows(path: Path) -> Iterator[tuple[int, Json | Reason]]:
    """Each row as an object, with its index from 0, a batch in memory at a time."""
    try:
        with parquet().ParquetFile(path) as file:
            index = 0
            for batch in file.iter_batches(batch_size=_BATCH):
                for row in _batch_rows(batch):
                    yield index, row
                    index += 1
    except _arrow_invalid() as error:
        raise InputError("parquet_broken", path=str(path)) from error


def _batch_rows(batch: Any) -> list[Json | Reason]:
    try:
        return list(batch.to_pylist())
    except (ValueError, OverflowError):  # broken UTF-8, or a date that Python cannot hold
        if batch.num_rows == 1:
            return [Reason(code="parquet_value")]
        return [row for at in range(batch.num_rows) for row in _batch_rows(batch.slice(at, 1))]


def parquet_schema(path: Path) -> Any:
    """The Arrow schema, with its metadata.

    Raises:
        InputError: This is no Parquet file.
    """
    try:
        return parquet().read_schema(path)
    except _arrow_invalid() as error:
        raise InputError("parquet_broken", path=str(path)) from error


def _arrow_invalid() -> type[Exception]:
    invalid: type[Exception] = importlib.import_module("pyarrow").ArrowInvalid
    return invalid


def parquet() -> Any:
    """pyarrow's Parquet module; imported on first use, for it takes a third of a second."""
    return importlib.import_module("pyarrow.parquet")
