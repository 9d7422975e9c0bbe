"""JSON arrays of any size, element by element, going on after a broken element."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import BinaryIO

from tunegate.records.parse import MAX_BYTES, parse
from tunegate.types import Json, Reason

_CHUNK = 256 * 1024
# A raw newline inside a string is not JSON; taking it for the string's end puts the scanner back
# in step one line after a quote was lost.
_STRING = rb'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+["\n]'
_INSIDE = re.compile(rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+([\[\]{}])", re.DOTALL)
_BETWEEN = re.compile(rb'(?:[^"\[\]{},]++|' + _STRING + rb")*+([\[\]{},])", re.DOTALL)
_OPENING = re.compile(rb'\s*(\{\s{0,200}"[^"\\]{1,200}"\s{0,200}:)')
_GUESS = 64 * 1024
_MARGIN = 1024  # longer than an opening with what precedes it


def elements(file: BinaryIO) -> Iterator[tuple[int, Json | Reason]]:
    """The elements of the array in `file`, with their index; a broken one yields its reason.

    Memory holds one element and one chunk. After a broken element, reading goes on where the
    opening of the first element (brace, white space, first key) next appears after a comma or a
    brace: together they tell an element from an object nested in one.
    """
    return enumerate(_Window(file).values())


class _Window:
    """The part of the file in memory: an element starts at `start`, `pos` is scanned up to."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = b""
        self._eof = False
        self._pos = self._start = self._depth = 0
        self._mark: bytes | None = None  # how an element opens
        self._opening: re.Pattern[bytes] | None = None  # the same, after another element
        self._check_at = _CHUNK

    def values(self) -> Iterator[Json | Reason]:
        while (opening := self._buffer.find(b"[")) < 0 and not self._eof:
            self._grow()
        self._start_at(opening + 1)
        first = True
        while True:
            while (value := self._quick()) is not None:
                yield value
                first = False
            end = self._next_end()
            if end is None and self._eof and not self._pending().strip():
                break
            if end is None:
                yield from self._cut_short()
                continue
            closed = self._buffer[end] == ord("]")
            data = self._buffer[self._start : end]
            if closed and first and not data.strip():  # an empty array
                return
            value = parse(data)
            yield value
            first = False
            resume = self._swallowed(value, end)
            self._start_at(end + 1 if resume is None else resume)
            if closed and resume is None:
                yield from self._trailing()
                return
        yield Reason(code="array_cut")

    def _quick(self) -> Json | None:
        """The element, found by where the next one opens; None if that is not its end.

        Whatever parses whole before a comma is the element, so that a wrong guess costs time only.
        Scanning for brackets is five times slower.
        """
        if self._mark is None:
            return None
        own = self._buffer.find(self._mark, self._start)
        cut = self._buffer.find(self._mark, own + 1, own + _GUESS) if own >= 0 else -1
        data = self._buffer[self._start : max(cut, self._start)].rstrip()
        if not data.endswith(b","):
            return None
        value = parse(data[:-1])
        if not isinstance(value, dict):
            return None
        self._start_at(cut)
        return value

    def _next_end(self) -> int | None:
        """Where the element ends (at its comma or the array's bracket), or None if it does not."""
        while True:
            match = (_INSIDE if self._depth else _BETWEEN).match(self._buffer, self._pos)
            if match is None:
                if self._eof or self._hopeless():
                    return None
                self._grow()
                continue
            self._pos = match.end()
            mark = match[1]
            if mark in b"[{":
                self._depth += 1
            elif self._depth:
                self._depth -= 1
            elif mark != b"}":
                return self._pos - 1

    def _swallowed(self, value: Json | Reason, end: int) -> int | None:
        """Where to resume if the broken element that ends at `end` runs into the next one."""
        self._learn()
        if self._opening is None or not isinstance(value, Reason) or value.code != "broken_json":
            return None
        found = self._opening.search(self._buffer, self._start + 1, end)
        return found.start(1) if found else None

    def _cut_short(self) -> Iterator[Json | Reason]:
        """An element without an end: names it, and moves to the next one in the file, if any."""
        self._learn()
        data = self._pending()
        value = Reason(code="too_long", params={"most": MAX_BYTES})
        if len(data) <= MAX_BYTES:
            value = parse(data)
        if not isinstance(value, Reason):  # only the array's bracket is missing
            self._start_at(len(self._buffer))
            yield value
        elif self._seek_opening():
            yield value

    def _seek_opening(self) -> bool:
        """Moves to the next element's opening; False, at the end of the file, if there is none."""
        found, start = None, self._start + 1
        if self._opening is not None:
            while (found := self._opening.search(self._buffer, start)) is None and not self._eof:
                self._start = max(start, len(self._buffer) - _MARGIN)
                start = 0
                self._grow()
        self._eof |= found is None
        self._start_at(found.start(1) if found else len(self._buffer))
        return found is not None

    def _hopeless(self) -> bool:
        """Whether what is pending is broken already, so that reading on could not mend it.

        Checked at doubling sizes: a lost brace must not make the reader load the rest of the file.
        """
        pending = self._pending()
        if len(pending) < self._check_at:
            return False
        self._check_at = 2 * len(pending)
        return len(pending) > MAX_BYTES or _broken_before_end(pending)

    def _trailing(self) -> Iterator[Reason]:
        """What stands after the array's end is no record, but is not passed over in silence."""
        while not self._pending().strip() and not self._eof:
            self._start_at(len(self._buffer))
            self._grow()
        if self._pending().strip():
            yield Reason(code="array_trailing")

    def _learn(self) -> None:
        """Takes the opening of the first object as the mark of an element."""
        if self._opening is None and (found := _OPENING.match(self._buffer, self._start)):
            self._mark = found[1]
            self._opening = re.compile(rb"[,}]\s*(" + re.escape(self._mark) + rb")")

    def _pending(self) -> bytes:
        return self._buffer[self._start :]

    def _start_at(self, position: int) -> None:
        self._start = self._pos = position
        self._depth = 0
        self._check_at = _CHUNK

    def _grow(self) -> None:
        chunk = self._file.read(max(_CHUNK, len(self._buffer) - self._start))  # keeps this linear
        self._eof = not chunk
        self._buffer = self._pending() + chunk
        self._pos -= self._start
        self._start = 0


def _broken_before_end(data: bytes) -> bool:
    try:
        json.loads(data.decode("utf-8", "ignore"))
    except json.JSONDecodeError as error:
        unfinished = error.msg.startswith("Unterminated string")
        return not unfinished and error.pos < len(error.doc) - 32
    except (RecursionError, ValueError):
        return True
    return False
