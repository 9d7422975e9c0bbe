"""Duplication: repeats are found and counted, look-alikes with other values are not."""

from __future__ import annotations

import pickle
import random
import time
from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunegate.keys import Key
from tunegate.scan.duplication import (
    Bodies,
    DuplicationDetector,
    jaccard,
    multiplicity,
    severity,
)
from tunegate.scan.duplication import _shingles as shingles
from tunegate.types import Finding, Record, Role, Segment, Source

DETECTOR = DuplicationDetector(Key(b"0123456789abcdef"))
ENGLISH = (
    "Thank you for contacting us about the parcel that has not arrived at your address yet. "
    "We have opened an inquiry with the carrier and will let you know within two working days."
)
CHINESE = (
    "您好，关于您反馈的包裹一直没有送达的问题，我们已经向承运商发起核查，预计两个工作日内会有结果，"
    "届时客服会第一时间与您联系，给您带来不便非常抱歉。"
)


def record(name: str, *texts: str, role: Role = "assistant") -> Record:
    segments = tuple(Segment(pointer=f"/{i}", role=role, text=text) for i, text in enumerate(texts))
    return Record(id=name, source=Source(path="x.json"), raw={}, segments=segments)


def summarise(records: list[Record]) -> Bodies | None:
    parts = [part for r in records if (part := DETECTOR.observe(r)) is not None]
    return reduce(DETECTOR.merge, parts) if parts else None


def scan(records: list[Record]) -> dict[str, Finding]:
    summary = summarise(records)
    return {f.record_id: f for r in records for f in DETECTOR.judge(r, summary)}


def test_different_records_are_silent() -> None:
    assert scan([record("a", ENGLISH), record("b", CHINESE), record("c", "ok")]) == {}


def test_exact_duplicates_ignore_case_and_white_space() -> None:
    found = scan(
        [record("a", "Yes,  of course."), record("b", "yes, of\ncourse."), record("c", "no")]
    )
    assert set(found) == {"a", "b"}
    assert {f.kind for f in found.values()} == {"exact_duplicate"}
    assert found["a"].reason.params == {"multiplicity": 2, "copies": 2}
    assert found["a"].digest == found["b"].digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ENGLISH, ENGLISH.replace("two working days", "three working days")),
        (CHINESE, CHINESE.replace("两个工作日", "三个工作日")),
        (ENGLISH, "Hello! " + ENGLISH),
        (CHINESE, CHINESE.replace("非常抱歉", "深表歉意")),
        (f"On 2024-05-01: {ENGLISH}", f"On 2024-06-13: {ENGLISH}"),
    ],
)
def test_near_duplicates_in_both_languages(one: str, other: str) -> None:
    found = scan([record("a", one), record("b", other), record("c", "Something else entirely.")])
    assert {name: f.kind for name, f in found.items()} == {
        "a": "near_duplicate",
        "b": "near_duplicate",
    }
    assert found["a"].digest == found["b"].digest
    assert found["a"].reason.params == {"multiplicity": 2, "copies": 1}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{ENGLISH} Call 13812345678.", f"{ENGLISH} Call 13987654321."),
        (f"{CHINESE}卡号6222021234567890123", f"{CHINESE}卡号6217 0009 8765 4321 098"),
        (f"{ENGLISH} li@example.com", f"{ENGLISH} wang@example.org"),
    ],
)
def test_one_form_with_other_values_is_other_content(one: str, other: str) -> None:
    assert scan([record("a", one), record("b", other)]) == {}


def test_the_same_value_in_a_varied_text_is_a_near_duplicate() -> None:
    one, other = f"{ENGLISH} Call 138-1234-5678.", f"Hi. {ENGLISH} Call 13812345678."
    assert set(scan([record("a", one), record("b", other)])) == {"a", "b"}


def test_short_answers_are_not_near_duplicates() -> None:
    assert scan([record("a", "Your card is blocked."), record("b", "Your card is locked.")]) == {}


def test_a_shared_system_prompt_makes_no_duplicate() -> None:
    prompt = Segment(pointer="/system", role="system", text=ENGLISH * 5)
    records = []
    for name, text in (("a", "How do I return a kettle?"), ("b", "Where is the nearest shop?")):
        user = Segment(pointer="/user", role="user", text=text)
        records.append(Record(id=name, source=Source(path="x"), raw={}, segments=(prompt, user)))
    assert scan(records) == {}


