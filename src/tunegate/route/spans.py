"""Findings as spans: overlapping ones are joined, so that each character belongs to one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tunegate.types import SEVERITIES, Finding


class Span(NamedTuple):
    """A stretch of one segment in code points, end exclusive; `finding` speaks for all of it."""

    start: int
    end: int
    finding: Finding


def covered(findings: Iterable[Finding]) -> Iterator[tuple[str, list[Span]]]:
    """Joins overlapping findings, field by field.

    The longest finding of a join speaks for it (an address for the telephone number inside it);
    among equals the more severe, then the more confident one.

    Yields:
        The field's pointer and its spans from left to right, none touching the same character.
    """
    by_field: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.start < finding.end:
            by_field[finding.field].append(finding)
    for field, here in sorted(by_field.items()):
        spans: list[Span] = []
        for finding in sorted(here, key=lambda f: (f.start, f.end, f.kind, f.digest)):
            if spans and finding.start < spans[-1].end:
                last = spans.pop()
                spokesman = max(last.finding, finding, key=_weight)
                spans.append(Span(last.start, max(last.end, finding.end), spokesman))
            else:
                spans.append(Span(finding.start, finding.end, finding))
        yield field, spans


def _weight(finding: Finding) -> tuple[int, int, float, str, str]:
    severity = SEVERITIES.index(finding.severity)
    length = finding.end - finding.start
    return length, severity, finding.confidence, finding.kind, finding.digest
