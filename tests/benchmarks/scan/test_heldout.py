"""The benchmark's held-out corpus: deterministic, truthful, and written apart from the demo's."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from benchmarks.scan import heldout
from tunegate.types import Json

DEMO = Path(__file__).parents[3] / "src" / "tunegate" / "demo" / "templates"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("heldout")
    heldout.generate(path, seed=5, records=400)
    return path


def _lines(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_same_seed_same_bytes(folder: Path, tmp_path: Path) -> None:
    heldout.generate(tmp_path / "same", seed=5, records=400)
    heldout.generate(tmp_path / "other", seed=6, records=400)
    for name in ("office_en.json", "office_zh.jsonl", "truth.jsonl"):
        assert (folder / name).read_bytes() == (tmp_path / "same" / name).read_bytes()
        assert (folder / name).read_bytes() != (tmp_path / "other" / name).read_bytes()


def test_spans_point_into_their_records(folder: Path) -> None:
    rows = {
        "office_en": json.loads((folder / "office_en.json").read_text(encoding="utf-8")),
        "office_zh": _lines(folder / "office_zh.jsonl"),
    }
    truth = _lines(folder / "truth.jsonl")
    assert [len(part) for part in rows.values()] == [200, 200]
    looks = {"email": "@", "iban": "", "jwt": "eyJ", "connection_string": "://"}
    kinds: Counter[str] = Counter()
    for line in truth:
        if line["type"] == "record":
            continue
        node = rows[line["dataset"]][line["index"]]
        for step in line["pointer"].split("/")[1:]:
            node = node[int(step)] if isinstance(node, list) else node[step]
        text = node[line["start"] : line["end"]]
        assert text
        assert text == text.strip()
        assert looks.get(line["kind"], "") in text
        kinds[line["kind"]] += 1
    assert len(kinds) >= 25


def test_look_alikes_are_unlabelled_and_many(folder: Path) -> None:
    truth = _lines(folder / "truth.jsonl")
    templates = {
        (line["dataset"], line["index"]): line["template"]
        for line in truth
        if line["type"] == "record"
    }
    labelled = {(line["dataset"], line["index"]) for line in truth if line["type"] == "span"}
    for place, template in templates.items():
        assert (place in labelled) == (not template.startswith("neg-")), template
    assert sum(template.startswith("neg-") for template in templates.values()) >= 100


@pytest.mark.parametrize("language", ["en", "zh"])
def test_templates_are_sixty_and_not_the_demos(language: str) -> None:
    path = heldout.TEMPLATES / f"{language}.yaml"
    templates = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert len(templates) >= 60
    assert len({entry["id"] for entry in templates}) == len(templates)
    book = (DEMO / f"{language}.yaml").read_text(encoding="utf-8")
    assert not [entry["id"] for entry in templates if entry["text"] in book]
