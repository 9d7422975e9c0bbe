"""The benchmark's judging: what counts as found, as right, and as scored apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
from benchmarks.scan.accuracy import Mark, Place, _apart, _interval, _matched
from scipy.stats import binomtest

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


def _drawn(template: str, found: int, missed: int) -> list[Mark]:
    mark = replace(_mark("phone", 10, 21), template=template)
    return [replace(mark, found=True)] * found + [mark] * missed


def test_interval_is_wider_when_whole_templates_fail_together() -> None:
    together = [
        *(mark for name in "abcdefghi" for mark in _drawn(name, 10, 0)),
        *_drawn("j", 0, 10),
    ]
    scattered = [mark for name in "abcdefghij" for mark in _drawn(name, 9, 1)]
    plain = binomtest(90, 100).proportion_ci(0.95, method="exact")
    assert _interval(scattered) == pytest.approx(tuple(plain))
    low, high = _interval(together)
    assert low < plain.low - 0.1
    assert 0.9 < high <= 1


@pytest.mark.parametrize("size", [1, 50])
def test_interval_without_errors_counts_templates_not_marks(size: int) -> None:
    marks = [mark for name in "abcdefgh" for mark in _drawn(name, size, 0)]
    assert _interval(marks) == pytest.approx(tuple(binomtest(8, 8).proportion_ci(0.95)))
    assert _interval([replace(mark, found=False) for mark in marks])[0] == 0


def test_interval_of_one_template_says_little() -> None:
    low, high = _interval(_drawn("a", 9, 1))
    assert high - low > 0.9
