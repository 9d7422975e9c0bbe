"""Units: linked records stay together, unrelated ones apart, whatever the order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunegate.scan.units import units
from tunegate.types import Finding, Hazard, Reason, Record, Severity, Source

SOURCE = Source(path="data.json")


def record(record_id: str, *, subject: str | None = None) -> Record:
    return Record(id=record_id, source=SOURCE, raw={}, segments=(), subject=subject)


def finding(
    record_id: str,
    digest: str,
    *,
    hazard: Hazard = "identity",
    severity: Severity = "critical",
) -> Finding:
    return Finding(
        record_id=record_id,
        source=SOURCE,
        hazard=hazard,
        kind="any",
        field="/a",
        start=0,
        end=1,
        confidence=1.0,
        severity=severity,
        preview="9",
        digest=digest,
        reason=Reason(code="any"),
    )


def test_unlinked_records_are_units_of_their_own() -> None:
    records = [record("a"), record("b")]
    assert units(records, [finding("a", "x"), finding("b", "y")]) == {"a": "a", "b": "b"}


def test_a_shared_subject_links() -> None:
    records = [record("c", subject="s"), record("a"), record("b", subject="s")]
    assert units(records, []) == {"a": "a", "b": "b", "c": "b"}


def test_a_strong_identifier_links_and_a_weak_one_does_not() -> None:
    records = [record(name) for name in "abcd"]
    found = [
        finding("a", "x", severity="high"),
        finding("b", "x", severity="critical"),
        finding("c", "y", severity="medium"),
        finding("d", "y", severity="medium"),
    ]
    assert units(records, found) == {"a": "a", "b": "a", "c": "c", "d": "d"}


def test_a_shared_secret_does_not_link_but_a_duplicate_group_does() -> None:
    records = [record(name) for name in "abcd"]
    found = [
        finding("a", "x", hazard="secret"),
        finding("b", "x", hazard="secret"),
        finding("c", "g", hazard="duplication", severity="low"),
        finding("d", "g", hazard="duplication", severity="low"),
    ]
    assert units(records, found) == {"a": "a", "b": "b", "c": "c", "d": "c"}


def test_the_same_digest_of_two_hazards_does_not_link() -> None:
    records = [record("a"), record("b", subject="x"), record("c")]
    found = [finding("a", "x"), finding("c", "x", hazard="duplication")]
    assert units(records, found) == {"a": "a", "b": "b", "c": "c"}


def test_links_of_different_sorts_chain() -> None:
    records = [record("a", subject="s"), record("b", subject="s"), record("c"), record("d")]
    found = [
        finding("b", "phone"),
        finding("c", "phone"),
        finding("c", "group", hazard="duplication"),
        finding("d", "group", hazard="duplication"),
    ]
    assert set(units(records, found).values()) == {"a"}


def test_a_hotline_in_every_record_does_not_glue_the_dataset() -> None:
    records = [record(f"r{i:03}") for i in range(100)]
    hotline = [finding(r.id, "hotline", severity="high") for r in records]
    personal = [finding("r001", "phone"), finding("r002", "phone")]
    result = units(records, hotline + personal)
    assert result["r001"] == result["r002"] == "r001"
    assert len(set(result.values())) == 99


def test_an_identifier_counts_as_common_only_when_many_records_share_it() -> None:
    few = [record(f"r{i:03}") for i in range(19)]
    assert len(set(units(few, [finding(r.id, "x") for r in few]).values())) == 1
    spread = [record(f"r{i:03}") for i in range(400)]
    assert len(set(units(spread, [finding(r.id, "x") for r in spread[:40]]).values())) == 361


def test_a_subject_with_most_of_the_records_stays_one_unit() -> None:
    records = [record(f"r{i:03}", subject="s") for i in range(50)]
    assert set(units(records, []).values()) == {"r000"}


def test_findings_of_records_that_are_not_asked_about_are_ignored() -> None:
    assert units([record("b")], [finding("a", "x"), finding("b", "x")]) == {"b": "b"}


@given(
    links=st.lists(st.tuples(st.integers(0, 14), st.integers(0, 9)), max_size=30),
    shuffled=st.randoms(use_true_random=False),
)
def test_units_are_the_connected_components_in_any_order(
    links: list[tuple[int, int]], shuffled: object
) -> None:
    records = [record(f"r{i:02}") for i in range(15)]
    found = [finding(f"r{i:02}", f"d{value}") for i, value in links]
    result = units(records, found)
    neighbours = {r.id: {r.id} for r in records}
    for one in found:
        for other in found:
            if one.digest == other.digest:
                neighbours[one.record_id].add(other.record_id)
    for record_id in neighbours:
        reached, frontier = {record_id}, [record_id]
        while frontier:
            new = neighbours[frontier.pop()] - reached
            reached |= new
            frontier.extend(new)
        assert result[record_id] == min(reached)
    shuffled.shuffle(records)  # type: ignore[attr-defined]
    shuffled.shuffle(found)  # type: ignore[attr-defined]
    assert units(records, found) == result
