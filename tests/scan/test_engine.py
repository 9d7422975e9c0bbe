"""The engine: offsets, boundaries, priority, context, hostile text."""

from __future__ import annotations

import pickle
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunegate.scan.engine import Candidate, Engine
from tunegate.scan.folding import fold
from tunegate.scan.rules import Boundary, Rule


def rule(name: str, pattern: str, **fields: object) -> Rule:
    base: dict[str, object] = {
        "id": name,
        "hazard": "identity",
        "kind": name,
        "severity": "high",
        "confidence": 0.8,
        "pattern": pattern,
        "examples": (),
        "counterexamples": (),
    }
    return Rule(**(base | fields))  # type: ignore[arg-type]


def spans(engine: Engine, text: str) -> list[tuple[str, str]]:
    return [(hit.rule.id, text[hit.start : hit.end]) for hit in engine.find(text)]


DIGITS = Engine([rule("five", "[0-9]{5}", boundary="digit")], {})
ODD = st.text(st.sampled_from("a1，汉😀\ud800\udfff\n\x00é９ "), max_size=12)


@given(before=ODD, after=ODD, value=st.from_regex(r"[0-9]{5}", fullmatch=True))
def test_offsets_are_code_points_whatever_stands_around(
    before: str, after: str, value: str
) -> None:
    text = before + value + after
    runs = [run.span() for run in re.finditer("[0-9]+", fold(text))]
    expected = [(start, end) for start, end in runs if end - start == 5]
    assert [(hit.start, hit.end) for hit in DIGITS.find(text)] == expected


@pytest.mark.parametrize(
    ("boundary", "texts"),
    [
        ("digit", ["12345", "a12345b", "_12345_", "汉12345字"]),
        ("alnum", ["12345", "_12345_", "汉12345字"]),
        ("word", ["12345", "汉12345字"]),
        ("none", ["12345", "a12345b", "_12345_", "汉12345字", "9123456"]),
    ],
)
def test_boundaries(boundary: Boundary, texts: list[str]) -> None:
    engine = Engine([rule("five", "[0-9]{5}", boundary=boundary)], {})
    every = {"12345", "a12345b", "_12345_", "汉12345字", "9123456"}
    assert {text for text in every if engine.find(text)} == set(texts)


def test_neighbours_that_share_a_separator_are_both_found() -> None:
    assert spans(DIGITS, "12345,54321 11111") == [
        ("five", "12345"),
        ("five", "54321"),
        ("five", "11111"),
    ]


def test_full_width_is_folded_and_the_span_is_of_the_text_as_given() -> None:
    assert spans(DIGITS, "号码１２３４５。") == [("five", "１２３４５")]
    assert DIGITS.find("号码１２３４５。")[0].value == "12345"
    assert len(fold("Ａ－１　＠．＋汉，。")) == len("Ａ－１　＠．＋汉，。")


def test_the_earlier_rule_and_then_the_longer_span_wins() -> None:
    long, short = rule("long", "[0-9]{3,6}"), rule("short", "[0-9]{3}(?:-[0-9]{3})?")
    assert spans(Engine([long, short], {}), "123456 123-456") == [
        ("long", "123456"),
        ("long", "123"),
        ("long", "456"),
    ]
    assert spans(Engine([short, long], {}), "123456 123-456") == [
        ("long", "123456"),
        ("short", "123-456"),
    ]


def test_a_refused_longer_span_leaves_room_for_a_shorter_one() -> None:
    def three(candidate: Candidate) -> float:
        return 0.9 if len(candidate.value) == 3 else 0

    engine = Engine([rule("r", "[0-9]{3}(?: [0-9]{2})?", validator="three")], {"three": three})
    assert spans(engine, "123 45") == [("r", "123")]


def test_a_group_named_value_narrows_the_span() -> None:
    engine = Engine([rule("id", "(?:微信|vx)(?:号|：){0,3}(?P<value>[a-z]{4,9})")], {})
    assert spans(engine, "加我微信号：lihua，谢谢") == [("id", "lihua")]


def test_context_raises_or_is_required_and_a_veto_is_a_label() -> None:
    words = {"context": ("电话", "call"), "veto": ("订单", "order")}
    free = Engine([rule("r", "[0-9]{5}", **words)], {})
    bound = Engine([rule("r", "[0-9]{5}", context_required=True, **words)], {})
    assert free.find("12345")[0].confidence == pytest.approx(0.8)
    assert free.find("电话12345")[0].confidence == pytest.approx(0.95)
    assert free.find("12345是我的电话")[0].context
    assert not free.find("recalled 12345")[0].context
    assert not bound.find("12345")
    assert bound.find("please call 12345")
    for labelled in ("订单编号：12345", "order no. 12345", '"order_id": "12345"', "订单12345"):
        assert not free.find(labelled), labelled
    for other in ("订单已到，12345", "border 12345", "订单电话12345"):
        assert free.find(other), other


def test_the_head_of_its_own_column_is_context_or_veto_and_no_other() -> None:
    words = {"context": ("电话", "phone"), "context_required": True, "veto": ("order",)}
    engine = Engine([rule("r", "[0-9]{5}", **words)], {})
    table = "name,phone,order,电话\nLi,11111,22222,33333\nAnna,44444,55555,66666"
    assert [hit.value for hit in engine.find(table)] == ["11111", "33333", "44444", "66666"]
    assert not engine.find("name,note\nLi,11111\n\nphone,call\n")


def test_a_label_behind_stands_on_the_same_line() -> None:
    bound = Engine([rule("r", "[0-9]{5}", context=("phone",), context_required=True)], {})
    assert bound.find("12345 (phone)")
    assert not bound.find("12345\nphone")


def test_words_in_camel_case_count_and_product_names_do_not() -> None:
    bound = Engine([rule("r", "[0-9]{5}", context=("phone",), context_required=True)], {})
    for labelled in (
        "phoneNo: 12345",
        "customerPhone: 12345",
        "toPhone=12345",
        "guest_phone 12345",
    ):
        assert bound.find(labelled), labelled
    for other in ("iPhone 12345", "phonetic 12345", "xylophone 12345", "PHONETIC 12345"):
        assert not bound.find(other), other


def test_reach_widens_the_window_before_a_value() -> None:
    words = {"context": ("phone",), "context_required": True}
    text = "phone, as we agreed on the line, 12345"
    assert not Engine([rule("r", "[0-9]{5}", **words)], {}).find(text)
    assert Engine([rule("r", "[0-9]{5}", reach=40, **words)], {}).find(text)


def test_a_pickled_engine_finds_the_same() -> None:
    text = "12345 汉54321"
    again = pickle.loads(pickle.dumps(DIGITS))  # noqa: S301 - our own bytes
    assert again.find(text) == DIGITS.find(text)


def test_bad_rules_are_named() -> None:
    with pytest.raises(ValueError, match="broken"):
        Engine([rule("broken", "[0-9")], {})
    with pytest.raises(ValueError, match="nobody"):
        Engine([rule("r", "[0-9]", validator="nobody")], {})


@pytest.mark.parametrize("piece", ["1", "12345 ", "汉", "a@", "1-", "订单"])
def test_long_hostile_text_takes_linear_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    start = time.perf_counter()
    DIGITS.find(text)
    assert time.perf_counter() - start < 20
