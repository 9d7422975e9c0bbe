"""Round trips lose nothing, and nothing is half-written."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunegate import records
from tunegate.errors import InputError
from tunegate.keys import Key
from tunegate.types import Record

ROW = {"instruction": "问 & <b>", "input": "", "output": "a"}
ODD = {
    "z": 1,
    "instruction": "lone \ud800 and \udfff, NUL \0, \u2028",
    "output": "a",
    "a": {"big": 10**40, "tiny": 1e-7, "whole": 1.0, "minus": -0.0, "none": None, "yes": True},
    "list": [[], {}, "", {"b": 1, "a": 2}],
    "huge": math.inf,
}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


def same(path: Path, out: Path, key: Key) -> tuple[records.Dataset, list[Record]]:
    """Reads `path`, writes it to `out`, and checks that `out` reads the same."""
    dataset = records.open(path, key=key)
    read = list(dataset)
    records.write(out, read, like=dataset)
    again = records.open(out, key=key)
    back = list(again)
    assert again.names == dataset.names
    assert dataset.skipped == again.skipped == []
    assert [repr(record.raw) for record in back] == [repr(record.raw) for record in read]
    assert [record.id for record in back] == [record.id for record in read]
    assert [record.segments for record in back] == [record.segments for record in read]
    return dataset, read


def test_folder_round_trip(folder: Any, tmp_path: Path, key: Key) -> None:
    info = {
        "array": {"file_name": "a.json", "subset": "kept", "columns": {"prompt": "instruction"}},
        "lines": {"file_name": "sub/l.jsonl"},
        "many": {"file_name": "many"},
        "unused": {"hf_hub_url": "org/data"},
    }
    files: dict[str, list[Any]] = {"a.json": [ODD, ROW], "sub/l.jsonl": [ROW, ODD]}
    path = folder(info, {**files, "many/1.json": [ROW], "many/2.json": [ODD, ODD]})
    out = tmp_path / "out"
    same(path, out, key)
    del info["unused"]
    written = json.loads((out / "dataset_info.json").read_bytes())
    assert list(written.items()) == list(info.items())
    for name, rows in {**files, "many/2.json": [ODD, ODD]}.items():
        text = (out / name).read_text(encoding="utf-8")
        back = (
            json.loads(text)
            if name.endswith("json")
            else list(map(json.loads, text.split("\n")[:-1]))
        )
        assert repr(back) == repr(rows)
        assert "问" in text or ROW not in rows
    assert sorted(p.name for p in out.rglob("*") if p.is_file()) == [
        *("1.json", "2.json", "a.json", "dataset_info.json", "l.jsonl"),
    ]


@given(extra=st.lists(st.dictionaries(st.text(), JSON), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=15)
@pytest.mark.parametrize("name", ["x.json", "x.jsonl"])
def test_any_json_survives(
    tmp_path_factory: pytest.TempPathFactory, name: str, extra: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    rows = [{**row, "instruction": "q", "output": "a"} for row in extra]
    text = json.dumps(rows) if name == "x.json" else "\n".join(map(json.dumps, rows))
    (folder / name).write_text(text, encoding="utf-8")
    (folder / "dataset_info.json").write_text(json.dumps({"x": {"file_name": name}}), "utf-8")
    _, read = same(folder, folder / "out", Key(b"a key for tests only"))
    assert [repr(record.raw) for record in read] == [repr(row) for row in rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_round_trip(tmp_path: Path, key: Key, encoding: str, newline: str) -> None:
    path = tmp_path / "x.csv"
    rows = [
        ["id", "instruction", "output"],
        ["1", "第一行\n第二行", 'says "hi", 𠮷'],
        ["007", "=HYPERLINK(1)", "tail\r"],
        ["", "q\r\nq", " a "],
    ]
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, lineterminator=newline, quoting=csv.QUOTE_ALL).writerows(rows)
    out = tmp_path / "out"
    _, read = same(path, out, key)
    assert [record.source.index for record in read] == [0, 1, 2]
    assert read[0].raw == dict(zip(rows[0], rows[1], strict=True))
    with (out / "x.csv").open(encoding=encoding, newline="") as file:
        assert list(csv.reader(file)) == rows
    head = (out / "x.csv").read_bytes()[:40]
    assert head.startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")
    assert (b"\r\n" in head) == (newline == "\r\n")


def test_parquet_round_trip_keeps_the_schema(tmp_path: Path, key: Key) -> None:
    message = pa.struct([("role", pa.string()), ("content", pa.large_string())])
    schema = pa.schema(
        [
            pa.field("messages", pa.list_(message)),
            pa.field("score", pa.float32()),
            pa.field("when", pa.timestamp("us", tz="UTC")),
            pa.field("raw", pa.binary()),
            pa.field("n", pa.uint64(), nullable=False),
        ],
        metadata={"owner": "tests"},
    )
    talk = [{"role": "user", "content": "问"}, {"role": "assistant", "content": "答"}]
    rows = [
        {"messages": talk, "score": 0.1, "when": None, "raw": b"\xff", "n": 2**64 - 1},
        {"messages": talk, "score": None, "when": 5, "raw": None, "n": 0},
    ] * 700
    path = tmp_path / "x.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    out = tmp_path / "out"
    _, read = same(path, out, key)
    assert read[1].source.index == 1
    assert [s.pointer for s in read[0].segments] == ["/messages/0/content", "/messages/1/content"]
    assert pq.read_table(out / "x.parquet").equals(pq.read_table(path), check_metadata=True)


def test_text_file_round_trip(folder: Any, tmp_path: Path, key: Key) -> None:
    content = "一行 \\ text\nanother\u2028line\n"
    entry = {"file_name": "w.txt", "columns": {"prompt": "text"}}
    path = folder({"w": entry}, {"w.txt": content.encode()})
    same(path, tmp_path / "out", key)
    assert (tmp_path / "out" / "w.txt").read_text(encoding="utf-8") == content


def test_an_empty_dataset_is_still_written(folder: Any, tmp_path: Path, key: Key) -> None:
    table = pa.Table.from_pylist([ROW])
    pq.write_table(table, tmp_path / "p.parquet")
    files = {
        "a.json": [ROW],
        "l.jsonl": [ROW],
        "c.csv": b"instruction,output\nq,a\n",
        "p.parquet": (tmp_path / "p.parquet").read_bytes(),
    }
    info = {name[0]: {"file_name": name, "num_samples": 5} for name in files}
    dataset = records.open(folder(info, files), key=key)
    out = tmp_path / "out"
    records.write(out, [], like=dataset)
    assert json.loads((out / "a.json").read_bytes()) == []
    assert (out / "l.jsonl").read_bytes() == b""
    assert (out / "c.csv").read_bytes() == b"instruction,output\n"
    assert pq.read_table(out / "p.parquet").schema.equals(table.schema)
    assert list(json.loads((out / "dataset_info.json").read_bytes())) == ["a", "l", "c", "p"]


def test_slices_of_one_file_are_written_apart(folder: Any, tmp_path: Path, key: Key) -> None:
    info = {
        "head": {"file_name": "d.json", "split": "train[:2]", "num_samples": 9},
        "tail": {"file_name": "d.json", "split": "train[2:]"},
    }
    rows = [{**ROW, "n": n} for n in range(5)]
    dataset = records.open(folder(info, {"d.json": rows}), key=key)
    out = tmp_path / "out"
    records.write(out, dataset, like=dataset)
    written = json.loads((out / "dataset_info.json").read_bytes())
    assert written == {
        "head": {"file_name": "d.json", "split": "train", "num_samples": 2},
        "tail": {"file_name": "d-2.json", "split": "train"},
    }
    again = records.open(out, key=key)
    assert [(r.source.dataset, r.raw["n"]) for r in again] == [
        *(("head", 0), ("head", 1), ("tail", 2), ("tail", 3), ("tail", 4)),
    ]


def test_a_failure_leaves_the_old_files(folder: Any, tmp_path: Path, key: Key) -> None:
    dataset = records.open(folder({"d": {"file_name": "d.json"}}, {"d.json": [ROW]}), key=key)
    out = tmp_path / "out"
    records.write(out, dataset, like=dataset)
    before = {path: path.read_bytes() for path in out.iterdir()}

    def failing() -> Iterator[Record]:
        yield from list(dataset) * 3
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError) as caught:
        records.write(out, failing(), like=dataset)
    assert (caught.value.code, caught.value.params["why"]) == (
        "write_failed",
        "No space left on device",
    )
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_the_input_and_other_folders_are_never_written_to(
    folder: Any, tmp_path: Path, key: Key
) -> None:
    path = folder({"d": {"file_name": "sub/d.json"}}, {"sub/d.json": [ROW]})
    dataset = records.open(path, key=key)
    with pytest.raises(InputError, match="output_is_input"):
        records.write(path, dataset, like=dataset)
    outside = tmp_path / "outside"
    outside.mkdir()
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub").symlink_to(outside)
    with pytest.raises(InputError, match="path_outside_folder"):
        records.write(out, dataset, like=dataset)
    assert list(outside.iterdir()) == []


def test_records_of_other_datasets_are_refused(folder: Any, tmp_path: Path, key: Key) -> None:
    info = {"a": {"file_name": "a.json"}, "b": {"file_name": "b.json"}}
    path = folder(info, {"a.json": [ROW], "b.json": [ROW]})
    only_a = records.open(path, names=["a"], key=key)
    with pytest.raises(ValueError, match="another dataset"):
        records.write(tmp_path / "out", records.open(path, key=key), like=only_a)
    assert list((tmp_path / "out").iterdir()) == []
