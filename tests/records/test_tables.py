"""CSV and Parquet files that are not as they should be."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunegate import records
from tunegate.errors import InputError
from tunegate.keys import Key
from tunegate.records import tables


def skipped(path: Path, key: Key) -> tuple[list[int | None], list[tuple[int | None, str]]]:
    dataset = records.open(path, key=key)
    read = [record.source.index for record in dataset]
    return read, [(s.source.index, s.reason.code) for s in dataset.skipped]


def test_rows_of_the_wrong_width_are_skipped(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text,label\na,1\n\nb\nc,1,2\nd\0,4\n", encoding="utf-8")
    assert skipped(path, key) == ([0, 3], [(1, "csv_row_width"), (2, "csv_row_width")])


def test_a_lost_quote_is_named(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "x.csv"
    path.write_text('text\na\n"b"x\nc\n"d\ne\nf\n', encoding="utf-8")
    assert skipped(path, key) == ([0, 2], [(1, "broken_csv"), (3, "broken_csv")])


def test_long_fields_are_read(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "x.csv"
    path.write_text(f'text\n"{"x" * 500_000}"\n', encoding="utf-8")
    (record,) = records.open(path, key=key)
    assert len(record.segments[0].text) == 500_000


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"text\nplain\n", "utf-8"),
        ("text\n你好，世界\n".encode(), "utf-8"),
        ("text\n你好，世界\n".encode("utf-8-sig"), "utf-8-sig"),
        ("text\n你好，世界\n".encode("gb18030"), "gb18030"),
        (b"text\n" + b"plain\n" * 400_000 + "你好".encode("gb18030"), "gb18030"),
        ("text\n你好，世界\n".encode() * 9 + b"\xff\n", "utf-8"),
    ],
)
def test_encodings(tmp_path: Path, data: bytes, encoding: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    assert tables.csv_encoding(path) == encoding


def test_a_broken_byte_costs_one_row(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("text\n你好，世界\n".encode() + b"\xff\xfe\n" + "再见\n".encode())
    assert skipped(path, key) == ([0, 2], [(1, "not_utf8")])


def test_parquet_rows_with_broken_text_are_skipped(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "x.parquet"
    broken = pa.array([b"good", b"\xff", b"fine"]).view(pa.string())
    pq.write_table(pa.table({"text": broken}), path)
    assert skipped(path, key) == ([0, 2], [(1, "parquet_value")])


def test_a_cut_parquet_file_is_refused(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["good"] * 100}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="parquet_broken"):
        records.open(path, key=key)


def test_parquet_under_another_name_is_recognised(tmp_path: Path, key: Key) -> None:
    path = tmp_path / "x.data"
    pq.write_table(pa.table({"text": ["good"]}), path)
    assert skipped(path, key) == ([0], [])
