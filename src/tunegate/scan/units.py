"""Units: the records that must be split, counted and resampled together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from tunegate.types import Finding, Record

_COMMON_RECORDS = 20
_COMMON_SHARE = 0.1


def units(records: Iterable[Record], findings: Iterable[Finding]) -> dict[str, str]:
    """Joins records that share a subject, a strong identifier or a duplicate group.

    A strong identifier is an identity finding of high or critical severity. One that stands in at
    least 20 records and in more than a tenth of them belongs to nobody in particular (a service
    hotline, the company's own account) and does not link: it would glue the dataset into one unit
    and leave nothing to randomise. It reaches members and held-out records alike, so it cannot
    tell them apart, and it is still a finding. Subjects and duplicates always link, however many.

    Args:
        records: All records of the dataset.
        findings: Their findings; of other records' findings nothing is used.

    Returns:
        Record id → unit id. The unit id is the smallest record id in the connected component,
        whatever the order of the arguments.
    """
    subjects = {record.id: record.subject for record in records}
    parent = {record_id: record_id for record_id in subjects}
    groups: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record_id, subject in subjects.items():
        if subject is not None:
            groups["subject", subject].add(record_id)
    for finding in findings:
        if finding.record_id in subjects and (link := _link(finding)):
            groups[link, finding.digest].add(finding.record_id)
    for (link, _), members in groups.items():
        if link == "identity" and _is_common(len(members), total=len(subjects)):
            continue
        first, *rest = members
        for other in rest:
            low, high = sorted((_root(parent, first), _root(parent, other)))
            parent[high] = low
    return {record_id: _root(parent, record_id) for record_id in subjects}


def _is_common(size: int, *, total: int) -> bool:
    return size >= _COMMON_RECORDS and size > _COMMON_SHARE * total


def _link(finding: Finding) -> str | None:
    if finding.hazard == "duplication":
        return "duplication"
    if finding.hazard == "identity" and finding.severity in ("high", "critical"):
        return "identity"
    return None


def _root(parent: dict[str, str], record_id: str) -> str:
    while parent[record_id] != record_id:
        parent[record_id] = parent[parent[record_id]]
        record_id = parent[record_id]
    return record_id
