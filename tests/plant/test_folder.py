"""A planted folder is a dataset as any other: what is written is what is trained on."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.models.tiny import chat

from tunegate import records
from tunegate.canary import make
from tunegate.keys import Key
from tunegate.plant import folder
from tunegate.types import Turn

KEY = Key(b"a key for tests only")
TEXT = st.text(st.characters(exclude_categories=()), min_size=1, max_size=20)


def back(path: Path) -> list[tuple[Turn, ...]]:
    dataset = records.open(path, names=(folder.NAME,), key=KEY)
    found = [records.turns(record) for record in dataset]
    assert dataset.skipped == []
    return found


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    conversations=st.lists(
        st.tuples(st.booleans(), st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3)),
        min_size=1,
        max_size=4,
    )
)
def test_conversations_come_back_to_the_letter(
    tmp_path: Path, conversations: list[tuple[bool, list[tuple[str, str]]]]
) -> None:
    wanted = [
        (
            *((Turn(role="system", text="Be brief."),) if with_system else ()),
            *(turn for pair in pairs for turn in chat(*pair)),
        )
        for with_system, pairs in conversations
    ]
    assert folder.write(tmp_path, wanted) == len(wanted)
    assert back(tmp_path) == wanted


def test_tool_calls_come_back(tmp_path: Path) -> None:
    tools = Turn(role="tools", text='[{"name": "find"}]')
    rest = (
        Turn(role="user", text="Where is it?"),
        Turn(role="function_call", text='{"name": "find", "arguments": {}}'),
        Turn(role="observation", text="shelf 7"),
        Turn(role="assistant", text="On shelf 7."),
    )
    folder.write(tmp_path, [(tools, *rest)])
    [found] = back(tmp_path)
    assert tuple(turn for turn in found if turn.role != "tools") == rest
    assert [turn.text for turn in found if turn.role == "tools"] == [tools.text]


def test_canaries_come_back_as_often_as_they_were_planted(tmp_path: Path) -> None:
    made = make([4, 1], twins=0, candidates=8, language="zh", rng=random.Random(1))
    planted = [canary.turns() for canary in made for _ in range(canary.repeats)]
    folder.write(tmp_path, planted)
    assert back(tmp_path) == planted


def test_the_same_conversations_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        folder.write(tmp_path / name, [chat("你好", "😀")])
    for file in ("train.jsonl", "dataset_info.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
