"""What LLaMA-Factory 0.9.5 reads as which part of the conversation."""

from __future__ import annotations

from typing import Any

import pytest

from tunegate import records

ALPACA = {"instruction": "Translate", "input": "hello", "output": "你好"}
OPENAI_TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "tool",
    "function_tag": "function_call",
    "system_tag": "system",
}


def said(*turns: tuple[str, str]) -> list[dict[str, str]]:
    return [{"from": tag, "value": text} for tag, text in turns]


def parts(dataset: records.Dataset) -> list[tuple[str, str, str]]:
    (record,) = dataset
    return [(s.pointer, s.role, s.text) for s in record.segments]


def only_skip(dataset: records.Dataset) -> tuple[str, dict[str, Any]]:
    """The reason for which the first of two rows was skipped; the other is read."""
    assert len(list(dataset)) == 1
    (skipped,) = dataset.skipped
    assert skipped.source.index == 0
    return skipped.reason.code, dict(skipped.reason.params)


def test_alpaca_keeps_the_trainers_order(read: Any) -> None:
    row = {**ALPACA, "history": [["q1", "a1"], ["q2", ""]], "sys": "Be kind"}
    columns = {"prompt": "instruction", "query": "input", "response": "output"}
    columns |= {"history": "history", "system": "sys"}
    dataset = read({"columns": columns}, [row])
    assert parts(dataset) == [
        ("/sys", "system", "Be kind"),
        ("/history/0/0", "user", "q1"),
        ("/history/0/1", "assistant", "a1"),
        ("/history/1/0", "user", "q2"),
        ("/history/1/1", "assistant", ""),
        ("/instruction", "user", "Translate"),
        ("/input", "user", "hello"),
        ("/output", "assistant", "你好"),
    ]


def test_alpaca_default_columns_read_neither_history_nor_system(read: Any) -> None:
    dataset = read({}, [{**ALPACA, "input": "", "system": "s", "history": [["a", "b"]]}])
    assert [pointer for pointer, _, _ in parts(dataset)] == ["/instruction", "/output"]


def test_given_columns_replace_all_defaults(read: Any) -> None:
    dataset = read({"columns": {"prompt": "instruction"}}, [ALPACA])
    assert parts(dataset) == [("/instruction", "user", "Translate")]


def test_column_names_are_escaped_in_pointers(read: Any) -> None:
    dataset = read({"columns": {"prompt": "a/b~c"}}, [{"a/b~c": "text"}])
    assert parts(dataset) == [("/a~1b~0c", "user", "text")]


def test_alpaca_ranking_has_chosen_and_rejected(read: Any) -> None:
    columns = {"prompt": "instruction", "chosen": "good", "rejected": "bad"}
    dataset = read(
        {"ranking": True, "columns": columns}, [{"instruction": "q", "good": "yes", "bad": "no"}]
    )
    assert parts(dataset)[1:] == [("/good", "chosen", "yes"), ("/bad", "rejected", "no")]


def test_sharegpt_reads_every_default_tag(read: Any) -> None:
    talk = said(
        ("system", "rules"),
        ("human", "weather?"),
        ("function_call", '{"name": "w"}'),
        ("observation", "rain"),
        ("gpt", "It rains"),
    )
    dataset = read(
        {"formatting": "sharegpt", "columns": {"messages": "conversations", "tools": "tools"}},
        [{"conversations": talk, "tools": '[{"name": "w"}]'}],
    )
    assert parts(dataset) == [
        ("/conversations/0/value", "system", "rules"),
        ("/tools", "tools", '[{"name": "w"}]'),
        ("/conversations/1/value", "user", "weather?"),
        ("/conversations/2/value", "function_call", '{"name": "w"}'),
        ("/conversations/3/value", "observation", "rain"),
        ("/conversations/4/value", "assistant", "It rains"),
    ]


def test_sharegpt_system_message_wins_over_the_column(read: Any) -> None:
    columns = {"messages": "c", "system": "s"}
    talk = said(("human", "q"), ("gpt", "a"))
    entry = {"formatting": "sharegpt", "columns": columns}
    assert parts(read(entry, [{"c": talk, "s": "column"}]))[0] == ("/s", "system", "column")
    with_message = [*said(("system", "message")), *talk]
    texts = [text for _, _, text in parts(read(entry, [{"c": with_message, "s": "column"}]))]
    assert texts == ["message", "q", "a"]


def test_given_tags_replace_all_defaults(read: Any) -> None:
    tags = {"role_tag": "from", "content_tag": "value", "user_tag": "U", "assistant_tag": "A"}
    rows = [
        {"conversations": said(("system", "s"), ("U", "q"), ("A", "a"))},  # no system_tag now
        {"conversations": said(("U", "q"), ("A", "a"))},
    ]
    dataset = read({"formatting": "sharegpt", "tags": tags}, rows)
    assert only_skip(dataset) == ("unknown_role", {"field": "/conversations/0"})


