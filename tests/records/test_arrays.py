"""Arrays are streamed, and reading goes on after what is broken."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunegate.records import arrays
from tunegate.types import Reason

GOOD = [{"id": "]}[", "text": f"q{n}", "meta": {"id": [n, "x"]}} for n in range(6)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def read(data: bytes) -> list[Any]:
    found = list(arrays.elements(io.BytesIO(data)))
    assert [index for index, _ in found] == list(range(len(found)))
    return [value.code if isinstance(value, Reason) else value for _, value in found]


@pytest.fixture(params=[None, 2], ids=["compact", "indented"])
def indent(request: pytest.FixtureRequest) -> int | None:
    value: int | None = request.param
    return value


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
@given(st.lists(JSON), st.sampled_from([None, 1]), st.booleans(), st.integers(1, 40))
def test_reads_what_json_reads(rows: Any, indent: Any, ascii_only: bool, chunk: int) -> None:
    text = json.dumps(rows, indent=indent, ensure_ascii=ascii_only)
    with pytest.MonkeyPatch.context() as patch:  # every token is cut somewhere
        patch.setattr(arrays, "_CHUNK", chunk)
        assert read(b"\xef\xbb\xbf " + text.encode("utf-8", "backslashreplace")) == rows


def damaged(indent: int | None, at: int, old: str, new: str) -> bytes:
    """The array with `old` replaced in one element's text."""
    whole = json.dumps(GOOD, indent=indent)
    element = whole.index(f'"q{at}"')
    where = whole.index(old, element)
    return (whole[:where] + new + whole[where + len(old) :]).encode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"', ""),  # a quote lost
        (",", ""),  # a comma lost
        ("}", ""),  # a brace lost
        ("]", ""),  # a bracket lost
        ("{", ""),
        ('"meta"', "meta"),
        (",", ',"x": 01,'),
    ],
)
@pytest.mark.parametrize("at", [0, 3])
def test_one_broken_element_is_skipped_alone(
    indent: int | None, at: int, old: str, new: str
) -> None:
    found = read(damaged(indent, at, old, new))
    assert [value for value in found if isinstance(value, dict)] == GOOD[:at] + GOOD[at + 1 :]
    assert found[at] == "broken_json"


def test_many_broken_elements(indent: int | None) -> None:
    text = json.dumps(GOOD * 50, indent=indent)
    broken = text.replace('"q3"', '"q3').replace('"q1",', '"q1" {')
    kept = [value for value in read(broken.encode()) if isinstance(value, dict)]
    assert kept == [row for row in GOOD * 50 if row["text"] not in ("q1", "q3")]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"[]", []),
        (b" [ ] ", []),
        (b"[1, ,2]", [1, "broken_json", 2]),
        (b"[1,]", [1, "broken_json"]),
        (b"[1", [1, "array_cut"]),
        (b"[", ["array_cut"]),
        (b'[{"a": 1}, {"a": ', [{"a": 1}, "array_cut"]),
        (b"[1] x", [1, "array_trailing"]),
        (b"[" * 5000, ["array_cut"]),
        (b'["\xff", "x"]', ["not_utf8", "x"]),
        (b'["a\x00b", "c\\u0000d"]', ["broken_json", "c\0d"]),
        (b"[" + b"[" * 300 + b"]" * 300 + b", 1]", ["too_deep", 1]),
        (b"[" + b"9" * 5000 + b", 1]", ["number_too_long", 1]),
    ],
)
def test_edges(data: bytes, expected: list[Any]) -> None:
    assert read(data) == expected


class _Long(io.RawIOBase):
    """An opening, and then the same element again and again."""

    def __init__(self, opening: bytes, element: bytes, times: int) -> None:
        self.opening, self.element, self.left = opening, element, times

    def read(self, size: int = -1) -> bytes:
        opening, self.opening = self.opening, b""
        count = min(self.left, max(1, size // len(self.element)))
        self.left -= count
        return opening + self.element * count


@pytest.mark.parametrize("spoilt", [b"", b'{"text": "lost brace", ', b'{"text": "lost quote, '])
def test_memory_does_not_grow_with_the_array(spoilt: bytes) -> None:
    times = 12_000
    element = json.dumps({"text": "x" * 700}).encode() + b","
    file = _Long(b"[" + spoilt, element, times)
    tracemalloc.start()
    try:
        found = [isinstance(value, dict) for _, value in arrays.elements(file)]  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(found) == times
    assert peak < 5_000_000 < times * len(element)
