"""What people decided: overrides, waivers, signatures. Append-only; stages read, never write.

Record ids are digests of content, so an override finds its record again in the next run.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, get_args

import filelock
import msgspec

from tunegate.errors import InputError
from tunegate.types import DESTINATIONS, Destination, Noun
from tunegate.yamlfile import nearest

Kind = Literal["override", "waive", "sign", "accept"]
POLICY = "policy"  # an override's value that gives the record back to the policy
_PRIVATE = 0o600


class Ruling(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that a named person decided.

    Attributes:
        who: The person's name.
        kind: `override` a record's destination, `waive` unanswered intent, `sign` a condition,
            `accept` an inconclusive bound.
        target: A record id; `intent`; `hazard:NAME` or `proxy`; `gate:PROBE.METRIC.STRATUM`.
        reason: Why, in the person's words.
        value: The destination, or the highest upper bound that is accepted. A bound that comes
            out worse in a later run is not covered by it.
        at: ISO date or time, passed in by the caller.
    """

    who: str
    kind: Kind
    target: str
    reason: str = ""
    value: str | float | None = None
    at: str | None = None


class Override(Noun, frozen=True, kw_only=True):
    """The destination that a person gave a record."""

    destination: Destination
    who: str
    why: str = ""


def check(ruling: Ruling) -> Ruling:
    """The ruling itself, if it names who, what and, where it must, how much.

    Raises:
        InputError: It doesn't.
    """
    if not ruling.who.strip():
        raise InputError("decision_needs_name", kind=ruling.kind, target=ruling.target)
    if not ruling.target.strip():
        raise InputError("decision_needs_target", kind=ruling.kind)
    if ruling.kind == "override" and ruling.value not in (*DESTINATIONS, POLICY):
        near = nearest(str(ruling.value), (*DESTINATIONS, POLICY))
        raise InputError("decision_destination", target=ruling.target, nearest=near)
    if (ruling.kind == "accept") != ruling.target.startswith("gate:") or (
        ruling.kind == "accept" and not isinstance(ruling.value, int | float)
    ):
        raise InputError("decision_needs_bound", target=ruling.target)
    return ruling


def append(path: Path, ruling: Ruling) -> None:
    """Adds one ruling to the file at `path`, durably.

    What a killed writer left of its last line was never a decision and is cut off first.

    Raises:
        InputError: The ruling is not complete, or the file cannot be written.
    """
    line = msgspec.json.encode(check(ruling)) + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(path.with_suffix(".lock")):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, _PRIVATE)
            with os.fdopen(handle, "r+b") as file:
                whole, torn = _split(file.read())
                if torn is not None and _parse(torn) is not None:
                    line = b"\n" + line  # complete, only its line end is missing
                    whole += torn
                file.truncate(len(whole))
                file.seek(len(whole))
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise InputError("decision_unwritable", path=str(path), why=why) from error


def read(folder: Path) -> tuple[Ruling, ...]:
    """All rulings in `folder/*.jsonl`, by file name and line; none if there is no such folder.

    Raises:
        InputError: A line other than a torn last one is no ruling.
    """
    rulings: list[Ruling] = []
    for path in sorted(folder.glob("*.jsonl")):
        whole, torn = _split(path.read_bytes())
        for number, line in enumerate(whole.splitlines(), start=1):
            if not line.strip():
                continue
            ruling = _parse(line)
            if ruling is None:
                raise InputError(
                    "decision_broken", path=str(path), line=number, kinds=", ".join(get_args(Kind))
                )
            rulings.append(check(ruling))
        if torn is not None and (ruling := _parse(torn)) is not None:
            rulings.append(check(ruling))
    return tuple(rulings)


def overrides(rulings: Iterable[Ruling]) -> Mapping[str, Override]:
    """Each overridden record's destination; a person's later word replaces an earlier one."""
    latest: dict[str, Override] = {}
    for ruling in rulings:
        if ruling.kind != "override":
            continue
        latest.pop(ruling.target, None)
        for destination in DESTINATIONS:
            if ruling.value == destination:
                latest[ruling.target] = Override(
                    destination=destination, who=ruling.who, why=ruling.reason
                )
    return latest


def signed(rulings: Iterable[Ruling], target: str, *, upper: float | None = None) -> Ruling | None:
    """The latest ruling on `target`; for a gate, the latest that covers the bound `upper`."""
    found: Ruling | None = None
    for ruling in rulings:
        covers = upper is None or (
            isinstance(ruling.value, int | float) and upper <= float(ruling.value)
        )
        if ruling.kind != "override" and ruling.target == target and covers:
            found = ruling
    return found


def _split(data: bytes) -> tuple[bytes, bytes | None]:
    """Complete lines, and what follows the last line end."""
    end = data.rfind(b"\n") + 1
    return data[:end], data[end:] or None


def _parse(line: bytes) -> Ruling | None:
    try:
        return msgspec.json.decode(line, type=Ruling)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
