"""Column heads and labels in lines above: found in every dialect, never from another column."""

from __future__ import annotations

import csv
import io
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunegate.scan.labels import Labels

HEADS = ["name", "passport", "出生日期", "phone"]
ROWS = [["Li Ming", "E1", "1990-02-03", "91"], ["Anna", "E2", "12 March 1990", "92"]]


def label(text: str, value: str) -> str | None:
    start = text.index(value)
    found = Labels(text).of(start, start + len(value))
    return found.text if found else None


def joined(mark: str) -> str:
    return "\n".join(mark.join(row) for row in [HEADS, *ROWS])


TABLES = {
    "comma": joined(","),
    "comma and space": joined(", "),
    "Chinese comma": joined("，"),
    "semicolon": joined(";"),
    "tab": joined("\t"),
    "bare pipes": joined(" | "),
    "gaps": joined("   "),
    "windows lines": joined(",").replace("\n", "\r\n"),
    "prose around": "Here is the list, sorry for the wait!\n" + joined(",") + "\nThanks, Anna",
    "markdown": "\n".join(
        ["| " + " | ".join(HEADS) + " |", "|---|:--:|---|---|"]
        + ["| " + " | ".join(row) + " |" for row in ROWS]
    ),
    "quoted markdown": "\n".join("> | " + " | ".join(row) + " |" for row in [HEADS, *ROWS]),
    "psql": " a | b\n " + joined(" | ").replace("phone\n", "phone\n-----+----+-----+----\n "),
    "sql": "INSERT INTO guest ("
    + ", ".join(HEADS)
    + ")\nVALUES\n  "
    + ",\n  ".join("(" + ", ".join(f"'{cell}'" for cell in row) + ")" for row in ROWS)
    + ";",
    "sql in one line": "insert into `guest`("  # noqa: S608
    + ",".join(f"`{head}`" for head in HEADS)
    + ") values "
    + ",".join("(" + ",".join(f"'{cell}'" for cell in row) + ")" for row in ROWS),
    "json": json.dumps([HEADS, *ROWS], ensure_ascii=False),
    "json lines": "[\n  " + ",\n  ".join(json.dumps(r, ensure_ascii=False) for r in [HEADS, *ROWS]),
    "json columns": json.dumps({"columns": HEADS, "rows": ROWS}, ensure_ascii=False),
    "json columns, indented": json.dumps({"columns": HEADS}, ensure_ascii=False)[:-1]
    + ',\n "data": [\n  '
    + ",\n  ".join(json.dumps(row) for row in ROWS),
}


@pytest.mark.parametrize("dialect", TABLES)
def test_every_value_has_the_head_of_its_column(dialect: str) -> None:
    text = TABLES[dialect]
    for row in ROWS:
        assert [label(text, cell) for cell in row[1:]] == HEADS[1:], row


CELL = st.text(st.sampled_from('ab 汉,;|"'), min_size=1, max_size=8).map(lambda cell: f"x{cell}x")


@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=4), st.sampled_from(",;\t"))
def test_what_is_quoted_parts_no_cells(rows: list[tuple[str, str]], delimiter: str) -> None:
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["first", "second", "third"])
    for number, row in enumerate(rows):
        writer.writerow([row[0], f"v{1000 + number}", row[1]])
    for number in range(len(rows)):
        assert label(file.getvalue(), f"v{1000 + number}") == "second"


