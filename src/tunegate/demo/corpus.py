"""Writes the demo: a LLaMA-Factory data folder and the truth about it.

Two datasets of one invented company's support desk: `support_en` (alpaca, a JSON array) and
`support_zh` (sharegpt, JSONL, with function calls and observations). Most records are ordinary
policy answers in several wordings; the rest is what must not be trained on. One habit is *hot*:
one person's mobile number answers many English questions, so that a model learns to recite it.

`truth.jsonl` holds two types of line. `span`: {dataset, index, hazard, kind, pointer, start, end}
with code-point offsets into the text at the JSON pointer. `record`: {dataset, index, template,
scene, raw_dialogue, special_case, duplicate, duplicate_group, attributes}. `index` counts from 0.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import yaml
from faker import Faker

from tunegate.demo.draw import Country, Draw, fakers
from tunegate.demo.fill import Span, Value, fill
from tunegate.demo.values import Values
from tunegate.errors import InputError
from tunegate.types import Json, Noun

Language = Literal["en", "zh"]

LEAST, MOST = 40, 180  # beyond MOST, templates would repeat: duplicates that nobody planned
_COUNTRIES: Mapping[Language, tuple[Country, ...]] = {"en": ("US", "GB"), "zh": ("CN",)}
_MIX: Mapping[Language, Mapping[str, int]] = {  # of MOST; the rest is policy
    "en": {
        "attribute": 10, "dialogue": 18, "internal": 12, "special": 8, "secret": 6,
        "hot": 18, "duplicate": 6,
    },
    "zh": {"attribute": 10, "dialogue": 22, "internal": 21, "special": 11, "secret": 8,
           "duplicate": 8},
}  # fmt: skip
_CLOSING: Mapping[Language, str] = {"en": " Thank you.", "zh": "感谢理解。"}
_SYSTEM_SHARE = 0.15
_INFO: Json = {
    "support_en": {
        "file_name": "support_en.json",
        "columns": {
            "prompt": "instruction",
            "query": "input",
            "response": "output",
            "system": "system",
            "history": "history",
        },
    },
    "support_zh": {
        "file_name": "support_zh.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "system": "system", "tools": "tools"},
    },
}


class Template(Noun, frozen=True, kw_only=True):
    """One record before it is filled; `turns` are (role, text) pairs that end with the answer."""

    id: str
    scene: str
    turns: tuple[tuple[str, str], ...]
    input: str = ""
    attributes: Mapping[str, str] = {}


class Sample(Noun, frozen=True, kw_only=True):
    """One filled record with what is true of it; `duplicate` is `exact`, `near` or empty."""

    template: Template
    raw: Json
    spans: tuple[tuple[str, Span], ...]
    duplicate: str = ""
    duplicate_group: str = ""


def generate(folder: Path, *, seed: int, records_en: int = MOST, records_zh: int = MOST) -> None:
    """Writes `dataset_info.json`, both datasets and `truth.jsonl` into `folder`.

    The same seed gives the same bytes.

    Args:
        folder: Where to write; made when missing.
        seed: Chooses templates, people and numbers.
        records_en: Size of `support_en`, 40 to 180.
        records_zh: Size of `support_zh`, 40 to 180.

    Raises:
        InputError: A size is out of range.
    """
    for records in (records_en, records_zh):
        if not LEAST <= records <= MOST:
            raise InputError("demo_size", records=records, least=LEAST, most=MOST)
    names = fakers()
    english = _samples("en", records_en, seed=seed, names=names)
    chinese = _samples("zh", records_zh, seed=seed, names=names)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "dataset_info.json", json.dumps(_INFO, indent=2) + "\n")
    array = json.dumps([sample.raw for sample in english], ensure_ascii=False, indent=1)
    _write(folder / "support_en.json", array + "\n")
    _write(folder / "support_zh.jsonl", _lines([sample.raw for sample in chinese]))
    truth = [*truth_lines("support_en", english), *truth_lines("support_zh", chinese)]
    _write(folder / "truth.jsonl", _lines(truth))


def truth_lines(dataset: str, samples: Sequence[Sample]) -> list[Json]:
    """What is true of each sample, as the lines of `truth.jsonl`."""
    lines: list[Json] = []
    for index, sample in enumerate(samples):
        place = {"dataset": dataset, "index": index}
        scene = sample.template.scene
        lines.append(
            {"type": "record", **place, "template": sample.template.id, "scene": scene}
            | {"raw_dialogue": scene == "dialogue", "special_case": scene == "special"}
            | {"duplicate": sample.duplicate, "duplicate_group": sample.duplicate_group}
            | {"attributes": dict(sample.template.attributes)}
        )
        lines.extend(
            {"type": "span", **place, "pointer": pointer, **span._asdict()}
            for pointer, span in sample.spans
        )
    return lines


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _lines(rows: Sequence[Json]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _templates(book: Json) -> dict[str, list[Template]]:
    """The templates of a language by scene."""
    wordings = [(p["id"], "policy", p["pairs"]) for p in book["policy"]]
    if "hot" in book:
        wordings.append(("hot", "hot", book["hot"]["pairs"]))
    scenes: dict[str, list[Template]] = {}
    for name, scene, pairs in wordings:
        for number, (question, answer) in enumerate(pairs, start=1):
            turns = (("human", question), ("gpt", answer))
            scenes.setdefault(scene, []).append(
                Template(id=f"{name}/{number}", scene=scene, turns=turns)
            )
    for scene in ("attribute", "dialogue", "internal", "special", "secret"):
        scenes[scene] = [
            Template(
                id=entry["id"],
                scene=scene,
                turns=_turns(entry["turns"]),
                input=entry.get("input", ""),
                attributes=entry.get("attributes", {}),
            )
            for entry in book[scene]
        ]
    return scenes


def _turns(entries: Sequence[Json]) -> tuple[tuple[str, str], ...]:
    """Bare texts alternate between the two speakers; a mapping names its role."""
    turns: list[tuple[str, str]] = []
    for place, entry in enumerate(entries):
        role, text = (
            next(iter(entry.items()))
            if isinstance(entry, dict)
            else (("human", "gpt")[place % 2], entry)
        )
        turns.append((role, text))
    return tuple(turns)


def _samples(
    language: Language, count: int, *, seed: int, names: Mapping[str, Faker]
) -> list[Sample]:
    path = Path(__file__).parent / "templates" / f"{language}.yaml"
    book = yaml.safe_load(path.read_text(encoding="utf-8"))
    rng = random.Random(f"tunegate-demo/{language}/{seed}")
    mix = {scene: round(share * count / MOST) for scene, share in _MIX[language].items()}
    copies = mix.pop("duplicate")
    mix["policy"] = count - copies - sum(mix.values())
    chosen: list[Template] = []
    for scene, templates in _templates(book).items():
        chosen += rng.sample(templates, mix[scene])
    rng.shuffle(chosen)
    fixed = _fixed(book, rng, names)
    originals: list[Sample] = []
    for template in chosen:
        draw = Draw(rng, names, rng.choice(_COUNTRIES[language]))
        system = rng.choice(book["system"]) if rng.random() < _SYSTEM_SHARE else ""
        record = _Filler(Values(draw, fixed=fixed))
        raw = (
            record.alpaca(template, system=system)
            if language == "en"
            else record.sharegpt(template, system=system, tools=book["tools"])
        )
        originals.append(Sample(template=template, raw=raw, spans=tuple(record.spans)))
    return _duplicated(originals, copies, language=language, rng=rng)


def _fixed(book: Json, rng: random.Random, names: Mapping[str, Faker]) -> dict[str, Value]:
    """What all records of a corpus share: the company's terms and the hot contact."""
    fixed = {token: Value(rng.choice(options)) for token, options in book["facts"].items()}
    if "hot" in book:
        contact = Values(Draw(rng, names, "GB"))
        fixed["hot_name"] = contact("name", "", "")
        fixed["hot_mobile"] = contact("uk_mobile", "", "intl")
    return fixed


