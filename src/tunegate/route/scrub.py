"""Scrubbing: identity spans become consistent surrogates; every other character stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from random import Random

import msgspec

from tunegate import records
from tunegate.keys import Key
from tunegate.route.spans import covered
from tunegate.types import Finding, Record

Surrogate = Callable[[str, str, Random], str]  # (kind, value, rng) → replacement
_SHORTEST_REPEAT = 6  # shorter values ("Ann") stand inside ordinary words and numbers


def scrub(record: Record, findings: Iterable[Finding], *, key: Key, surrogate: Surrogate) -> Record:
    """The record with its identity replaced; the record itself where there is none.

    Args:
        record: As read.
        findings: Of this record; only those of hazard `identity` are replaced.
        key: The same value gets the same surrogate wherever this key is used.
        surrogate: Makes a replacement of a kind, drawing only from the generator it is given.

    Returns:
        A record with new segments and a new id; scan it again before it is trusted.
    """
    changed = edits(record, findings, key=key, surrogate=surrogate)
    return records.edit(record, changed, key=key) if changed else record


def edits(
    record: Record, findings: Iterable[Finding], *, key: Key, surrogate: Surrogate
) -> Mapping[str, str]:
    """JSON pointer → new text, for the segments that hold identity."""
    texts = {segment.pointer: segment.text for segment in record.segments}
    identity = [finding for finding in findings if finding.hazard == "identity"]
    changed: dict[str, str] = {}
    for pointer, spans in covered([*identity, *_repeats(identity, texts)]):
        text = texts[pointer]
        parts: list[str] = []
        done = 0
        for span in spans:
            found = span.finding
            # The finding's digest is that of the normalised value: written with or without
            # spaces, a number gets the same generator and so the same surrogate.
            rng = key.rng("surrogate", found.kind, found.digest)
            value = text[found.start : found.end]
            parts += text[done : span.start], surrogate(found.kind, value, rng)
            done = span.end
        changed[pointer] = "".join((*parts, text[done:]))
    return changed


def _repeats(findings: Iterable[Finding], texts: Mapping[str, str]) -> Iterator[Finding]:
    """The same values wherever else they stand in the record.

    A detector that needs a word of context ("passport no. …") sees only the first of two mentions.
    """
    for finding in findings:
        value = texts[finding.field][finding.start : finding.end]
        if len(value) < _SHORTEST_REPEAT:
            continue
        for pointer, text in texts.items():
            start = text.find(value)
            while start >= 0:
                end = start + len(value)
                if _stands_alone(text, start, end):
                    yield msgspec.structs.replace(finding, field=pointer, start=start, end=end)
                start = text.find(value, end)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Not a part of a longer number or Latin word; Chinese text may touch it."""
    return not (_word(text[start - 1 : start]) and _word(text[start])) and not (
        _word(text[end - 1]) and _word(text[end : end + 1])
    )


def _word(char: str) -> bool:
    return char.isascii() and char.isalnum()
