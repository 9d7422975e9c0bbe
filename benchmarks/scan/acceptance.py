"""Labelled corpora held back for acceptance: again other domains, texts and values.

    python -m benchmarks.scan.acceptance FOLDER [--edition 1|2|3] [--seed 23] [--records 1500]

Travel, gyms, insurance, e-government, games, estate agents, vets, recruiters, telecoms, admissions
and more, as chat, tickets, forms, e-mails and tables, by people and by agents. Only identifiers
are labelled that have a form; a third of the templates (`neg-`) hold none, but much that looks
like one. Each edition was written without sight of the detectors or of the other corpora's texts,
and is not to be changed to suit a detector: correct only what is labelled wrongly. An edition says
most when it is read for the first time; each later one came when the misses of those before had
been mended. `truth.jsonl` has the demo's shape.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict

import yaml

from benchmarks.scan import (
    acceptance2_look_alikes,
    acceptance2_values,
    acceptance3_values,
    acceptance_look_alikes,
    acceptance_values,
)
from tunegate.demo.draw import Country, Draw, fakers
from tunegate.demo.fill import fill
from tunegate.demo.values import MAKERS, Maker, Values
from tunegate.types import Json

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGES = ("en", "zh")
_SHARED = ("name", "address", "date", "price")
_COUNTRIES: Mapping[str, tuple[Country, ...]] = {"en": ("US", "GB"), "zh": ("CN",)}
_ASKED: Mapping[str, tuple[str, ...]] = {
    "en": ("Summarise this for the shift lead.", "Reply to this.", "Which team should take it?"),
    "zh": ("帮我总结给值班主管。", "请回复这条消息。", "这个该转给哪个组？"),
}
_ANSWERED: Mapping[str, tuple[str, ...]] = {
    "en": ("Sure, passed on to the right team.", "Thanks, that is all I need."),
    "zh": ("好的，已转给对应的同事。", "收到，信息齐了。"),
}


class Edition(NamedTuple):
    """Where an edition's texts lie, and what makes its values."""

    name: str
    makers: Mapping[str, Maker]


EDITIONS: Mapping[int, Edition] = {
    1: Edition("acceptance", {**acceptance_values.LABELLED, **acceptance_look_alikes.LOOK_ALIKES}),
    2: Edition(
        "acceptance2", {**acceptance2_values.LABELLED, **acceptance2_look_alikes.LOOK_ALIKES}
    ),
    3: Edition("acceptance3", {**acceptance3_values.LABELLED, **acceptance3_values.LOOK_ALIKES}),
}


class Template(TypedDict):
    """One entry of a template file."""

    id: str
    text: str
    country: NotRequired[Country]


def templates(language: str, *, edition: int = 1) -> list[Template]:
    """The language's templates: `id`, `text` and, where it fits one only, `country`."""
    path = TEMPLATES / f"{EDITIONS[edition].name}_{language}.yaml"
    read: list[Template] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return read


def generate(folder: Path, *, seed: int, records: int = 1500, edition: int = 1) -> None:
    """Writes `dataset_info.json`, `front_desk_{en,zh}.jsonl` and `truth.jsonl`.

    Args:
        folder: Where to write; made when missing.
        seed: Chooses values and places; the same seed gives the same bytes.
        records: Size of both languages together; an odd one is dropped.
        edition: Which texts and values.
    """
    folder.mkdir(parents=True, exist_ok=True)
    truth: list[Json] = []
    info: dict[str, Json] = {}
    for language in LANGUAGES:
        dataset = f"front_desk_{language}"
        info[dataset] = {"file_name": f"{dataset}.jsonl"}
        rows, lines = _half(language, dataset, records // 2, seed=seed, edition=edition)
        truth += lines
        _write_lines(folder / f"{dataset}.jsonl", rows)
    (folder / "dataset_info.json").write_text(json.dumps(info, indent=2), encoding="utf-8")
    _write_lines(folder / "truth.jsonl", truth)


def _write_lines(path: Path, rows: list[Json]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def _half(
    language: str, dataset: str, count: int, *, seed: int, edition: int
) -> tuple[list[Json], list[Json]]:
    """Records of one language, every template equally often, and what is true of them."""
    book = templates(language, edition=edition)
    rng = random.Random(f"{EDITIONS[edition].name}/{language}/{seed}")
    names = fakers()
    makers = {**{name: MAKERS[name] for name in _SHARED}, **EDITIONS[edition].makers}
    rows: list[Json] = []
    truth: list[Json] = []
    for index in range(count):
        template = book[index % len(book)]
        fixed = "country" in template
        country = template["country"] if fixed else rng.choice(_COUNTRIES[language])
        values = Values(Draw(rng, names, country), makers=makers)
        text, spans = fill(template["text"].strip(), values)
        row, pointer = _place(language, text, rng)
        rows.append(row)
        place: Json = {"dataset": dataset, "index": index}
        truth.append({"type": "record", **place, "template": template["id"]})
        truth += [{"type": "span", **place, "pointer": pointer, **span._asdict()} for span in spans]
    return rows, truth


def _place(language: str, text: str, rng: random.Random) -> tuple[Json, str]:
    """The text as what the user says, as what they paste, or as the answer."""
    asked, answered = rng.choice(_ASKED[language]), rng.choice(_ANSWERED[language])
    field = rng.choice(["instruction", "input", "output"])
    row = {"instruction": asked, "input": "", "output": answered, field: text}
    return row, f"/{field}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--edition", type=int, choices=list(EDITIONS), default=1)
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument("--records", type=int, default=1500)
    given = parser.parse_args()
    generate(given.folder, seed=given.seed, records=given.records, edition=given.edition)


if __name__ == "__main__":
    main()
