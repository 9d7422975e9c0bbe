"""Planted datasets as ordinary folders, for any trainer that reads LLaMA-Factory's layout."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tunegate.types import Json, Turn

NAME = "train"
_INFO = "dataset_info.json"
_ENTRY: Mapping[str, Json] = {
    "formatting": "sharegpt",
    "columns": {"messages": "messages", "tools": "tools"},
    "tags": {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "observation_tag": "observation",
        "function_tag": "function_call",
        "system_tag": "system",
    },
}


def write(
    folder: Path, conversations: Iterable[Sequence[Turn]], *, names: Sequence[str] = ()
) -> int:
    """Writes conversations as datasets of the names that the team's own training asks for.

    Trainers join them again, so it does not matter which record stands in which.

    Args:
        folder: An empty folder.
        conversations: One a record, turns of one role joined already.
        names: Datasets to spread the records over; none means one named `train`. With fewer
            records than names the last names are left out, for no trainer loads an empty file.

    Returns:
        How many records were written.
    """
    lines = [_conversation(turns) for turns in conversations]
    used = tuple(names)[: max(len(lines), 1)] or (NAME,)
    info = {}
    for number, name in enumerate(used):
        start, end = (len(lines) * edge // len(used) for edge in (number, number + 1))
        file = f"{NAME}.jsonl" if len(used) == 1 else f"{NAME}-{number + 1}.jsonl"
        (folder / file).write_text("".join(f"{line}\n" for line in lines[start:end]), "utf-8")
        info[name] = {"file_name": file, **_ENTRY}
    text = json.dumps(info, ensure_ascii=False, indent=2, sort_keys=True)
    (folder / _INFO).write_text(text + "\n", "utf-8")
    return len(lines)


def names_in(folder: Path) -> tuple[str, ...]:
    """The datasets of a folder that `write` made, sorted."""
    return tuple(sorted(json.loads((folder / _INFO).read_text("utf-8"))))


def _conversation(turns: Sequence[Turn]) -> str:
    tools = "\n".join(turn.text for turn in turns if turn.role == "tools")
    messages = [{"role": turn.role, "content": turn.text} for turn in turns if turn.role != "tools"]
    return _line({"messages": messages, "tools": tools})


def _line(record: Json) -> str:
    """One line of JSON; escaped where a lone surrogate has no UTF-8."""
    line = json.dumps(record, ensure_ascii=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(record)
    return line
