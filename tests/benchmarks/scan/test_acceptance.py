"""The acceptance corpus: deterministic, truthful, valid in form, and apart from the others."""

from __future__ import annotations

import ipaddress
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import phonenumbers
import pytest
import yaml
from stdnum import iban, imei, luhn, mac
from stdnum.cn import ric, uscc
from stdnum.us import ssn

from benchmarks.scan import acceptance
from tunegate.types import Json

TEMPLATES = Path(acceptance.__file__).parent / "templates"
DEMO = Path(__file__).parents[3] / "src" / "tunegate" / "demo" / "templates"


def _digits(text: str) -> str:
    return text.replace(" ", "").replace("-", "")


def _is_phone(text: str) -> bool:
    number = text.replace("(0)", "")
    number = "+" + number[2:] if number.startswith("00") else number
    regions = ("US", "GB", "CN")
    return any(phonenumbers.is_valid_number(phonenumbers.parse(number, area)) for area in regions)


def _is_address(text: str) -> bool:
    return ipaddress.ip_address(text).is_global


VALID: Mapping[str, Callable[[str], bool]] = {
    # The checksum only: stdnum also wants the region to have existed at birth, but people carry
    # the region in which their number was issued.
    "cn_resident_id": lambda text: ric.calc_check_digit(text) == text[-1],
    "cn_uscc": uscc.is_valid,
    "bank_card": lambda text: luhn.is_valid(_digits(text)),
    "payment_card": lambda text: luhn.is_valid(_digits(text)),
    "mobile_number": _is_phone,
    "phone": _is_phone,
    "iban": iban.is_valid,
    "imei": lambda text: imei.validate(text) is not None and len(_digits(text)) == 15,
    "ip_address": _is_address,
    "mac_address": lambda text: mac.is_valid(text) or text.count(".") == 2,
    "us_ssn": lambda text: ssn.is_valid(text.replace(" ", "-")),
    "email": lambda text: text.isascii() and text.count("@") == 1 and " " not in text,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("acceptance")
    acceptance.generate(path, seed=5, records=640)
    return path


def _lines(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _spans(folder: Path) -> list[tuple[Json, str]]:
    """Every labelled span with its text."""
    rows = {
        f"front_desk_{language}": _lines(folder / f"front_desk_{language}.jsonl")
        for language in acceptance.LANGUAGES
    }
    return [
        (line, rows[line["dataset"]][line["index"]][line["pointer"][1:]])
        for line in _lines(folder / "truth.jsonl")
        if line["type"] == "span"
    ]


def test_same_seed_same_bytes(folder: Path, tmp_path: Path) -> None:
    acceptance.generate(tmp_path / "same", seed=5, records=640)
    acceptance.generate(tmp_path / "other", seed=6, records=640)
    for name in ("front_desk_en.jsonl", "front_desk_zh.jsonl", "truth.jsonl"):
        assert (folder / name).read_bytes() == (tmp_path / "same" / name).read_bytes()
        assert (folder / name).read_bytes() != (tmp_path / "other" / name).read_bytes()


def test_every_label_points_at_a_valid_value_of_its_kind(folder: Path) -> None:
    kinds: Counter[str] = Counter()
    for line, whole in _spans(folder):
        text = unicodedata.normalize("NFKC", whole[line["start"] : line["end"]])
        assert text
        assert text == text.strip()
        assert VALID.get(line["kind"], bool)(text), (line["kind"], line["index"])
        kinds[line["kind"]] += 1
    assert set(VALID) < set(kinds)
    assert min(kinds.values()) >= 5
    assert len(kinds) >= 20


def test_labels_do_not_overlap(folder: Path) -> None:
    ends: dict[tuple[str, int], int] = {}
    for line, _ in _spans(folder):
        place = line["dataset"], line["index"]
        assert line["start"] >= ends.get(place, 0)
        ends[place] = line["end"]


def test_look_alikes_are_unlabelled_and_a_third(folder: Path) -> None:
    lines = _lines(folder / "truth.jsonl")
    labelled = {(line["dataset"], line["index"]) for line in lines if line["type"] == "span"}
    made = [line for line in lines if line["type"] == "record"]
    for line in made:
        is_look_alike = line["template"].startswith("neg-")
        assert ((line["dataset"], line["index"]) in labelled) != is_look_alike, line["template"]
    assert sum(line["template"].startswith("neg-") for line in made) >= 0.3 * len(made)


@pytest.mark.parametrize("language", acceptance.LANGUAGES)
def test_templates_are_seventy_and_of_no_other_corpus(language: str) -> None:
    book = acceptance.templates(language)
    assert len(book) >= 70
    assert len({entry["id"] for entry in book}) == len(book)
    demo = (DEMO / f"{language}.yaml").read_text(encoding="utf-8")
    heldout = yaml.safe_load((TEMPLATES / f"{language}.yaml").read_text(encoding="utf-8"))
    others = {entry["text"].strip() for entry in heldout}
    assert not [
        entry["id"] for entry in book if entry["text"] in demo or entry["text"].strip() in others
    ]
