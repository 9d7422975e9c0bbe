"""Which columns and tags of a dataset mean what, in LLaMA-Factory 0.9.5's words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from tunegate.errors import InputError
from tunegate.keys import shape
from tunegate.types import Json, Noun

Formatting = Literal["alpaca", "sharegpt", "openai"]

_COLUMNS = (
    *("prompt", "query", "response", "history", "messages", "system", "tools"),
    *("images", "videos", "audios", "chosen", "rejected", "kto_tag"),
)
_TAGS = (
    *("role_tag", "content_tag", "user_tag", "assistant_tag"),
    *("observation_tag", "function_tag", "system_tag"),
)
# Names under which files without a dataset_info.json hold the same things, likeliest first.
_MESSAGES = ("messages", "conversations", "conversation", "dialogue")
_PROMPTS = ("instruction", "prompt", "question", "query", "指令", "问题", "提问")
_QUERIES = ("input", "query", "输入")
_RESPONSES = ("output", "response", "completion", "answer", "输出", "回答", "答案")
_TEXTS = ("text", "content", "document", "文本", "正文")
_TAG_WORDS: Mapping[str, tuple[str, ...]] = {
    "user_tag": ("user", "human"),
    "assistant_tag": ("assistant", "gpt", "model"),
    "observation_tag": ("tool", "observation", "function"),
    "function_tag": ("function_call", "tool_call"),
    "system_tag": ("system", "developer"),
}


class Layout(Noun, frozen=True, kw_only=True):
    """A dataset's columns and tags; the defaults are LLaMA-Factory's.

    `strict` holds a conversation to the order and number of messages that LLaMA-Factory demands;
    a file read without dataset_info.json may be meant for another trainer and is not held to it.
    """

    formatting: Formatting = "alpaca"
    ranking: bool = False
    prompt: str | None = "instruction"
    query: str | None = "input"
    response: str | None = "output"
    history: str | None = None
    messages: str | None = "conversations"
    system: str | None = None
    tools: str | None = None
    images: str | None = None
    videos: str | None = None
    audios: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    kto_tag: str | None = None
    role_tag: str | None = "from"
    content_tag: str | None = "value"
    user_tag: str | None = "human"
    assistant_tag: str | None = "gpt"
    observation_tag: str | None = "observation"
    function_tag: str | None = "function_call"
    system_tag: str | None = "system"
    strict: bool = True


def from_entry(entry: Mapping[str, Any], *, where: Mapping[str, str]) -> Layout:
    """The layout that an entry of dataset_info.json declares.

    As in LLaMA-Factory, a given `columns` or `tags` replaces all defaults of its kind.

    Args:
        entry: The entry.
        where: `path` of the dataset_info.json and `name` of the dataset, for messages.

    Raises:
        InputError: A value has the wrong type, or the formatting is unknown.
    """
    formatting = entry.get("formatting", "alpaca")
    if formatting not in ("alpaca", "sharegpt", "openai"):
        nearest = difflib.get_close_matches(str(formatting), ("alpaca", "sharegpt", "openai"), 1, 0)
        raise InputError("formatting_unknown", **where, value=str(formatting), nearest=nearest[0])
    names: dict[str, str | None] = {}
    for section, known in (("columns", _COLUMNS), ("tags", _TAGS)):
        if section in entry:
            given = entry[section]
            if not isinstance(given, dict) or not all(
                isinstance(given.get(name), str | None) for name in known
            ):
                raise InputError("dataset_info_wrong", **where, field=section)
            names |= {name: given.get(name) for name in known}
    layout = Layout(formatting=formatting, ranking=bool(entry.get("ranking", False)))
    return msgspec.structs.replace(layout, **names)


def to_entry(layout: Layout) -> dict[str, Any]:
    """The entry of dataset_info.json that declares `layout`, without its `file_name`."""
    entry: dict[str, Any] = {"formatting": layout.formatting}
    if layout.ranking:
        entry["ranking"] = True
    for section, known in (("columns", _COLUMNS), ("tags", _TAGS)):
        if section == "columns" or layout.formatting != "alpaca":
            entry[section] = {name: value for name in known if (value := getattr(layout, name))}
    return entry


def detect(rows: Sequence[Mapping[str, Json]]) -> Layout | None:
    """The layout of a file that no dataset_info.json describes, from its first objects."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    extra: dict[str, str] = {name: name for name in ("system", "tools") if name in columns}
    if flag := next((name for name in ("kto_tag", "label") if _is_flag(rows, name)), None):
        extra["kto_tag"] = flag
    for name in _MESSAGES:
        messages = [m for row in rows for m in _objects(row.get(name))]
        if messages:
            return _chat(name, messages, extra, rows)
    ranking = "chosen" in columns and "rejected" in columns
    prompt = _first(_PROMPTS, columns)
    response = _first(_RESPONSES, columns)
    if prompt is None or (response is None and not ranking):
        text = _first(_TEXTS, columns) or prompt
        return Layout(prompt=text, query=None, response=None, strict=False) if text else None
    query = _first([name for name in _QUERIES if name != prompt], columns)
    if "history" in columns:
        extra["history"] = "history"
    if ranking:
        extra |= {"chosen": "chosen", "rejected": "rejected"}
        response = None
    names = {"prompt": prompt, "query": query, "response": response, "messages": None}
    return msgspec.structs.replace(Layout(ranking=ranking, strict=False), **(names | extra))


