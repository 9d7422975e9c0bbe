"""Small data folders, made in `tmp_path`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunegate import records
from tunegate.keys import Key
from tunegate.records import Dataset

Folder = Callable[..., Path]
Reading = Callable[..., Dataset]


@pytest.fixture
def key() -> Key:
    return Key(b"a key for tests only")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Makes a LLaMA-Factory data folder: `folder(info, **{file name: rows or bytes})`."""

    def make(info: dict[str, Any], files: dict[str, Any]) -> Path:
        path = tmp_path / "data"
        for name, content in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            data = content if isinstance(content, bytes) else _json(name, content)
            (path / name).write_bytes(data)
        (path / "dataset_info.json").write_text(json.dumps(info), encoding="utf-8")
        return path

    return make


def _json(name: str, rows: list[Any]) -> bytes:
    if name.endswith(".jsonl"):
        return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    return json.dumps(rows, indent=2).encode()


@pytest.fixture
def read(folder: Folder, key: Key) -> Reading:
    """Opens one dataset `d` whose entry is `entry` and whose rows are `rows`."""

    def make(entry: dict[str, Any], rows: list[Any]) -> Dataset:
        path = folder({"d": {"file_name": "d.json", **entry}}, {"d.json": rows})
        return records.open(path, names=["d"], key=key)

    return make
