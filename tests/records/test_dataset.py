"""Opening: which datasets, which rows, what is skipped, and clear refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tunegate import records
from tunegate.errors import InputError
from tunegate.keys import Key

ROW = {"instruction": "q", "input": "", "output": "a"}


def rows(count: int) -> list[dict[str, Any]]:
    return [{**ROW, "instruction": f"q{n}"} for n in range(count)]


def asked(dataset: records.Dataset) -> list[str]:
    return [record.segments[0].text for record in dataset]


def refusal(path: Any, key: Key, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        records.open(path, key=key, **options)
    return caught.value


def test_names_choose_and_order_datasets(folder: Any, key: Key) -> None:
    info = {name: {"file_name": f"{name}.json"} for name in ("a", "b", "gone")}
    info["hub"] = {"hf_hub_url": "org/data"}
    path = folder(info, {"a.json": rows(1), "b.json": rows(2)})
    assert records.open(path, key=key).names == ("a", "b")  # those that are here
    dataset = records.open(path, names=["b", "a"], key=key)
    assert dataset.folder == path
    sources = [(r.source.dataset, r.source.index, Path(r.source.path).name) for r in dataset]
    assert sources == [("b", 0, "b.json"), ("b", 1, "b.json"), ("a", 0, "a.json")]


def test_iterating_again_gives_the_same(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(f"{json.dumps(ROW)}\nbroken\n", encoding="utf-8")
    dataset = records.open(path, key=key)
    assert dataset.skipped == []
    first, second = list(dataset), list(dataset)
    assert first == second
    assert [(s.source.line, s.reason.code) for s in dataset.skipped] == [(2, "broken_json")]


def test_exact_duplicates_differ_by_occurrence_only(tmp_path: Path, key: Key) -> None:
    swapped = dict(reversed(ROW.items()))
    path = tmp_path / "x.json"
    path.write_text(json.dumps([ROW, {**ROW, "output": "b"}, swapped]), encoding="utf-8")
    one, other, again = (record.id for record in records.open(path, key=key))
    assert one.removesuffix("-0") == again.removesuffix("-1")
    assert other.endswith("-0")
    assert other != one
    (different_key, *_) = records.open(path, key=Key(b"another key, for tests"))
    assert different_key.id != one


def test_subject_is_a_digest_of_the_column(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "x.jsonl"
    people: list[Any] = ["张三", "张三", None, 7]
    path.write_text("".join(json.dumps({**ROW, "who": p}) + "\n" for p in people), "utf-8")
    first, again, nobody, number = records.open(path, key=key, subject_column="who")
    assert first.subject == again.subject == key.digest("张三", purpose="subject")
    assert nobody.subject is None
    assert number.subject == key.digest("7", purpose="subject")
    error = refusal(path, key, subject_column="whom")
    assert error.code == "subject_column_missing"
    assert error.params["nearest"] == "who → whom"


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", range(10)),
        ("train[:3]", range(3)),
        ("train[-2:]", range(8, 10)),
        ("train[10%:50%]", range(1, 5)),
        ("train[4:99]", range(4, 10)),
    ],
)
def test_split_slices(folder: Any, key: Key, split: str, expected: range) -> None:
    path = folder({"d": {"file_name": "d.json", "split": split}}, {"d.json": rows(10)})
    assert asked(records.open(path, key=key)) == [f"q{n}" for n in expected]


def test_unknown_split_is_refused(folder: Any, key: Key) -> None:
    path = folder({"d": {"file_name": "d.json", "split": "test"}}, {"d.json": rows(2)})
    assert refusal(path, key).code == "split_unknown"


def test_num_samples_is_a_keyed_choice(folder: Any, key: Key) -> None:
    path = folder({"d": {"file_name": "d.json", "num_samples": 20}}, {"d.json": rows(60)})
    chosen = asked(records.open(path, key=key))
    assert len(set(chosen)) == 20
    assert chosen == asked(records.open(path, key=key))
    assert chosen != asked(records.open(path, key=Key(b"another key, for tests")))
    numbers = [int(text[1:]) for text in chosen]
    assert numbers == sorted(numbers)


def test_more_samples_than_rows_reads_each_once(folder: Any, key: Key) -> None:
    path = folder({"d": {"file_name": "d.json", "num_samples": 9}}, {"d.json": rows(3)})
    assert asked(records.open(path, key=key)) == ["q0", "q1", "q2"]


def test_folder_of_files_is_one_dataset(folder: Any, key: Key) -> None:
    files = {"d/b.json": rows(1), "d/a.jsonl": rows(2), "d/.hidden": b"x"}
    path = folder({"d": {"file_name": "d"}}, files)
    dataset = records.open(path, key=key)
    assert [Path(r.source.path).name for r in dataset] == ["a.jsonl", "a.jsonl", "b.json"]
    (path / "d" / "c.csv").write_text("instruction,output\n", encoding="utf-8")
    assert refusal(path, key).code == "dataset_folder_mixed"


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd", "sub/../../secret.json"])
def test_paths_out_of_the_folder_are_refused(folder: Any, key: Key, name: str) -> None:
    path = folder({"d": {"file_name": name}}, {"ok.json": rows(1)})
    (path.parent / "secret.json").write_text(json.dumps(rows(1)), encoding="utf-8")
    assert refusal(path, key, names=["d"]).code == "path_outside_folder"
    assert refusal(path, key).code == "path_outside_folder"


@pytest.mark.parametrize("name", ["link.json", "inner/link.json", "linked/secret.json", "inner"])
def test_links_out_of_the_folder_are_refused(folder: Any, key: Key, name: str) -> None:
    path = folder({"d": {"file_name": name}}, {"inner/x.json": rows(1)})
    outside = path.parent / "outside"
    outside.mkdir()
    (outside / "secret.json").write_text(json.dumps(rows(1)), encoding="utf-8")
    (path / "link.json").symlink_to(outside / "secret.json")
    (path / "inner" / "link.json").symlink_to(outside / "secret.json")
    (path / "linked").symlink_to(outside)
    assert refusal(path, key, names=["d"]).code == "path_outside_folder"


@pytest.mark.parametrize("where", ["hf_hub_url", "ms_hub_url", "script_url", "cloud_file_name"])
def test_datasets_that_need_a_network_are_refused(folder: Any, key: Key, where: str) -> None:
    # LLaMA-Factory ignores `file_name` beside these: reading it would audit the wrong data.
    path = folder({"d": {where: "org/data", "file_name": "d.json"}}, {"d.json": rows(1)})
    error = refusal(path, key, names=["d"])
    assert (error.code, error.params["field"]) == ("dataset_not_local", where)
    assert refusal(path, key).code == "no_local_dataset"


def test_nearest_names_are_named(folder: Any, key: Key) -> None:
    path = folder({"identity": {"file_name": "identity.json"}}, {"identity.json": rows(1)})
    assert refusal(path, key, names=["identify"]).params["nearest"] == "identity"
    missing = refusal(path / "identity.jsn", key)
    assert missing.code == "path_missing"
    assert missing.params["nearest"] == str(path / "identity.json")
    assert refusal(path.parent / "dat" / "x.json", key).params["nearest"] == str(path)
    assert refusal(path / "identity.json", key, format="jsnl").params["nearest"] == "jsonl"


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({}, "dataset_info_wrong"),
        ({"file_name": 3}, "dataset_info_wrong"),
        ({"file_name": "d.json", "num_samples": "5"}, "dataset_info_wrong"),
        ({"file_name": "d.json", "columns": []}, "dataset_info_wrong"),
        ({"file_name": "d.json", "tags": {"role_tag": 1}}, "dataset_info_wrong"),
        ({"file_name": "d.json", "formatting": "sharegtp"}, "formatting_unknown"),
        ({"file_name": "missing.json"}, "path_missing"),
        ("d.json", "dataset_info_wrong"),
    ],
)
def test_wrong_entries_are_refused(folder: Any, key: Key, entry: Any, code: str) -> None:
    assert refusal(folder({"d": entry}, {"d.json": rows(1)}), key, names=["d"]).code == code


def test_broken_dataset_info_names_the_line(tmp_path: Path, key: Key) -> None:
    assert refusal(tmp_path, key).code == "dataset_info_missing"
    (tmp_path / "dataset_info.json").write_text('{\n  "d": {,\n}', encoding="utf-8")
    error = refusal(tmp_path, key)
    assert (error.code, error.params["line"]) == ("dataset_info_broken", 2)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("x.json", "[]", "dataset_empty"),
        ("x.json", "", "dataset_empty"),
        ("x.jsonl", "\n \n", "dataset_empty"),
        ("x.csv", "", "dataset_empty"),
        ("x.csv", "instruction,output\n", "dataset_empty"),
        ("x.jsonl", "{\n", "no_record_readable"),
        ("x.json", "[1, 2]", "no_record_readable"),
        ("x.json", '{\n"instruction": "q",\n"output": "a"}', "no_record_readable"),
        ("x.csv", "text,text\na,b\n", "csv_column_twice"),
        ("x.parquet", "no parquet", "parquet_broken"),
        ("x.gz", "\x1f\x00", "file_format_unknown"),
        ("x.json", b"\xff\xfe[\0", "file_utf16"),
    ],
)
def test_files_without_any_record_are_refused(
    tmp_path: Path, key: Key, name: str, content: str | bytes, code: str
) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(data)
    assert refusal(tmp_path / name, key).code == code


def test_wrong_columns_name_the_nearest(folder: Any, key: Key) -> None:
    data = [{"instructions": "q", "outputs": "a"}]
    path = folder({"d": {"file_name": "d.json"}}, {"d.json": data})
    error = refusal(path, key)
    assert error.code == "columns_wrong"
    assert error.params["found"] == "instructions, outputs"
    assert error.params["nearest"] == "instructions → instruction, outputs → output"
    bare = refusal(path / "d.json", key)
    assert bare.code == "columns_wrong"
    assert "instructions → instruction" in str(bare.params["nearest"])


def test_a_missing_header_does_not_show_the_data(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "张三,13800138000,zhang@example.com\n李四,13900139000,li@example.com\n", "utf-8"
    )
    message = str(refusal(path, key))
    assert not any(text in message for text in ("张三", "138001", "zhang"))


def test_unreadable_file(tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(ROW), encoding="utf-8")

    def deny(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    error = refusal(path, key)
    assert (error.code, error.params["why"]) == ("file_unreadable", "Permission denied")


def test_same_stem_twice_stays_apart(tmp_path: Path, key: Key) -> None:
    paths = [tmp_path / side / "x.jsonl" for side in ("left", "right")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(json.dumps(ROW), encoding="utf-8")
    dataset = records.open(paths, key=key)
    assert dataset.names == ("x", "x-2")
    assert [record.id[-2:] for record in dataset] == ["-0", "-1"]


@pytest.mark.parametrize(
    ("row", "roles"),
    [
        ({"messages": [{"role": "user", "content": "q"}]}, ["user"]),
        (
            {
                "messages": [
                    {"role": "developer", "content": "s"},
                    {"role": "assistant", "content": "hi"},
                    {"role": "user", "content": "q"},
                ]
            },
            ["system", "assistant", "user"],
        ),
        ({"conversations": [{"from": "user", "value": "q"}]}, ["user"]),
        ({"question": "q", "answer": "a"}, ["user", "assistant"]),
        ({"instruction": "q", "query": "x", "response": "a"}, ["user", "user", "assistant"]),
        ({"prompt": "q", "chosen": "a", "rejected": "b"}, ["user", "chosen", "rejected"]),
        ({"prompt": "q", "completion": "a", "label": True}, ["user", "assistant"]),
        ({"text": "t", "category": "c"}, ["user"]),
        ({"问题": "q", "答案": "a"}, ["user", "assistant"]),
    ],
)
def test_files_by_themselves_are_recognised(
    tmp_path: Path, key: Key, row: dict[str, Any], roles: list[str]
) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(row), encoding="utf-8")
    (record,) = records.open(path, key=key)
    assert [segment.role for segment in record.segments] == roles


def test_jsonl_bom_crlf_hostile_lines_and_long_lines(tmp_path: Path, key: Key) -> None:
    long = {**ROW, "output": "长" * 2_000_000}
    lines = [
        b"\xef\xbb\xbf" + json.dumps(ROW).encode() + b"\r",
        b'{"instruction": "cut',
        b"",
        b'{"instruction": "\xff", "output": ""}',
        b"[" * 100_000,
        json.dumps(long, ensure_ascii=False).encode(),
        b'{"instruction": "\\ud800 \\u0000", "output": 1e400}',
        b'{"instruction": "\\ud800 \\u0000", "output": "\\u202e", "n": NaN}',
    ]
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join(lines))
    dataset = records.open(path, key=key)
    assert [record.source.line for record in dataset] == [1, 6, 8]
    assert [(s.source.line, s.reason.code) for s in dataset.skipped] == [
        (2, "broken_json"),
        (4, "not_utf8"),
        (5, "too_deep"),
        (7, "wrong_type"),
    ]


def test_lines_beyond_the_limit_are_skipped(
    tmp_path: Path, key: Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tunegate.records.lines.MAX_BYTES", 64)
    path = tmp_path / "x.jsonl"
    good = json.dumps(ROW)
    path.write_text(f"{good}\n{'x' * 1000}\n{good}", encoding="utf-8")
    dataset = records.open(path, key=key)
    assert [record.source.line for record in dataset] == [1, 3]
    assert [(s.source.line, s.reason.code) for s in dataset.skipped] == [(2, "too_long")]
