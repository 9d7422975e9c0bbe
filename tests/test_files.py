from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunegate.errors import InputError
from tunegate.files import (
    Document,
    Lines,
    Text,
    atomic,
    cache_folder,
    hash_path,
    translate_errors,
)
from tunegate.types import Finding, Measurement, Reason, Source

# Any text at all, lone surrogates too: a file name or a dataset's name may hold them.
_TEXT = st.text(st.characters(codec=None), max_size=20)


def _finding(text: str) -> Finding:
    return Finding(
        record_id="r-0",
        source=Source(path=text, line=1),
        hazard="identity",
        kind="email",
        field="/output",
        start=0,
        end=1,
        confidence=0.5,
        severity="low",
        preview="a",
        digest="d",
        reason=Reason(code="x"),
    )


@given(texts=st.lists(_TEXT, max_size=4))
def test_lines_come_back_whatever_the_text(
    texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = Lines[Finding](tmp_path_factory.mktemp("x") / "f.jsonl", Finding)
    findings = [_finding(text) for text in texts]
    assert lines.write(findings) == len(texts)
    assert list(lines.read()) == findings
    assert lines.path.read_bytes().count(b"\n") == len(texts)


@given(text=_TEXT)
def test_a_document_comes_back_whatever_the_text(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    document = Document[Reason](tmp_path_factory.mktemp("x") / "r.json", Reason)
    document.write(Reason(code="c", params={"text": text}))
    assert document.read() == Reason(code="c", params={"text": text})


def test_documents_are_pretty_and_sorted(tmp_path: Path) -> None:
    document = Document[Any](tmp_path / "d.json", Any)
    document.write({"b": 1, "a": "汉"})
    assert document.path.read_text("utf-8") == '{\n  "a": "汉",\n  "b": 1\n}\n'


def test_a_measurement_comes_back(tmp_path: Path) -> None:
    one = Measurement(
        probe="drift", metric="kl", arm="routed", checkpoint=1, interval=(0.0, 1.0), params={"n": 2}
    )
    document = Document[tuple[Measurement, ...]](tmp_path / "m.json", tuple[Measurement, ...])
    document.write((one,))
    assert document.read() == (one,)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text('{"code": "a"}\n{"code": 1}\n')
    lines = Lines[Reason](path, Reason).read()
    assert next(lines).code == "a"
    with pytest.raises(InputError) as caught:
        next(lines)
    assert (caught.value.code, caught.value.params["line"]) == ("run_line_broken", 2)


@pytest.mark.parametrize("content", ["", "{", '{"code": 3}'])
def test_a_broken_document_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(content)
    with pytest.raises(InputError, match="run_file_broken"):
        Document[Reason](path, Reason).read()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run_file_missing"):
        Text(tmp_path / "none").read()
    with pytest.raises(InputError, match="run_file_missing"):
        list(Lines[Reason](tmp_path / "none", Reason).read())


def test_a_failing_writer_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    lines = Lines[Reason](path, Reason)
    lines.write([Reason(code="old")])

    def failing() -> Any:
        yield Reason(code="new")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        lines.write(failing())
    assert [one.code for one in lines.read()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_forbidden_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught, translate_errors(tmp_path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/some/where")
    assert caught.value.code == "unwritable"
    assert caught.value.params["path"] == "/some/where"


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError), atomic(tmp_path / "file" / "inner"):
        pass


def test_a_folders_hash_sees_names_contents_and_places(tmp_path: Path) -> None:
    seen = set()
    for name, content in (("a", "1"), ("a", "2"), ("b", "1"), ("c/a", "1")):
        folder = tmp_path / f"{len(seen)}"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(content)
        seen.add(hash_path(folder))
    assert len(seen) == 4
    with pytest.raises(FileNotFoundError):
        hash_path(tmp_path / "none")


def test_the_cache_can_be_put_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEGATE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("TUNEGATE_CACHE")
    assert cache_folder() != tmp_path
