"""What a detector is: observe every record, merge what was observed, then judge each record.

Per-record, whole-dataset and distributed detectors have one shape. A per-record detector has
nothing to observe and returns None; a whole-dataset detector (duplication) returns a summary of
one record and merges summaries in any order and grouping.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from tunegate.keys import Key, shape
from tunegate.types import Finding, Hazard, Reason, Record, Segment, Severity

Summary = Any  # whatever one detector observes; None where it observes nothing

_PREVIEWED = 64  # code points that a preview's shape is taken from


class Detector(Protocol):
    """Finds one or more hazards. Detectors are stateless between calls and picklable."""

    @property
    def name(self) -> str:
        """Unique among the detectors of one scan; names its summary."""

    @property
    def hazards(self) -> tuple[Hazard, ...]:
        """The hazards that this detector checks, found or not."""

    def observe(self, record: Record) -> Summary:
        """What `judge` needs to know about this record when it judges others; None for nothing."""

    def merge(self, a: Summary, b: Summary) -> Summary:
        """Two summaries as one; associative and commutative. Never called with None."""

    def judge(self, record: Record, summary: Summary) -> Iterable[Finding]:
        """The findings of one record, given the merged summary of all records."""


class PerRecord:
    """A detector that judges each record alone: it is left out of the observing pass."""

    def observe(self, record: Record) -> None:
        """Nothing is kept of a record."""

    def merge(self, a: None, b: None) -> None:
        """There is nothing to merge."""


def finding(
    record: Record,
    segment: Segment,
    start: int,
    end: int,
    *,
    key: Key,
    hazard: Hazard,
    kind: str,
    confidence: float,
    severity: Severity,
    reason: Reason,
    normal: str | None = None,
    standards: tuple[str, ...] = (),
) -> Finding:
    """Builds a finding that holds no raw text: a masked preview and a keyed digest.

    Args:
        record: The record that the span stands in.
        segment: The segment of `record` that the span stands in.
        start: First code point of the span in `segment.text`.
        end: One past the last code point.
        key: Project key of the digest.
        hazard: The class of danger.
        kind: The finer kind, e.g. `mobile_number`.
        confidence: Probability, 0 to 1, that the span is what `kind` says.
        severity: Before the last pass settles it.
        reason: Why it was found.
        normal: The value in its one normal form, so that every way of writing it gets one digest;
            the span as written where it is not given.
        standards: References such as `GB 11643-1999`.
    """
    value = segment.text[start:end]
    return Finding(
        record_id=record.id,
        source=record.source,
        hazard=hazard,
        kind=kind,
        field=segment.pointer,
        start=start,
        end=end,
        confidence=round(confidence, 3),
        severity=severity,
        preview=f"{kind} {shape(value[:_PREVIEWED])}",
        digest=key.digest(value if normal is None else normal, purpose="value"),
        reason=reason,
        standards=standards,
    )
