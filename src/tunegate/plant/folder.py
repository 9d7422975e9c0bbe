"""Planted datasets as ordinary folders, for any trainer that reads LLaMA-Factory's layout."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from tunegate.types import Json, Turn

NAME = "train"
_FILE = "train.jsonl"
_INFO: Json = {
    NAME: {
        "file_name": _FILE,
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
}


def write(folder: Path, conversations: Iterable[Sequence[Turn]]) -> int:
    """Writes conversations as one dataset named `train`.

    Args:
        folder: An empty folder.
        conversations: One a record, turns of one role joined already.

    Returns:
        How many records were written.
    """
    count = 0
    with (folder / _FILE).open("w", encoding="utf-8") as file:
        for turns in conversations:
            tools = "\n".join(turn.text for turn in turns if turn.role == "tools")
            messages = [
                {"role": turn.role, "content": turn.text} for turn in turns if turn.role != "tools"
            ]
            file.write(_line({"messages": messages, "tools": tools}) + "\n")
            count += 1
    info = json.dumps(_INFO, ensure_ascii=False, indent=2, sort_keys=True)
    (folder / "dataset_info.json").write_text(info + "\n", "utf-8")
    return count


def _line(record: Json) -> str:
    """One line of JSON; escaped where a lone surrogate has no UTF-8."""
    line = json.dumps(record, ensure_ascii=False)
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return json.dumps(record)
    return line