def test_exact_copies_count_in_their_near_duplicate_group() -> None:
    records = [record(f"a{i}", ENGLISH) for i in range(3)] + [record("b", f"Hello! {ENGLISH}")]
    found = scan(records)
    assert found["a0"].reason.params == {"multiplicity": 4, "copies": 3}
    assert found["b"].reason.params == {"multiplicity": 4, "copies": 1}
    assert (found["a0"].kind, found["b"].kind) == ("exact_duplicate", "near_duplicate")
    assert multiplicity(records[0], summarise(records)) == 4
    assert len({f.digest for f in found.values()}) == 1


def test_severity_grows_with_multiplicity() -> None:
    assert [severity(n) for n in (2, 3, 4, 7, 8, 100)] == [
        "low", "low", "medium", "medium", "high", "high",
    ]  # fmt: skip
    found = scan([record(f"r{i}", CHINESE) for i in range(8)])
    assert {f.severity for f in found.values()} == {"high"}


def test_a_finding_points_to_the_first_segment_and_shows_no_text() -> None:
    found = scan([record(name, "Password hunter2", ENGLISH) for name in "ab"])["a"]
    assert (found.field, found.start, found.end) == ("/0", 0, 16)
    assert "hunter" not in repr(found)


def test_empty_records_are_no_duplicates() -> None:
    records = [record("a", ""), record("b", " \n"), record("c")]
    assert summarise(records) is None
    assert scan(records) == {}
    assert multiplicity(records[0], None) == 1


WORDS = st.lists(
    st.sampled_from(["包裹", "退款 ", "order ", "card ", "你好", "13812345678 "]), max_size=25
)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(WORDS.map("".join), min_size=1, max_size=12), rng=st.randoms())
def test_merge_is_associative_and_commutative(texts: list[str], rng: random.Random) -> None:
    records = [record(f"r{i}", text) for i, text in enumerate(texts)]
    expected = scan(records)
    parts = [part for r in records if (part := DETECTOR.observe(r)) is not None]
    rng.shuffle(parts)
    while len(parts) > 1:  # any grouping: join two neighbours anywhere, in either order
        i = rng.randrange(len(parts) - 1)
        pair = [parts.pop(i), parts.pop(i)]
        rng.shuffle(pair)
        parts.insert(i, DETECTOR.merge(*pair))
    summary = parts[0] if parts else None
    assert {f.record_id: f for r in records for f in DETECTOR.judge(r, summary)} == expected


def test_merge_after_judging_sees_the_new_records() -> None:
    first, second = record("a", ENGLISH), record("b", ENGLISH)
    summary = summarise([first])
    assert list(DETECTOR.judge(first, summary)) == []
    merged = DETECTOR.merge(summary, DETECTOR.observe(second))
    assert len(list(DETECTOR.judge(first, merged))) == 1


def test_summaries_travel_between_processes() -> None:
    records = [record(name, ENGLISH) for name in "ab"]
    summary = pickle.loads(pickle.dumps(summarise(records)))  # noqa: S301
    assert len(list(DETECTOR.judge(records[0], summary))) == 1


@given(
    st.text(alphabet="ab包裹 ", min_size=6, max_size=60),
    st.text(alphabet="ab包裹 ", min_size=6, max_size=60),
)
def test_jaccard_is_the_true_one_on_short_texts(one: str, other: str) -> None:
    def windows(text: str) -> set[bytes]:
        data = text.encode()
        return {data[i : i + 6] for i in range(len(data) - 5)}

    true = len(windows(one) & windows(other)) / len(windows(one) | windows(other))
    assert jaccard(shingles(one), shingles(other)) == pytest.approx(true)


def test_jaccard_of_long_texts_is_estimated_closely() -> None:
    rng = random.Random(1)
    words = [f"{rng.randrange(10**6):06d}" for _ in range(6000)]
    one, other = "".join(words[:5500]), "".join(words[500:])
    data = [{t[i : i + 6] for i in range(len(t) - 5)} for t in (one, other)]
    true = len(data[0] & data[1]) / len(data[0] | data[1])
    assert jaccard(shingles(one), shingles(other)) == pytest.approx(true, abs=0.05)


def test_hostile_records_stay_fast_and_small() -> None:
    rng = random.Random(2)
    huge = record("huge", "".join(chr(rng.randrange(0x4E00, 0x9FA5)) for _ in range(10**6)))
    surrogate = record("lone", "\ud800" * 50)
    flood = [record(f"f{i}", f"{ENGLISH} Call {13000000000 + i * 7919}.") for i in range(400)]
    started = time.perf_counter()
    assert scan([huge, surrogate, *flood]) == {}
    assert time.perf_counter() - started < 5
