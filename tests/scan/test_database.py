"""Compiled patterns come back from the cache as they went in; a broken cache costs nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hyperscan
import pytest

from tunegate.scan import database

PATTERNS = (b"[^0-9][0-9]{3}[^0-9]", b"abc")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("TUNEGATE_CACHE", str(tmp_path))
    monkeypatch.setattr(database, "_WORTH_KEEPING", -1.0)
    database.compiled.cache_clear()
    yield tmp_path / "patterns"
    database.compiled.cache_clear()


def hits() -> list[tuple[int, int, int]]:
    found: list[tuple[int, int, int]] = []
    database.compiled(PATTERNS).scan(
        b"\n123\nabc",
        match_event_handler=lambda rule, start, end, _flags, _context: found.append(
            (rule, start, end)
        ),
    )
    return found


def test_a_process_compiles_once_and_the_next_one_loads(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = hits()
    assert fresh == [(0, 0, 5), (1, 5, 8)]
    assert database.compiled(PATTERNS) is database.compiled(PATTERNS)
    assert len(list(folder.iterdir())) == 1
    database.compiled.cache_clear()
    monkeypatch.setattr(hyperscan, "dumpb", lambda _: pytest.fail("compiled again"))
    assert hits() == fresh


def test_other_patterns_have_another_file(folder: Path) -> None:
    database.compiled(PATTERNS)
    database.compiled(PATTERNS[:1])
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("data", [b"", b"no database", b"\0" * 4096])
def test_a_broken_file_is_compiled_anew_and_replaced(folder: Path, data: bytes) -> None:
    fresh = hits()
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    for broken in (data, whole[: len(whole) // 2], whole[:200] + b"\xff" + whole[201:]):
        file.write_bytes(broken)
        database.compiled.cache_clear()
        assert hits() == fresh
        assert len(file.read_bytes()) == len(whole)


def test_files_of_long_ago_go(folder: Path) -> None:
    folder.mkdir()
    (folder / "old.hsdb").write_bytes(b"x")
    os.utime(folder / "old.hsdb", (0, 0))
    (folder / "new.hsdb").write_bytes(b"x")
    assert hits()
    assert {file.name for file in folder.iterdir()} >= {"new.hsdb"}
    assert not (folder / "old.hsdb").exists()


def test_a_cache_that_cannot_be_written_is_done_without(folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    assert hits()
