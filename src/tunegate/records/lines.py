"""Files of one record a line: JSONL and plain text."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

from tunegate.records.parse import MAX_BYTES, parse
from tunegate.types import Json, Reason

BOM = b"\xef\xbb\xbf"


def json_lines(file: BinaryIO) -> Iterator[tuple[int, Json | Reason]]:
    """The value on each line, with its line number from 1; blank lines are passed over."""
    for number, line in _lines(file):
        if isinstance(line, Reason):
            yield number, line
        elif not line.isspace():
            yield number, parse(line)


def text_lines(file: BinaryIO) -> Iterator[tuple[int, Json | Reason]]:
    """Each line as `{"text": line}`, as LLaMA-Factory reads a `.txt` file."""
    for number, line in _lines(file):
        if isinstance(line, Reason):
            yield number, line
            continue
        try:
            yield number, {"text": line.rstrip(b"\r\n").decode("utf-8")}
        except UnicodeDecodeError:
            yield number, Reason(code="not_utf8")


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | Reason]]:
    """Lines with their numbers; one beyond `MAX_BYTES` is passed over without being held."""
    for number, line in enumerate(iter(partial(file.readline, MAX_BYTES), b""), 1):
        if len(line) >= MAX_BYTES and not line.endswith(b"\n"):
            while (rest := file.readline(MAX_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, Reason(code="too_long", params={"most": MAX_BYTES})
        elif number == 1 and line.startswith(BOM):
            if line != BOM:
                yield number, line[len(BOM) :]
        else:
            yield number, line
