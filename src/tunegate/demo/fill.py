"""Fills text templates and remembers where each labelled value came to stand.

A template holds `{name}` (a value; the same token in one record is the same value, `{name2}` is
another one), `{mobile:s344}` (a value in a given style) and `{@json_payload}…{/json_payload}`
(a labelled passage). Braces of JSON stay as they are: no token starts with a quote or a space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

_TOKEN = re.compile(
    r"\{(?P<mark>[@/]?)(?P<name>[a-z_]+)(?P<number>\d?)(?::(?P<style>[a-z0-9]+))?\}"
)

PASSAGES: Mapping[str, str] = {
    "json_payload": "internal_return",
    "stack_trace": "internal_return",
    "log_line": "internal_return",
}


class Value(NamedTuple):
    """A generated value; an empty `kind` marks ordinary text that is no hazard."""

    text: str
    hazard: str = ""
    kind: str = ""


class Span(NamedTuple):
    """A labelled stretch of filled text, in code points, end exclusive."""

    hazard: str
    kind: str
    start: int
    end: int


Source = Callable[[str, str, str], Value]  # (name, number, style) → value


def fill(template: str, source: Source) -> tuple[str, list[Span]]:
    """Puts values into `template`.

    Args:
        template: Text with tokens.
        source: Gives the value of a token.

    Returns:
        The text and its labelled spans, in order of their ends.

    Raises:
        ValueError: A passage is opened and not closed, or closed and not opened.
    """
    out: list[str] = []
    spans: list[Span] = []
    opened: list[tuple[str, int]] = []
    length = position = 0
    for token in _TOKEN.finditer(template):
        before = template[position : token.start()]
        out.append(before)
        length += len(before)
        position = token.end()
        name = token["name"]
        if token["mark"] == "@":
            opened.append((name, length))
        elif token["mark"] == "/":
            if not opened or opened[-1][0] != name:
                raise ValueError(f"passage {name} is closed but not open")
            spans.append(Span(PASSAGES[name], name, opened.pop()[1], length))
        else:
            value = source(name, token["number"], token["style"] or "")
            if value.kind:
                spans.append(Span(value.hazard, value.kind, length, length + len(value.text)))
            out.append(value.text)
            length += len(value.text)
    if opened:
        raise ValueError(f"passage {opened[-1][0]} is not closed")
    out.append(template[position:])
    return "".join(out), spans
