"""Small records and findings for the routing tests."""

from __future__ import annotations

from tunegate.types import Finding, Hazard, Reason, Record, Role, Segment, Severity, Source

SOURCE = Source(path="data.json", index=0)
ROLES: tuple[Role, ...] = ("user", "assistant")


def record(name: str = "a-0", *texts: str, roles: tuple[Role, ...] = ()) -> Record:
    """A record of turns; user and assistant alternate unless `roles` says otherwise."""
    said = texts or ("How do I return a parcel?", "Use the form within 30 days.")
    segments = tuple(
        Segment(
            pointer=f"/messages/{i}/content",
            role=roles[i] if roles else ROLES[i % 2],
            text=text,
        )
        for i, text in enumerate(said)
    )
    raw = {"messages": [{"role": s.role, "content": s.text} for s in segments]}
    return Record(id=name, source=SOURCE, raw=raw, segments=segments)


def finding(
    of: Record,
    value: str,
    *,
    hazard: Hazard = "identity",
    kind: str = "email",
    severity: Severity = "high",
    confidence: float = 0.9,
    digest: str = "",
    params: dict[str, str | int | float] | None = None,
    occurrence: int = 0,
) -> Finding:
    """A finding on the first place (or a later one) where `value` stands in the record."""
    places = [
        (segment.pointer, start)
        for segment in of.segments
        for start in range(len(segment.text))
        if segment.text.startswith(value, start)
    ]
    pointer, start = places[occurrence]
    return Finding(
        record_id=of.id,
        source=of.source,
        hazard=hazard,
        kind=kind,
        field=pointer,
        start=start,
        end=start + len(value),
        confidence=confidence,
        severity=severity,
        preview="a@a.a",
        digest=digest or f"digest of {value}",
        reason=Reason(code="test", params=params or {}),
    )