class _Filler:
    """Fills one record's template; gathers the spans with their pointers."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.spans: list[tuple[str, Span]] = []

    def text(self, pointer: str, template: str) -> str:
        text, spans = fill(template, self._values)
        self.spans += [(pointer, span) for span in spans]
        return text

    def alpaca(self, template: Template, *, system: str) -> Json:
        texts = [text for _, text in template.turns]
        earlier = [texts[i : i + 2] for i in range(0, len(texts) - 2, 2)]
        return {
            "instruction": self.text("/instruction", texts[-2]),
            "input": self.text("/input", template.input),
            "output": self.text("/output", texts[-1]),
            "system": system,
            "history": [
                [self.text(f"/history/{i}/{j}", text) for j, text in enumerate(pair)]
                for i, pair in enumerate(earlier)
            ],
        }

    def sharegpt(self, template: Template, *, system: str, tools: str) -> Json:
        called = any(role == "function_call" for role, _ in template.turns)
        return {
            "conversations": [
                {"from": role, "value": self.text(f"/conversations/{i}/value", text)}
                for i, (role, text) in enumerate(template.turns)
            ],
            "system": system,
            "tools": tools if called else "",
        }


def _duplicated(
    originals: list[Sample], copies: int, *, language: Language, rng: random.Random
) -> list[Sample]:
    """Plants `copies` duplicates: one answer thrice, the longest dialogues twice, half reworded."""
    policies = [i for i, s in enumerate(originals) if s.template.scene == "policy"]
    dialogues = [i for i, s in enumerate(originals) if s.template.scene == "dialogue"]
    longest = sorted(dialogues, key=lambda i: (-len(str(originals[i].raw)), i))
    longest = longest[: max(0, copies - 2)]
    thrice = rng.choice(policies)
    planted: list[Sample] = []
    reworded = longest[: len(longest) // 2]  # long enough to stay near after a closing word
    for source in [thrice, thrice, *longest][:copies]:
        original = originals[source]
        kind = "near" if source in reworded else "exact"
        raw = _reworded(original.raw, language) if kind == "near" else original.raw
        labels = {"duplicate": kind, "duplicate_group": f"{language}-{source}"}
        originals[source] = msgspec.structs.replace(original, **labels)
        planted.append(msgspec.structs.replace(original, raw=raw, **labels))
    for sample in planted:
        originals.insert(rng.randrange(len(originals) + 1), sample)
    return originals


def _reworded(raw: Json, language: Language) -> Json:
    """The same record with a closing word: what was labelled stays where it was."""
    changed = copy.deepcopy(raw)
    if language == "en":
        changed["output"] += _CLOSING[language]
    else:
        changed["conversations"][-1]["value"] += _CLOSING[language]
    return changed
