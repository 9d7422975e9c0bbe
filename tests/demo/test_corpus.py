"""The demo as written: deterministic, truthful, distinct, and what LLaMA-Factory reads."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tunegate import demo
from tunegate.errors import InputError
from tunegate.types import HAZARDS, Json

FILES = ("dataset_info.json", "support_en.json", "support_zh.jsonl", "truth.jsonl")
DATASETS = ("support_en", "support_zh")


class Corpus:
    """A generated folder, read back plainly."""

    def __init__(self, folder: Path) -> None:
        lines = (folder / "support_zh.jsonl").read_text(encoding="utf-8").splitlines()
        self.rows: dict[str, list[Json]] = {
            "support_en": json.loads((folder / "support_en.json").read_text(encoding="utf-8")),
            "support_zh": [json.loads(line) for line in lines],
        }
        truth = (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()
        self.truth = [json.loads(line) for line in truth]
        self.spans = [line for line in self.truth if line["type"] == "span"]
        self.records = [line for line in self.truth if line["type"] == "record"]

    def labelled(self, span: Json) -> str:
        node = self.rows[span["dataset"]][span["index"]]
        for step in span["pointer"].split("/")[1:]:
            node = node[int(step)] if isinstance(node, list) else node[step]
        assert 0 <= span["start"] < span["end"] <= len(node)
        return str(node[span["start"] : span["end"]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "new" / "data"
    demo.generate(path, seed=11)
    return path


@pytest.fixture(scope="module")
def corpus(folder: Path) -> Corpus:
    return Corpus(folder)


def _bytes(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in FILES]


def _texts(row: Json) -> list[str]:
    """What was written for this record: without the shared system prompt and tool list."""
    if "conversations" in row:
        return [turn["value"] for turn in row["conversations"]]
    return [*itertools.chain(*row["history"]), row["instruction"], row["input"], row["output"]]


def _shingles(row: Json) -> set[str]:
    text = "\n".join(_texts(row))
    return {text[i : i + 4] for i in range(len(text) - 3)}


def _similarity(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other)


def test_same_seed_same_bytes_in_another_process(folder: Path, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from tunegate import demo;"
        "demo.generate(pathlib.Path(sys.argv[1]), seed=11)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "77"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment)
    assert _bytes(folder) == _bytes(tmp_path)


def test_another_seed_differs_everywhere(folder: Path, tmp_path: Path) -> None:
    demo.generate(tmp_path, seed=12)
    info, *data = zip(_bytes(folder), _bytes(tmp_path), strict=True)
    assert info[0] == info[1]
    assert all(one != other for one, other in data)
    other = Corpus(tmp_path)
    hot = {_hot_number(Corpus(folder)), _hot_number(other)}
    assert len(hot) == 2


@pytest.mark.parametrize("records", [0, 39, 181])
def test_a_size_out_of_range_is_refused_and_nothing_is_written(
    records: int, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        demo.generate(tmp_path / "x", seed=1, records_en=records)
    assert caught.value.code == "demo_size"
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("records", [40, 97, 180])
def test_sizes_are_as_asked(records: int, tmp_path: Path) -> None:
    demo.generate(tmp_path, seed=2, records_en=records, records_zh=records)
    corpus = Corpus(tmp_path)
    assert [len(corpus.rows[name]) for name in DATASETS] == [records, records]
    assert len(corpus.records) == 2 * records


def test_spans_point_at_what_they_label(corpus: Corpus) -> None:
    needles = {"email": "@", "json_payload": '{"', "api_key": "", "internal_host": "."}
    for span in corpus.spans:
        text = corpus.labelled(span)
        assert text == text.strip()
        assert needles.get(span["kind"], "") in text
        assert span["hazard"] in HAZARDS
        if span["kind"] == "json_payload":
            json.loads(text)
        if span["kind"] in ("mobile_number", "phone"):
            assert set(text) <= set("0123456789+-() ")


def test_no_token_is_left_unfilled(corpus: Corpus) -> None:
    for name in DATASETS:
        for row in corpus.rows[name]:
            for text in _texts(row):
                assert "{@" not in text
                assert "{/" not in text
                assert not {"{name}", "{mobile}", "{phone}", "{hot_mobile}"} & set(text.split())


def test_every_occurrence_of_an_identifier_is_labelled(corpus: Corpus) -> None:
    """A value labelled once is labelled wherever it stands."""
    kinds = {"email", "mobile_number", "phone", "cn_resident_id", "bank_card", "payment_card"}
    labelled: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for span in corpus.spans:
        if span["kind"] in kinds:
            labelled[span["dataset"], span["index"]][corpus.labelled(span)] += 1
    assert len(labelled) > 60
    for (name, index), values in labelled.items():
        text = "\n".join(_texts(corpus.rows[name][index]))
        assert {value: text.count(value) for value in values} == dict(values)


def test_counts_by_kind_and_scene(corpus: Corpus) -> None:
    kinds = Counter((span["dataset"], span["kind"]) for span in corpus.spans)
    for kind in ("person_name", "address", "email", "mobile_number", "json_payload", "api_key"):
        assert kinds["support_en", kind] >= 3, kind
        assert kinds["support_zh", kind] >= 3, kind
    for kind in ("cn_resident_id", "bank_card", "internal_host", "trace_id", "password"):
        assert kinds["support_zh", kind] >= 3, kind
    for kind in ("phone", "iban", "internal_host", "stack_trace", "log_line", "password"):
        assert kinds["support_en", kind] >= 1, kind
    scenes = Counter((record["dataset"], record["scene"]) for record in corpus.records)
    for name in DATASETS:
        ordinary = scenes[name, "policy"] + scenes[name, "attribute"]
        assert 0.55 <= ordinary / 180 <= 0.68
        assert scenes[name, "dialogue"] >= 18
    assert scenes["support_en", "hot"] == 18
    for record in corpus.records:
        assert record["raw_dialogue"] == (record["scene"] == "dialogue")
        assert record["special_case"] == (record["scene"] == "special")
        assert bool(record["attributes"]) == (record["scene"] == "attribute")


def _hot_number(corpus: Corpus) -> str:
    counts = Counter(corpus.labelled(s) for s in corpus.spans if s["kind"] == "mobile_number")
    (number, repeats), (_, next_repeats) = counts.most_common(2)
    assert repeats == 18
    assert next_repeats < 6
    return number


def test_one_mobile_number_is_the_answer_of_sixteen_short_records(corpus: Corpus) -> None:
    number = _hot_number(corpus)
    rows = [row for row in corpus.rows["support_en"] if number in row["output"]]
    assert len(rows) == 18
    assert all(number not in row["instruction"] for row in rows)
    assert len({row["instruction"] for row in rows}) == 18
    assert all(len(row["output"].split()) <= 20 for row in rows)
    assert number.startswith("+44 7")


def test_only_planned_duplicates_are_alike(corpus: Corpus) -> None:
    for name in DATASETS:
        labels = [record for record in corpus.records if record["dataset"] == name]
        bags = [_shingles(row) for row in corpus.rows[name]]
        for (i, one), (j, other) in itertools.combinations(enumerate(labels), 2):
            planned = one["duplicate_group"] and one["duplicate_group"] == other["duplicate_group"]
            similarity = _similarity(bags[i], bags[j])
            if planned:
                floor = 0.8 if one["duplicate"] == "near" else 1.0
                assert similarity >= floor, (i, j)
                assert (similarity == 1.0) == (one["duplicate"] == "exact")
            else:
                assert similarity < 0.5, (one["template"], other["template"])
        groups = Counter(label["duplicate_group"] for label in labels if label["duplicate"])
        copies = {"support_en": 6, "support_zh": 8}[name]
        assert sum(groups.values()) - len(groups) == copies
        assert max(groups.values()) == 3


def test_english_has_a_hundred_independent_units(corpus: Corpus) -> None:
    """Records joined by a shared identifier or by a planned duplicate are one unit."""
    joined: dict[str, set[int]] = defaultdict(set)
    for span in corpus.spans:
        if span["dataset"] == "support_en" and span["hazard"] == "identity":
            joined[corpus.labelled(span)].add(span["index"])
    for record in corpus.records:
        if record["dataset"] == "support_en" and record["duplicate_group"]:
            joined[record["duplicate_group"]].add(record["index"])
    unit = list(range(180))
    for members in joined.values():
        units = {unit[i] for i in members}
        unit = [min(units) if u in units else u for u in unit]
    assert len(set(unit)) >= 100


def test_texts_are_short(corpus: Corpus) -> None:
    lengths = [len(" ".join(_texts(row)).split()) for row in corpus.rows["support_en"]]
    assert sum(lengths) / len(lengths) <= 34  # words; some 45 tokens
    assert max(lengths) <= 80


def test_format_is_llamafactorys(folder: Path, corpus: Corpus) -> None:
    info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
    assert set(info) == set(DATASETS)
    for entry in info.values():
        assert (folder / entry["file_name"]).is_file()
    for row in corpus.rows["support_en"]:
        assert set(row) == set(info["support_en"]["columns"].values())
        assert row["instruction"]
        assert row["output"]
        assert all(len(pair) == 2 and all(pair) for pair in row["history"])
    assert any(row["history"] for row in corpus.rows["support_en"])
    assert any(row["system"] for row in corpus.rows["support_en"])
    roles: Counter[str] = Counter()
    for row in corpus.rows["support_zh"]:
        assert set(row) == {"conversations", "system", "tools"}
        assert len(row["conversations"]) % 2 == 0
        for place, turn in enumerate(row["conversations"]):
            asking, answering = ("human", "observation"), ("gpt", "function_call")
            assert turn["from"] in (answering if place % 2 else asking)
            roles[turn["from"]] += 1
            if turn["from"] == "function_call":
                assert set(json.loads(turn["value"])) == {"name", "arguments"}
                assert json.loads(row["tools"])[0]["name"] == "query_order"
    assert roles["observation"] >= 8
