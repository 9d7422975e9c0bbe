"""`scan` and `summarise`: two passes, order, progress, counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tunegate.keys import Key
from tunegate.scan import (
    PerRecord,
    checked_hazards,
    default_detectors,
    scan,
    summarise,
)
from tunegate.scan.identity import IdentityDetector
from tunegate.types import HAZARDS, Finding, Hazard, Reason, Record, Role, Segment, Skipped, Source

KEY = Key(b"0123456789abcdef")
DETECTORS = default_detectors(KEY)


def record(name: str, *texts: str, role: Role = "user") -> Record:
    segments = tuple(Segment(pointer=f"/{i}", role=role, text=text) for i, text in enumerate(texts))
    return Record(id=name, source=Source(path="x.json"), raw={}, segments=segments)


class Passes:
    """A re-iterable that counts how often it is read."""

    def __init__(self, records: list[Record]) -> None:
        self.records = records
        self.read = 0

    def __iter__(self) -> Iterator[Record]:
        self.read += 1
        return iter(self.records)


class Counting:
    """A whole-dataset detector: marks every record with the number of records."""

    name = "counting"
    hazards: tuple[Hazard, ...] = ("structure",)

    def observe(self, record: Record) -> int | None:
        return 1 if record.segments else None

    def merge(self, a: int, b: int) -> int:
        return a + b

    def judge(self, record: Record, summary: Any) -> Iterable[Finding]:
        yield Finding(
            record_id=record.id,
            source=record.source,
            hazard="structure",
            kind="count",
            field="",
            start=0,
            end=0,
            confidence=1.0,
            severity="low",
            preview="count",
            digest="",
            reason=Reason(code="count", params={"seen": summary or 0}),
        )


def test_every_role_is_scanned_and_order_is_of_records_and_places() -> None:
    roles: tuple[Role, ...] = ("system", "user", "assistant", "observation", "tools", "rejected")
    records = [record(role, "a@qq.com 13912345678", role=role) for role in roles]
    found = list(scan(records, key=KEY, detectors=[IdentityDetector(KEY)]))
    assert [f.record_id for f in found] == [role for role in roles for _ in range(2)]
    assert [f.kind for f in found] == ["email", "mobile_number"] * len(roles)


def test_a_per_record_detector_costs_one_pass_and_a_whole_dataset_one_two() -> None:
    records = Passes([record("a", "x"), record("b", "y")])
    list(scan(records, key=KEY, detectors=[IdentityDetector(KEY)]))
    assert records.read == 1
    found = list(scan(records, key=KEY, detectors=[Counting()]))
    assert records.read == 3
    assert [f.reason.params["seen"] for f in found] == [2, 2]


def test_an_iterator_is_kept_for_the_second_pass() -> None:
    records = [record("a", "x"), record("b"), record("c", "y")]
    found = list(scan(iter(records), key=KEY, detectors=[Counting()]))
    assert [f.reason.params["seen"] for f in found] == [2, 2, 2]


def test_nothing_observed_is_judged_with_none() -> None:
    found = list(scan([record("a")], key=KEY, detectors=[Counting()]))
    assert [f.reason.params["seen"] for f in found] == [0]


def test_duplicates_raise_what_they_hold_and_a_single_stays() -> None:
    text = "客户李雷的座机是010-62771234，请在周五之前回电确认配送时间，谢谢。"
    other = "门店的座机是021-62481234，工作日九点到十八点有人接听，节假日休息。"
    records = [record("a", text), record("b", text), record("c", other)]
    found = [f for f in scan(records, key=KEY, detectors=DETECTORS) if f.hazard == "identity"]
    assert [(f.record_id, f.severity) for f in found] == [
        ("a", "high"),
        ("b", "high"),
        ("c", "medium"),
    ]
    assert found[0].digest == found[1].digest != found[2].digest


def test_progress_ends_at_the_total() -> None:
    calls: list[tuple[str, int, int]] = []
    records = [record(str(i), "x") for i in range(5)]
    list(
        scan(
            records,
            key=KEY,
            detectors=[Counting()],
            progress=lambda code, done, total: calls.append((code, done, total)),
        )
    )
    assert calls[-1] == ("scan.judging", 5, 5)


def test_the_same_input_gives_the_same_findings() -> None:
    records = [record(str(i), f"手机1391234{i:04d}，a{i}@qq.com") for i in range(50)]
    once = list(scan(records, key=KEY, detectors=DETECTORS))
    assert once == list(scan(iter(records), key=KEY, detectors=DETECTORS))
    assert len(once) >= 100


def test_an_empty_set_has_no_findings() -> None:
    assert list(scan([], key=KEY, detectors=DETECTORS)) == []


def test_default_detectors_cover_four_hazards_and_only_one_needs_all_records() -> None:
    checked = checked_hazards(DETECTORS)
    assert checked == {"identity", "secret", "internal_return", "duplication"}
    assert isinstance(DETECTORS[0], PerRecord)
    assert len({detector.name for detector in DETECTORS}) == len(DETECTORS)


def test_a_summary_counts_and_names_what_was_not_checked() -> None:
    found = list(scan([record("a", "a@qq.com 13912345678 b@qq.com")], key=KEY, detectors=DETECTORS))
    skipped = Skipped(source=Source(path="x.json"), reason=Reason(code="broken"))
    summary = summarise(
        records=1, skipped=[skipped], findings=found, checked=checked_hazards(DETECTORS)
    )
    assert summary.findings == 3
    assert summary.by_hazard == {"identity": 3}
    assert summary.by_kind == {"email": 2, "mobile_number": 1}
    assert summary.skipped == (skipped,)
    assert summary.not_checked == ("raw_dialogue", "special_case", "structure")
    assert summarise(records=0, skipped=[], findings=[], checked=()).not_checked == HAZARDS
