"""The benchmark's judging: what counts as found, as right, and as scored apart."""

from __future__ import annotations

import pytest
from benchmarks.scan.accuracy import Mark, Place, _apart, _matched

HERE, ELSEWHERE = Place("a_en", 0, "/output"), Place("a_en", 1, "/output")


def _mark(kind: str, start: int, end: int, place: Place = HERE, hazard: str = "identity") -> Mark:
    return Mark(place=place, hazard=hazard, kind=kind, start=start, end=end)


@pytest.mark.parametrize(
    ("finding", "found"),
    [
        (_mark("phone", 10, 21), True),  # the same family, the same span
        (_mark("mobile_number", 10, 19), True),  # 9 of 11
        (_mark("mobile_number", 10, 18), False),  # 8 of 11: under 0.8
        (_mark("mobile_number", 7, 21), False),  # 11 of 14: under 0.8
        (_mark("bank_card", 10, 21), False),
        (_mark("mobile_number", 10, 21, ELSEWHERE), False),
        (_mark("mobile_number", 30, 41), False),
    ],
)
def test_found_means_family_place_and_overlap(finding: Mark, found: bool) -> None:
    label = _mark("mobile_number", 10, 21)
    assert [mark.found for mark in _matched([label], [finding])] == [found]
    assert [mark.found for mark in _matched([finding], [label])] == [found]


def test_nothing_found_and_nothing_labelled() -> None:
    label = _mark("email", 0, 9)
    assert [mark.found for mark in _matched([label], [])] == [False]
    assert _matched([], [label]) == []


def test_internal_fields_of_a_passage_are_not_scored_apart_but_identifiers_are() -> None:
    passage = _mark("json_payload", 0, 90, hazard="internal_return")
    inside = _mark("trace_id", 40, 72, hazard="internal_return")
    outside = _mark("trace_id", 95, 127, hazard="internal_return")
    phone = _mark("phone", 10, 21)
    labels = [passage, inside, outside, phone]
    assert _apart(labels, labels) == [passage, outside, phone]
