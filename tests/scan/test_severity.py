"""The last pass: secrets win, repetition raises."""

from __future__ import annotations

import pytest

from tunegate.scan.severity import settle
from tunegate.types import Finding, Hazard, Reason, Severity, Source


def found(
    hazard: Hazard, start: int, end: int, severity: Severity = "medium", **kw: int
) -> Finding:
    return Finding(
        record_id="r",
        source=Source(path="x.json"),
        hazard=hazard,
        kind="k",
        field="/a",
        start=start,
        end=end,
        confidence=0.9,
        severity=severity,
        preview="k",
        digest="d",
        reason=Reason(code="c", params=kw),
    )


def test_a_secret_wins_over_the_identity_that_it_overlaps() -> None:
    secret, inside = found("secret", 5, 30), found("identity", 10, 20)
    beside = found("identity", 30, 40)
    assert settle([inside, secret, beside]) == [secret, beside]


def test_findings_of_other_hazards_may_overlap() -> None:
    payload, inside = found("internal_return", 0, 50), found("identity", 10, 20)
    assert settle([inside, payload]) == [payload, inside]


@pytest.mark.parametrize(
    ("before", "after"), [("low", "medium"), ("high", "critical"), ("critical", "critical")]
)
def test_repetition_raises_all_other_findings_one_step(before: Severity, after: Severity) -> None:
    duplicate = found("duplication", 0, 9, "low", multiplicity=2)
    identity = found("identity", 1, 3, before)
    assert [f.severity for f in settle([duplicate, identity])] == ["low", after]


def test_a_record_that_stands_once_is_left_alone() -> None:
    identity = found("identity", 1, 3)
    assert settle([identity]) == [identity]