def _chat(
    name: str,
    messages: Sequence[Mapping[str, Json]],
    extra: Mapping[str, str],
    rows: Sequence[Mapping[str, Json]],
) -> Layout | None:
    role = next((name for name in ("role", "from") if any(name in m for m in messages)), None)
    if role is None:
        return None
    used = {message[role] for message in messages if isinstance(message.get(role), str)}
    tags = {
        tag: next(
            (word for word in words if word in used),
            words[0] if role == "role" else getattr(Layout(), tag),
        )
        for tag, words in _TAG_WORDS.items()
    }
    openai = any(message.get("tool_calls") for message in messages)
    pair = any(_objects([row.get("chosen"), row.get("rejected")]) for row in rows)
    names: dict[str, str | None] = {"prompt": None, "query": None, "response": None}
    names |= {
        "messages": name,
        "role_tag": role,
        "content_tag": "content" if role == "role" else "value",
        **tags,
        **extra,
    }
    if pair:
        names |= {"chosen": "chosen", "rejected": "rejected"}
    layout = Layout(formatting="openai" if openai else "sharegpt", ranking=pair, strict=False)
    return msgspec.structs.replace(layout, **names)


def required(layout: Layout) -> list[str]:
    """The columns without which no record of this layout can be read."""
    alpaca = layout.formatting == "alpaca"
    names = [layout.prompt, layout.response] if alpaca else [layout.messages]
    if layout.ranking:
        names = [name for name in names if name != layout.response]
        names += [layout.chosen, layout.rejected]
    return [name for name in (*names, layout.kto_tag) if name]


def nearest(wanted: Iterable[str], found: Sequence[str]) -> str:
    """`wanted → found` for each wanted name that nearly stands in `found`."""
    pairs = []
    for name in wanted:
        close = difflib.get_close_matches(name.lower(), [f.lower() for f in found], 1, 0.5)
        if close:
            match = next(f for f in found if f.lower() == close[0])
            pairs.append(f"{shown(match)} → {name}")
    return ", ".join(pairs) or "–"


def shown(column: str) -> str:
    """A column's name for a message; its shape only, where it may be data (a missing header)."""
    known = (*_MESSAGES, *_PROMPTS, *_QUERIES, *_RESPONSES, *_TEXTS)
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.\-]{0,39}", column)
    return (
        column if column in known or (plain and not re.search(r"\d{4}", column)) else shape(column)
    )


def _first(names: Iterable[str], columns: Sequence[str]) -> str | None:
    return next((name for name in names if name in columns), None)


def _objects(value: Json) -> list[Mapping[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _is_flag(rows: Sequence[Mapping[str, Json]], name: str) -> bool:
    values = [row[name] for row in rows if row.get(name) is not None]
    return bool(values) and all(isinstance(value, bool) for value in values)
