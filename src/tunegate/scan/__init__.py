"""Scan: what in which record is hazardous, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from tunegate.keys import Key
from tunegate.scan.detector import Detector, PerRecord, Summary
from tunegate.scan.duplication import DuplicationDetector
from tunegate.scan.identity import IdentityDetector
from tunegate.scan.internal_return import InternalReturnDetector
from tunegate.scan.reserved import is_reserved, surrogate
from tunegate.scan.secret import SecretDetector
from tunegate.scan.severity import settle
from tunegate.types import HAZARDS, Finding, Hazard, Record, ScanSummary, Skipped

__all__ = [
    "Detector",
    "PerRecord",
    "Progress",
    "checked_hazards",
    "default_detectors",
    "is_reserved",
    "scan",
    "summarise",
    "surrogate",
]

Progress = Callable[[str, int, int], None]
_EVERY = 1000  # records between two calls of `progress`


def default_detectors(key: Key) -> tuple[Detector, ...]:
    """All detectors that ship with TuneGate."""
    return (
        IdentityDetector(key),
        SecretDetector(key),
        InternalReturnDetector(key),
        DuplicationDetector(key),
    )


def checked_hazards(detectors: Iterable[Detector]) -> frozenset[Hazard]:
    """The hazards that `detectors` check between them."""
    return frozenset(hazard for detector in detectors for hazard in detector.hazards)


def scan(
    records: Iterable[Record],
    *,
    key: Key,
    detectors: Sequence[Detector] | None = None,
    progress: Progress | None = None,
) -> Iterator[Finding]:
    """Finds what is hazardous: one pass that observes, one that judges.

    Args:
        records: Read twice; an iterator is kept in memory for that, a re-iterable streams.
        key: Project key of the findings' digests.
        detectors: `default_detectors(key)` where none are given.
        progress: Called with a message code (`scan.observing`, `scan.judging`), the records done
            and the records in all (0 while unknown).

    Yields:
        Findings record by record, in order of their place.
    """
    used = default_detectors(key) if detectors is None else tuple(detectors)
    again = list(records) if isinstance(records, Iterator) else records
    observers = [detector for detector in used if not isinstance(detector, PerRecord)]
    summaries: dict[str, Summary] = dict.fromkeys(detector.name for detector in used)
    total = 0
    if observers:
        for total, record in enumerate(again, start=1):
            for detector in observers:
                _observe(detector, record, summaries)
            _report(progress, "scan.observing", total, 0)
    for done, record in enumerate(again, start=1):
        found = [
            finding
            for detector in used
            for finding in detector.judge(record, summaries[detector.name])
        ]
        yield from settle(found)
        _report(progress, "scan.judging", done, total)


def _observe(detector: Detector, record: Record, summaries: dict[str, Summary]) -> None:
    observed = detector.observe(record)
    if observed is not None:
        known = summaries[detector.name]
        summaries[detector.name] = observed if known is None else detector.merge(known, observed)


def _report(progress: Progress | None, code: str, done: int, total: int) -> None:
    if progress is not None and (done % _EVERY == 0 or done == total):
        progress(code, done, total)


def summarise(
    *,
    records: int,
    skipped: Iterable[Skipped],
    findings: Iterable[Finding],
    checked: Collection[Hazard],
) -> ScanSummary:
    """Counts what a scan found; hazards outside `checked` are listed as not checked."""
    seen = list(findings)
    return ScanSummary(
        records=records,
        skipped=tuple(skipped),
        findings=len(seen),
        by_hazard=dict(sorted(Counter(str(finding.hazard) for finding in seen).items())),
        by_kind=dict(sorted(Counter(finding.kind for finding in seen).items())),
        not_checked=tuple(hazard for hazard in HAZARDS if hazard not in checked),
    )
