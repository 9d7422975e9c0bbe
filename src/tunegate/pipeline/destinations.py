"""What routing leaves behind: the fine-tune set, documents, rules, the human queue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from random import Random

import msgspec

import tunegate.route as routing
import tunegate.scan as scanning
from tunegate import records
from tunegate.files import Lines, Text
from tunegate.keys import Key
from tunegate.pipeline.resolve import Progress, placed
from tunegate.route import Ownership
from tunegate.runs import Run
from tunegate.types import Finding, Hazard, Lineage, Record, Route

_RAW: frozenset[Hazard] = frozenset({"identity", "secret"})
_ROUNDS = 3  # a replacement may complete a pattern that was not there before
_TOGETHER = 500  # records that are cleaned and scanned again at a time

Findings = Mapping[str, Sequence[Finding]]
Detectors = Sequence[scanning.Detector]


def finetune(
    run: Run,
    dataset: records.Dataset,
    given: Sequence[Route],
    findings: Findings,
    *,
    detectors: Detectors,
    progress: Progress | None = None,
) -> list[Route]:
    """Writes `route/finetune` and `route/lineage.jsonl`.

    Where a person let raw identifiers into the weights, the whole set lies in the vault and
    `route/finetune` lacks those records.

    Returns:
        The routes, with what could not be cleaned given to the human queue.
    """
    bound = [one for one in given if one.destination in ("finetune", "scrub")]
    raw = {
        one.record_id
        for one in bound
        if one.destination == "finetune" and _is_raw(findings.get(one.record_id, ()))
    }
    failed: set[str] = set()
    names: dict[str, None] = {}

    def kept(without: Collection[str]) -> Iterator[Record]:
        cleaned = _cleaned(zip(dataset, given, strict=True), findings, detectors, run.key)
        for done, (origin, record) in enumerate(cleaned, start=1):
            if record is None:
                failed.add(origin)
            elif origin not in without:
                names[record.source.dataset] = None
                yield record
            if progress is not None:
                progress("route.writing", done, len(bound))

    with run.new_folder("vault/route") as vault:
        if raw:
            records.write(vault / "finetune", kept(()), like=dataset)
    with run.new_folder("route/finetune") as folder:
        records.write(folder, kept(raw), like=dataset)
    origins = [one.record_id for one in bound if one.record_id not in failed]
    _write_lineage(run, tuple(names), origins)
    return [routing.not_cleanable(one) if one.record_id in failed else one for one in given]


def finetune_folder(run: Run) -> Path:
    """Where the whole fine-tune set lies."""
    whole = run.vault("route", "finetune")
    return whole if whole.exists() else run.path("route/finetune")


def outside(
    run: Run, pairs: Iterable[tuple[Record, Route]], findings: Findings, owned: Ownership
) -> None:
    """Writes documents, draft rules and the human queue; what is sensitive goes to the vault."""
    documents: list[routing.Document] = []
    drafts: list[routing.RuleDraft] = []
    queue: list[routing.QueueEntry] = []
    for record, given in pairs:
        found = findings.get(record.id, ())
        if given.destination == "rag":
            documents.append(placed(run, routing.document(record, found, ownership=owned)))
        elif given.destination == "rules":
            drafts.append(placed(run, routing.rule_draft(record, given, found)))
        elif given.destination == "human":
            queue.append(placed(run, routing.queue_entry(record, given, found)))
    with run.new_folder("route/rag") as folder:
        Lines[routing.Document](folder / "documents.jsonl", routing.Document).write(
            msgspec.structs.replace(one, text="") if one.sensitive else one for one in documents
        )
    vault = run.vault("route")
    Lines[routing.Document](vault / "rag.jsonl", routing.Document).write(
        one for one in documents if one.sensitive
    )
    run.rules.write(routing.rules_yaml(drafts, vault=False))
    Text(vault / "rules.yaml").write(
        routing.rules_yaml((one for one in drafts if one.sensitive), vault=True)
    )
    run.human.write(queue)


def _cleaned(
    pairs: Iterable[tuple[Record, Route]], findings: Findings, detectors: Detectors, key: Key
) -> Iterator[tuple[str, Record | None]]:
    """What goes into the weights, in order: original id and record, or None if it stays dirty."""
    bound = ((r, one) for r, one in pairs if one.destination in ("finetune", "scrub"))
    while batch := list(islice(bound, _TOGETHER)):
        dirty = {r.id: r for r, one in batch if one.destination == "scrub"}
        clean = _scrubbed(dirty, findings, detectors, key)
        as_they_are = {r.id: r for r, _ in batch if r.id not in dirty}
        ready = _clean_beside({**as_they_are, **clean}, detectors, key)
        for record, _ in batch:
            yield record.id, ready.get(record.id)


def _scrubbed(
    dirty: Mapping[str, Record], findings: Findings, detectors: Detectors, key: Key
) -> dict[str, Record]:
    """Original id → clean record; what is still not clean after three rounds is left out."""
    used = _of_raw(detectors)
    clean: dict[str, Record] = {}
    waiting = {origin: (record, findings.get(origin, ())) for origin, record in dirty.items()}
    for _ in range(_ROUNDS):
        edited = {
            origin: routing.scrub(record, found, key=key, surrogate=_surrogate)
            for origin, (record, found) in waiting.items()
        }
        left: dict[str, list[Finding]] = defaultdict(list)
        for finding in scanning.scan(list(edited.values()), key=key, detectors=used):
            left[finding.record_id].append(finding)
        waiting = {}
        for origin, record in edited.items():
            if _is_raw(left[record.id]):
                waiting[origin] = (record, left[record.id])
            else:
                clean[origin] = record
        if not waiting:
            break
    return clean


def _clean_beside(ready: Mapping[str, Record], detectors: Detectors, key: Key) -> dict[str, Record]:
    """Original id → record, cleaned also in the columns that no trainer reads.

    What cannot be replaced there (a secret, a number that is not text) leaves the record out.
    """
    beside = {origin: records.unread(record) for origin, record in ready.items()}
    found: dict[str, list[Finding]] = defaultdict(list)
    for origin, extra in beside.items():
        if extra.segments:
            found[origin] = list(scanning.scan([extra], key=key, detectors=_of_raw(detectors)))
    cleaned = dict(ready)
    for origin, findings in found.items():
        if any(one.hazard == "secret" for one in findings):
            del cleaned[origin]
            continue
        edits = routing.edits(beside[origin], findings, key=key, surrogate=_surrogate)
        try:
            cleaned[origin] = (
                records.edit(ready[origin], edits, key=key) if edits else ready[origin]
            )
        except KeyError:
            del cleaned[origin]
    return cleaned


def _of_raw(detectors: Detectors) -> list[scanning.Detector]:
    return [one for one in detectors if _RAW & set(one.hazards)]


def _surrogate(kind: str, value: str, rng: Random) -> str:
    """A value that belongs to nobody; a kind that has no such values becomes its name."""
    try:
        return scanning.surrogate(kind, value, rng)
    except KeyError:
        return f"[{kind}]"


def _is_raw(findings: Iterable[Finding]) -> bool:
    return any(finding.hazard in _RAW for finding in findings)


def _write_lineage(run: Run, names: Sequence[str], origins: Sequence[str]) -> None:
    """Ids are taken from what was written: an edit may have made two records alike."""
    written = records.open(finetune_folder(run), names=names, key=run.key) if names else ()
    run.lineage.write(
        Lineage(record_id=origin, finetune_id=record.id, dataset=record.source.dataset)
        for origin, record in zip(origins, written, strict=True)
    )
