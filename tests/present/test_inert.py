from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from tests.present.sample import HOSTILE

from tunegate.present.inert import REPLACEMENT, inert, tail

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=80)


@given(ANY_TEXT, st.integers(1, 60))
def test_what_comes_out_is_one_short_line_of_showable_characters(text: str, limit: int) -> None:
    shown = inert(text, limit=limit)
    assert len(shown) <= limit
    assert "\n" not in shown
    shown.encode("utf-8")
    categories = {unicodedata.category(char) for char in shown if char != REPLACEMENT}
    assert not categories & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(ANY_TEXT)
def test_making_inert_twice_changes_nothing(text: str) -> None:
    assert inert(inert(text)) == inert(text)


def test_ordinary_text_is_left_alone() -> None:
    for text in ("订单 10086 已发货。", "Crème brûlée, 5 €", "data/support_zh.json", ""):
        assert inert(text) == text


def test_bidi_controls_and_escapes_are_seen_and_do_nothing() -> None:
    assert inert("\u202egnp.exe") == f"{REPLACEMENT}gnp.exe"
    assert inert("\x1b[31m") == f"{REPLACEMENT}[31m"


def test_piles_of_marks_are_cut() -> None:
    assert inert("Z" + "\u0335" * 60) == "Z\u0335\u0335"


def test_a_huge_string_costs_little_and_says_that_it_was_cut() -> None:
    assert inert("长" * 50_000_000, limit=10) == "长" * 9 + "…"


def test_tail_keeps_the_file_name() -> None:
    shown = tail("/very/long" * 20 + "/orders.json", limit=20)
    assert shown.endswith("/orders.json")
    assert len(shown) <= 20
    assert all(len(tail(text, limit=20)) <= 20 for text in HOSTILE)
