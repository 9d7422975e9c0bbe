"""Filling: spans stand where the values stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunegate.demo.fill import Span, Value, fill


def _source(name: str, number: str, style: str) -> Value:
    if name == "plain":
        return Value("2024-01-01")
    return Value(f"<{name}{number}{style}>", "identity", name)


def test_braces_of_json_stay_and_passages_are_labelled() -> None:
    text, spans = fill(
        'x {@json_payload}{"tel": "{phone2:wide}", "n": {"a": 1}}{/json_payload} y', _source
    )
    assert text == 'x {"tel": "<phone2wide>", "n": {"a": 1}} y'
    assert [(s.kind, text[s.start : s.end]) for s in spans] == [
        ("phone", "<phone2wide>"),
        ("json_payload", '{"tel": "<phone2wide>", "n": {"a": 1}}'),
    ]


def test_unlabelled_values_leave_no_span() -> None:
    assert fill("on {plain}", _source) == ("on 2024-01-01", [])


@pytest.mark.parametrize(
    "template",
    ["{@json_payload}never closed", "never opened{/log_line}", "{@log_line}x{/json_payload}"],
)
def test_unbalanced_passages_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match="passage"):
        fill(template, _source)


@given(st.lists(st.text(alphabet="ab 字𠮷\n", max_size=8), min_size=1, max_size=6))
def test_spans_point_at_their_values_whatever_stands_between(parts: list[str]) -> None:
    text, spans = fill("{phone}".join(parts), _source)
    assert len(spans) == len(parts) - 1
    assert all(text[s.start : s.end] == "<phone>" for s in spans)
    assert spans == sorted(spans, key=lambda s: s.start)
    assert text == "<phone>".join(parts)
    assert all(isinstance(s, Span) for s in spans)
