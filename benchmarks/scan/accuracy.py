"""Recall and precision of `tunegate.scan` on the labelled corpora.

    python -m benchmarks.scan.accuracy [--corpus NAME]… [--seed N] [--check]

A labelled span is found when a finding of the same family overlaps it with IoU ≥ 0.8; a finding
is right when it so overlaps a label. Kinds that only differ by who issued the number form one
family (phones, cards); all secrets are one family, since tools name them differently. A host or
trace id inside a labelled payload, log line or secret belongs to it and is not scored apart;
identifiers always are. The acceptance corpora score structured identifiers only. Values drawn
for one template are alike, so the 95 % intervals are clustered by template. Misses and false
alarms are listed by template and shape, never by their text. `--check` exits with 1 when recall
or precision of the structured identifiers is below 0.95 anywhere.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from scipy.stats import beta, t

from benchmarks.scan import acceptance, heldout
from tunegate import demo, keys, records
from tunegate.scan import scan
from tunegate.types import Finding, Json, Record

MIN_IOU = 0.8
GOAL = 0.95
_KEY = keys.Key(b"benchmark key, guards nothing at all")
_FAMILY: Mapping[str, str] = {
    "mobile_number": "phone",
    "phone": "phone",
    "bank_card": "card",
    "payment_card": "card",
    "json_payload": "passage",
    "stack_trace": "passage",
    "log_line": "passage",
}
_UNSTRUCTURED = ("person_name", "address")
_GROUPS = ("structured", "secret", "internal", "unstructured")
_GENERATORS: Mapping[str, tuple[Callable[..., None], int]] = {
    "demo": (demo.generate, 1),
    "heldout": (heldout.generate, 7),
    "acceptance": (acceptance.generate, 23),
    "acceptance2": (partial(acceptance.generate, edition=2), 29),
    "acceptance3": (partial(acceptance.generate, edition=3), 31),
}


@dataclass(frozen=True)
class Place:
    """One segment of one record."""

    dataset: str
    index: int
    pointer: str


@dataclass(frozen=True)
class Mark:
    """A labelled span or a finding, with what judging it needs."""

    place: Place
    hazard: str
    kind: str
    start: int
    end: int
    template: str = ""
    found: bool = False

    @property
    def family(self) -> str:
        return "secret" if self.hazard == "secret" else _FAMILY.get(self.kind, self.kind)

    @property
    def group(self) -> str:
        if self.hazard == "identity":
            return "unstructured" if self.kind in _UNSTRUCTURED else "structured"
        return "secret" if self.hazard == "secret" else "internal"


def _iou(one: Mark, other: Mark) -> float:
    shared = min(one.end, other.end) - max(one.start, other.start)
    return max(0, shared) / (max(one.end, other.end) - min(one.start, other.start))


def _matched(marks: Iterable[Mark], others: Iterable[Mark]) -> list[Mark]:
    """`marks`, each with whether one of `others` says the same."""
    there: dict[Place, list[Mark]] = defaultdict(list)
    for other in others:
        there[other.place].append(other)
    return [
        replace(
            mark,
            found=any(
                mark.family == other.family and _iou(mark, other) >= MIN_IOU
                for other in there[mark.place]
            ),
        )
        for mark in marks
    ]


def _apart(marks: Iterable[Mark], labels: Iterable[Mark]) -> list[Mark]:
    """`marks` without the internal fields that lie inside a labelled passage or secret."""
    wholes: dict[Place, list[Mark]] = defaultdict(list)
    for label in labels:
        if label.family in ("passage", "secret"):
            wholes[label.place].append(label)
    return [
        mark
        for mark in marks
        if mark.group != "internal"
        or mark.family == "passage"
        or not any(
            whole.start <= mark.start and mark.end <= whole.end for whole in wholes[mark.place]
        )
    ]


def _index(source: Record | Finding) -> int:
    place = source.source
    if place.index is not None:
        return place.index
    assert place.line is not None
    return place.line - 1


@dataclass(frozen=True)
class Corpus:
    """A corpus with its labels and findings, matched with each other."""

    name: str
    labels: Sequence[Mark]
    findings: Sequence[Mark]
    texts: Mapping[Place, str]


def measure(name: str, folder: Path) -> Corpus:
    """Scans a generated folder and matches findings with labels; keeps the groups it scores."""
    dataset = records.open(folder, key=_KEY)
    texts = {
        Place(record.source.dataset, _index(record), segment.pointer): segment.text
        for record in dataset
        for segment in record.segments
    }
    truth: list[Json] = [
        json.loads(line) for line in (folder / "truth.jsonl").read_text("utf-8").splitlines()
    ]
    template = {
        (line["dataset"], line["index"]): line["template"]
        for line in truth
        if line["type"] == "record"
    }
    labels = [
        Mark(
            place=Place(line["dataset"], line["index"], line["pointer"]),
            template=template[line["dataset"], line["index"]],
            hazard=line["hazard"],
            kind=line["kind"],
            start=line["start"],
            end=line["end"],
        )
        for line in truth
        if line["type"] == "span"
    ]
    found = [
        Mark(
            place=Place(finding.source.dataset, _index(finding), finding.field),
            template=template[finding.source.dataset, _index(finding)],
            hazard=finding.hazard,
            kind=finding.kind,
            start=finding.start,
            end=finding.end,
        )
        for finding in scan(dataset, key=_KEY)
        if finding.hazard in ("identity", "secret", "internal_return")
    ]
    scored = ("structured",) if name.startswith("acceptance") else _GROUPS
    return Corpus(
        name=name,
        labels=[mark for mark in _apart(_matched(labels, found), labels) if mark.group in scored],
        findings=[mark for mark in _apart(_matched(found, labels), labels) if mark.group in scored],
        texts=texts,
    )


def _interval(marks: Sequence[Mark]) -> tuple[float, float]:
    """The share found, 95 % interval for marks that are alike within their template.

    Clopper–Pearson at the effective number of marks that the spread between templates leaves
    (Korn and Graubard 1998, Survey Methodology 24:193-201). When all are found or none, there is
    no spread to judge by: then a whole template counts as one mark, the worst case.
    """
    templates: dict[str, list[bool]] = defaultdict(list)
    for mark in marks:
        templates[mark.template].append(mark.found)
    size, many = len(marks), len(templates)
    share = sum(mark.found for mark in marks) / size
    effective = float(many)
    if 0 < share < 1 and many > 1:
        spread = sum((sum(found) - share * len(found)) ** 2 for found in templates.values())
        variance = many / (many - 1) * spread / size**2
        few = (t.ppf(0.975, size - 1) / t.ppf(0.975, many - 1)) ** 2
        effective = min(size, few * share * (1 - share) / variance) if variance else size
    right, wrong = share * effective, (1 - share) * effective
    low = float(beta.ppf(0.025, right, wrong + 1)) if right else 0.0
    return low, float(beta.ppf(0.975, right + 1, wrong)) if wrong else 1.0


def _share(marks: Sequence[Mark]) -> str:
    if not marks:
        return f"{'—':>26}"
    right = sum(mark.found for mark in marks)
    low, high = _interval(marks)
    return f"{right:5d}/{len(marks):<5d}{right / len(marks):6.3f} [{low:.3f}, {high:.3f}]"


def _table(corpus: Corpus, language: str) -> None:
    labels = [mark for mark in corpus.labels if mark.place.dataset.endswith(language)]
    findings = [mark for mark in corpus.findings if mark.place.dataset.endswith(language)]
    print(f"\n{corpus.name}, {language}")
    print(f"  {'':<22}{'recall':^34}{'precision':^34}")
    for group in _GROUPS:
        wanted = [mark for mark in labels if mark.group == group]
        got = [mark for mark in findings if mark.group == group]
        if not wanted and not got:
            continue
        print(f"  {group.upper():<22}{_share(wanted):<34}{_share(got):<34}")
        for kind in sorted({mark.kind for mark in (*wanted, *got)}):
            recall = _share([mark for mark in wanted if mark.kind == kind])
            precision = _share([mark for mark in got if mark.kind == kind])
            print(f"    {kind:<20}{recall:<34}{precision:<34}")


def _errors(corpus: Corpus) -> None:
    for title, marks in (("missed", corpus.labels), ("false alarm", corpus.findings)):
        shapes: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for mark in marks:
            if not mark.found and mark.kind not in _UNSTRUCTURED:
                text = corpus.texts[mark.place][mark.start : mark.end]
                shapes[mark.template, mark.kind][keys.shape(text)] += 1
        for (template, kind), counts in sorted(shapes.items()):
            (common, _), *others = counts.most_common()
            more = f" and {len(others)} more shapes" if others else ""
            print(
                f"  {corpus.name}: {title} {counts.total()}× {kind} in {template}: {common}{more}"
            )


def _reaches_goal(corpus: Corpus) -> bool:
    return all(
        sum(mark.found for mark in part) >= GOAL * len(part)
        for language in ("en", "zh")
        for marks in (corpus.labels, corpus.findings)
        if (
            part := [
                mark
                for mark in marks
                if mark.group == "structured" and mark.place.dataset.endswith(language)
            ]
        )
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", action="append", choices=list(_GENERATORS))
    parser.add_argument("--seed", type=int, help="instead of each corpus's own")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    corpora = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.corpus or _GENERATORS:
            generate, seed = _GENERATORS[name]
            generate(Path(scratch, name), seed=seed if given.seed is None else given.seed)
            corpora.append(measure(name, Path(scratch, name)))
    for corpus in corpora:
        for language in ("en", "zh"):
            _table(corpus, language)
    print()
    for corpus in corpora:
        _errors(corpus)
    reached = all(_reaches_goal(corpus) for corpus in corpora)
    return 1 if given.check and not reached else 0


if __name__ == "__main__":
    sys.exit(main())