@given(st.text(st.sampled_from('ab1汉,|;\t\n" []:-'), max_size=200), st.data())
def test_any_text_has_labels_of_its_own_only(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    found = Labels(text).of(start, end)
    if found is not None:
        assert found.floor <= start
        assert all(word in text[:start] for word in found.text.split())


def test_a_head_is_no_further_than_its_block_and_never_below_its_column() -> None:
    assert label("name,dob\n\nAnna,1990", "1990") is None
    assert label("Anna,1990\nname,dob", "1990") is None
    assert label("name,dob\nAnna,1990,extra", "1990") is None


def test_a_delimiter_in_a_value_is_its_own_and_joins_two_columns() -> None:
    assert label("name,dob,city\nAnna,March 12, 1990,Leeds", "March 12, 1990") == "dob"
    assert label("lat,lng,city\n39.90,116.40,Beijing", "39.90,116.40") == "lat lng"


def test_rows_of_one_block_keep_the_head_of_their_own_width() -> None:
    text = "guests, final list:\nname,passport,dob\nLi,E1,1990\nBob,pending\nWang,E2,1991"
    assert label(text, "E2") == "passport"


@pytest.mark.parametrize(
    "text",
    [
        "Please bring your passport, and the form.\nWe close at 5, thanks",
        "dob, passport\nThe goods that we shipped on 1990, thanks",
        "2024,dob\nAnna,1990",
        "a@b.cn,dob\nAnna,1990",
        "just one line, 1990",
    ],
)
def test_prose_and_data_head_nothing(text: str) -> None:
    value = "1990" if "1990" in text else "5"
    assert label(text, value) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Passport number\nE4021", "Passport number"),
        ("护照号码：\n\nE4021", "护照号码"),
        ("**Passport**\n`E4021`", "Passport"),
        ("Passports:\n- G2021\n- E4021 (Anna)", "Passports"),
        (
            "Passports of the group, as asked:\n1. Li Ming: G2021\n2. Anna Roe: E4021",
            "Passports of the group, as asked",
        ),
        ("护照号：\n李明：G2021\n王芳：E4021", "护照号"),
        ("Passport\nE3921\nPart\nE4021", "Part"),
        ("Passport\nthe part was E4021 after all", None),
        ("Passport\n\n\nE4021", None),
        ("Passport\n" + "long " * 40 + "\nE4021", None),
    ],
)
def test_a_label_alone_in_a_line_above(text: str, expected: str | None) -> None:
    assert label(text, "E4021") == expected


def test_a_comma_in_a_string_of_sql_parts_no_cells() -> None:
    text = "INSERT INTO t (name, dob) VALUES ('O''Brien, Pat', '1990'), ('Roe', '1991')"
    assert [label(text, year) for year in ("1990", "1991")] == ["dob", "dob"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Agent: Thanks. And your date of birth?\nCaller: 1990", "And your date of birth?"),
        ("[09:14] Bot: Your passport number, please.\n[09:15] Anna: Sure, it's 1990.",
         "Your passport number, please."),
        ("**Desk**: May I have the IMEI? It's on the box.\n\n**Guest**: 1990",
         "May I have the IMEI?"),
        ("客服：请提供出生年月日。\n客户：1990年", "请提供出生年月日。"),
        ("Date of birth, please?\n1990", "Date of birth, please?"),
        ("Agent: And your date of birth?\nAgent: 1990", None),
        ("Agent: And your date of birth?\nCaller: we moved in March 1990 after all", None),
        ("Agent: And your date of birth?\nCaller: sorry?\nCaller: 1990", None),
        ("Missing: date of birth\nReceived: 1990", None),
        ("Your date of birth is needed.\n- order of 1990", None),
    ],
)  # fmt: skip
def test_a_question_labels_the_answer(text: str, expected: str | None) -> None:
    value = "1990年" if "1990年" in text else "1990"
    assert label(text, value) == expected


def test_what_another_speaker_asked_labels_the_first_row() -> None:
    labels = Labels("1990, thanks\n1991", asked="Hello!\nWhat is your date of birth?")
    assert labels.of(0, 4) == ("What is your date of birth?", 0, True)
    assert labels.of(13, 17) is None


def test_the_labels_of_a_form_are_no_names_in_a_list() -> None:
    assert label("Dates of birth:\nAnna Roe: 1990", "1990") == "Dates of birth"
    assert label("Date of birth:\nOrder Date: 1990", "1990") is None
    assert label("生日：\n李明：1990", "1990") == "生日"
    assert label("生日：\n下单：1990", "1990") is None


@pytest.mark.parametrize(
    "piece",
    [
        "E1,2\n",
        "name,dob\n",
        "],[",
        "] , ",
        "'",
        "('a','",
        "), (",
        "a: b?\n",
        "请报：",
        '"',
        "a,",
        "|",
        "A B ",
        "Passport:\n",
    ],
)
def test_hostile_text_takes_linear_time(piece: str) -> None:
    text = "name,dob\n" + piece * (300_000 // len(piece))
    labels = Labels(text)
    start = time.perf_counter()
    for place in range(0, len(text), 300):
        labels.of(place, place + 1)
    assert time.perf_counter() - start < 5
