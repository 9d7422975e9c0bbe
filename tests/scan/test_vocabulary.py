"""Words are found whole, in every case, and only where they stand."""

from __future__ import annotations

import pytest

from tunegate.scan.vocabulary import Vocabulary

LISTS = [(("Phone", "电话", "\nt "), ""), (("order", "order id"), r"[\s:]*$"), ((), "")]


def stands(text: str, number: int = 0) -> bool:
    vocabulary = Vocabulary(LISTS)
    words = vocabulary.words(number, vocabulary.there(text))
    return words is not None and words.stand_in(text)


@pytest.mark.parametrize(
    "text",
    ["phone", "PHONE 5", "my_phone", "customerPhone", "phoneNumber", "联系电话是", "a\nt 5"],
)
def test_a_word_is_found_alone_and_in_names(text: str) -> None:
    assert stands(text)


@pytest.mark.parametrize("text", ["", "iPhone", "phones", "saxophone", "电 话", "at 5"])
def test_a_piece_of_another_word_is_none(text: str) -> None:
    assert not stands(text)


def test_a_list_with_a_tail_stands_only_right_before_it() -> None:
    assert stands("the Order: ", 1)
    assert not stands("the order was late", 1)


def test_lists_know_their_own_words_only() -> None:
    vocabulary = Vocabulary(LISTS)
    there = vocabulary.there("Order by phone")
    assert there == {"order", "phone"}
    assert [words and [word for word, _ in words.patterns]
            for words in (vocabulary.words(n, there) for n in range(3))] == [
        ["phone"], ["order"], None]  # fmt: skip
    assert Vocabulary([]).there("order") == frozenset()
    assert vocabulary.there("\ud83d phone") == {"phone"}


def test_the_first_of_the_list_is_the_one_found() -> None:
    vocabulary = Vocabulary(LISTS)
    words = vocabulary.words(1, vocabulary.there("order id: order"))
    assert words is not None
    found = words.find("order id: order")
    assert found is not None
    assert found.start() == len("order id: ")