@pytest.mark.parametrize(
    ("talk", "code"),
    [
        (said(("human", "q"), ("human", "q2")), "roles_out_of_order"),
        (said(("gpt", "a"), ("human", "q")), "roles_out_of_order"),
        (said(("human", "q"), ("gpt", "a"), ("human", "q")), "message_count"),
        ([], "no_text"),
        ("text", "wrong_type"),
        ([["human", "q"]], "wrong_type"),
        ([{"from": "human", "value": 7}, {"from": "gpt", "value": "a"}], "wrong_type"),
        ([{"value": "q"}], "unknown_role"),
    ],
)
def test_conversations_that_the_trainer_drops_are_skipped(read: Any, talk: Any, code: str) -> None:
    good = {"conversations": said(("human", "q"), ("gpt", "a"))}
    dataset = read({"formatting": "sharegpt"}, [{"conversations": talk}, good])
    assert only_skip(dataset)[0] == code


def test_sharegpt_ranking(read: Any) -> None:
    row = {
        "conversations": said(("human", "q")),
        "chosen": {"from": "gpt", "value": "good"},
        "rejected": {"from": "gpt", "value": "bad"},
    }
    columns = {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"}
    entry = {"formatting": "sharegpt", "ranking": True, "columns": columns}
    assert parts(read(entry, [row]))[1:] == [
        ("/chosen/value", "chosen", "good"),
        ("/rejected/value", "rejected", "bad"),
    ]
    wrong = {**row, "chosen": {"from": "human", "value": "good"}}
    assert only_skip(read(entry, [wrong, row])) == ("unknown_role", {"field": "/chosen"})


def test_kto_needs_a_boolean(read: Any) -> None:
    columns = {"prompt": "instruction", "response": "output", "kto_tag": "label"}
    good = {**ALPACA, "label": False}
    dataset = read({"columns": columns}, [{**ALPACA, "label": "maybe"}, good])
    assert only_skip(dataset)[1] == {"field": "/label", "expected": "boolean", "found": "string"}


def test_openai_tool_calls_content_lists_and_merged_observations(read: Any) -> None:
    call = {"type": "function", "function": {"name": "w", "arguments": '{"city": "巴黎"}'}}
    nested = {"type": "function", "function": {"name": "w", "arguments": {"a/b": ["x", 1]}}}
    messages = [
        {"role": "system", "content": "rules"},
        {
            "role": "user",
            "content": [{"type": "image_url"}, {"type": "text", "text": "q"}],
        },
        {"role": "assistant", "content": None, "tool_calls": [call, nested]},
        {"role": "tool", "content": "rain"},
        {"role": "tool", "content": "sun"},
        {"role": "assistant", "content": "done"},
    ]
    entry = {"formatting": "openai", "columns": {"messages": "messages"}, "tags": OPENAI_TAGS}
    assert parts(read(entry, [{"messages": messages}])) == [
        ("/messages/0/content", "system", "rules"),
        ("/messages/1/content/1/text", "user", "q"),
        ("/messages/2/tool_calls/0/function/name", "function_call", "w"),
        ("/messages/2/tool_calls/0/function/arguments", "function_call", '{"city": "巴黎"}'),
        ("/messages/2/tool_calls/1/function/name", "function_call", "w"),
        ("/messages/2/tool_calls/1/function/arguments/a~1b/0", "function_call", "x"),
        ("/messages/3/content", "observation", "rain"),
        ("/messages/4/content", "observation", "sun"),
        ("/messages/5/content", "assistant", "done"),
    ]


def test_observations_after_the_last_answer_do_not_count(read: Any) -> None:
    roles = ("user", "function_call", "tool", "tool")
    messages = [{"role": role, "content": role} for role in roles]
    entry = {"formatting": "openai", "columns": {"messages": "messages"}, "tags": OPENAI_TAGS}
    (record,) = read(entry, [{"messages": messages}])
    assert [segment.text for segment in record.segments] == list(roles)


def test_tools_as_a_structure_give_each_text(read: Any) -> None:
    entry = {"columns": {"prompt": "instruction", "tools": "t"}}
    row = {"instruction": "q", "t": [{"name": "w", "parameters": {"n": 3, "d": "day"}}]}
    assert parts(read(entry, [row]))[:2] == [
        ("/t/0/name", "tools", "w"),
        ("/t/0/parameters/d", "tools", "day"),
    ]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("text", "not_an_object"),
        (None, "not_an_object"),
        ([1], "not_an_object"),
        ({"instruction": 3, "output": "a"}, "wrong_type"),
        ({"instruction": "q", "output": None}, "wrong_type"),
        ({"instruction": "", "output": ""}, "no_text"),
        ({"output": "a"}, "column_missing"),
    ],
)
def test_bad_rows_are_skipped_alone(read: Any, row: Any, code: str) -> None:
    assert only_skip(read({}, [row, ALPACA]))[0] == code


def test_reasons_never_hold_record_text(read: Any) -> None:
    secret = "13800138000"
    rows = [
        {"conversations": [{"from": secret, "value": secret}]},
        {"conversations": said(("human", "q"), ("gpt", "a"))},
        {"conversations": {secret: secret}},
    ]
    dataset = read({"formatting": "sharegpt"}, rows)
    list(dataset)
    assert len(dataset.skipped) == 2
    assert secret not in repr(dataset.skipped)
