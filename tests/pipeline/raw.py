"""The raw values of the generated dataset, and all places where none of them may stand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_KINDS = {
    *("cn_resident_id", "mobile_number", "bank_card", "payment_card", "email", "phone", "iban"),
    *("us_ssn", "uk_nino", "api_key", "password", "access_token", "private_key"),
}


def raw_values(data: Path) -> set[str]:
    """Every labelled identifier and secret in the English half."""
    rows = json.loads((data / "support_en.json").read_text("utf-8"))
    found = set()
    for one in map(json.loads, (data / "truth.jsonl").read_text("utf-8").splitlines()):
        if one["type"] != "span" or one["dataset"] != "support_en" or one["kind"] not in _KINDS:
            continue
        text: Any = rows[one["index"]]
        for step in one["pointer"].lstrip("/").split("/"):
            text = text[int(step)] if isinstance(text, list) else text[step]
        found.add(text[one["start"] : one["end"]])
    assert len(found) > 20
    return found


def shared(run: Path) -> Iterator[tuple[str, str]]:
    """Name and text of every file that may be shown to others."""
    for path in sorted(run.rglob("*")):
        if path.is_file() and "vault" not in path.relative_to(run).parts:
            yield str(path.relative_to(run)), path.read_text("utf-8", "replace")
