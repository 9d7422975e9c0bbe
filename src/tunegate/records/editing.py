"""A record as a conversation, and changes to its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from tunegate.keys import Key
from tunegate.records.parse import canonical
from tunegate.types import Json, Record, Segment, Turn

ID_PURPOSE = "record"


def turns(record: Record) -> tuple[Turn, ...]:
    r"""The conversation as a trainer renders it.

    Neighbouring segments of one role are one turn, joined by a newline, as LLaMA-Factory joins
    `instruction` and `input`. The chosen answer of a ranking record is the last, assistant's turn;
    the rejected one is left out. Tools are a turn of role `tools` after the system's.
    """
    kept = [segment for segment in record.segments if segment.role != "rejected"]
    return tuple(
        Turn(role=role, text="\n".join(segment.text for segment in group if segment.text))
        for role, group in groupby(kept, key=_turn_role)
    )


def unread(record: Record) -> Record:
    """The same record with, as its segments, every text and number that no trainer reads.

    They go out with the record all the same, so they are checked like the rest.
    """
    read = {segment.pointer for segment in record.segments}
    leaves = tuple(
        Segment(pointer=pointer, role="system", text=text)
        for pointer, text in _leaves(record.raw, "")
        if pointer not in read
    )
    return Record(id=record.id, source=record.source, raw=record.raw, segments=leaves)


def _leaves(value: Json, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield pointer, str(value)
    elif isinstance(value, dict):
        for key, child in value.items():
            step = str(key).replace("~", "~0").replace("/", "~1")
            yield from _leaves(child, f"{pointer}/{step}")
    elif isinstance(value, list):
        for at, child in enumerate(value):
            yield from _leaves(child, f"{pointer}/{at}")


def edit(record: Record, edits: Mapping[str, str], *, key: Key) -> Record:
    """`record` with other text at some JSON pointers; `record` itself stays as it is.

    The id's digest follows the new content and its occurrence number stays, so that exact
    duplicates that are edited alike stay apart.

    Args:
        record: The record.
        edits: New text for each pointer (RFC 6901) into the raw object.
        key: The key that the records were read with.

    Raises:
        KeyError: A pointer does not lead to text.
    """
    raw = record.raw
    for pointer, text in edits.items():
        raw = _replaced(raw, _steps(pointer), text)
    occurrence = record.id.rpartition("-")[2]
    return Record(
        id=f"{key.digest(canonical(raw), purpose=ID_PURPOSE)}-{occurrence}",
        source=record.source,
        raw=raw,
        segments=tuple(
            Segment(pointer=s.pointer, role=s.role, text=edits[s.pointer])
            if s.pointer in edits
            else s
            for s in record.segments
        ),
        subject=record.subject,
    )


def _turn_role(segment: Segment) -> str:
    return "assistant" if segment.role == "chosen" else segment.role


def _steps(pointer: str) -> list[str]:
    if not pointer.startswith("/"):
        raise KeyError("not a JSON pointer to a part of the record")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]


def _replaced(node: Json, steps: Sequence[str], text: str) -> Json:
    """A copy of `node` that shares everything off the path."""
    if not steps:
        if not isinstance(node, str):
            raise KeyError("the JSON pointer does not lead to text")
        return text
    step, rest = steps[0], steps[1:]
    if isinstance(node, dict) and step in node:
        return {**node, step: _replaced(node[step], rest, text)}
    at = int(step) if step.isascii() and step.isdigit() else -1
    if isinstance(node, list | tuple) and 0 <= at < len(node):
        return [*node[:at], _replaced(node[at], rest, text), *node[at + 1 :]]
    raise KeyError("the JSON pointer does not lead into the record")
