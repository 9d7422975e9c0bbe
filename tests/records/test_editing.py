"""Turns as the trainer renders them, and edits through pointers."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tunegate import records
from tunegate.keys import Key

TALK = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]


def test_turns_join_instruction_and_input(read: Any) -> None:
    columns = {"prompt": "p", "query": "q", "response": "r", "history": "h", "system": "s"}
    row = {"p": "Translate", "q": "hello", "r": "你好", "h": [["q1", ""]], "s": "Be kind"}
    (record,) = read({"columns": columns}, [row])
    assert [(turn.role, turn.text) for turn in records.turns(record)] == [
        ("system", "Be kind"),
        ("user", "q1"),
        ("assistant", ""),
        ("user", "Translate\nhello"),
        ("assistant", "你好"),
    ]


def test_turns_end_with_the_chosen_answer(read: Any) -> None:
    columns = {"messages": "conversations", "chosen": "yes", "rejected": "no"}
    entry = {"formatting": "sharegpt", "ranking": True, "columns": columns}
    answers = {"yes": {"from": "gpt", "value": "good"}, "no": {"from": "gpt", "value": "bad"}}
    (record,) = read(entry, [{"conversations": TALK[:1], **answers}])
    assert [(turn.role, turn.text) for turn in records.turns(record)] == [
        ("user", "q"),
        ("assistant", "good"),
    ]


def test_edit_copies_and_rederives(read: Any, key: Key) -> None:
    entry = {"formatting": "sharegpt"}
    rows = [{"conversations": TALK, "n": 10**30, "a/b": {"~": "x"}}]
    first, again = read(entry, rows * 2)
    before = copy.deepcopy(again.raw)
    edits = {"/conversations/1/value": "b", "/a~1b/~0": "y"}
    edited = records.edit(again, edits, key=key)
    assert again.raw == before
    assert edited.raw == {
        "conversations": [TALK[0], {"from": "gpt", "value": "b"}],
        "n": 10**30,
        "a/b": {"~": "y"},
    }
    assert list(edited.raw) == list(before)
    assert [segment.text for segment in edited.segments] == ["q", "b"]
    assert edited.source == again.source
    # The same id as if the edited record had been read; the twin stays apart.
    (fresh,) = read(entry, [edited.raw])
    assert fresh.id.split("-")[0] == edited.id.split("-")[0] != again.id.split("-")[0]
    assert records.edit(first, edits, key=key).id == fresh.id != edited.id


@pytest.mark.parametrize(
    "pointer",
    ["", "conversations", "/conversations", "/x", "/conversations/2/value", "/conversations/-1"],
)
def test_edit_refuses_what_is_no_text(read: Any, key: Key, pointer: str) -> None:
    (record,) = read({"formatting": "sharegpt"}, [{"conversations": TALK}])
    with pytest.raises(KeyError):
        records.edit(record, {pointer: "new"}, key=key)
