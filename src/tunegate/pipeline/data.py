"""The stages that need no model: scan and route."""

from __future__ import annotations

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

import tunegate.route as routing
import tunegate.scan as scanning
from tunegate import decisions, policy, records, registry
from tunegate.keys import Key
from tunegate.pipeline import destinations as writing
from tunegate.pipeline.resolve import (
    Progress,
    data_hash,
    key_mark,
    open_dataset,
    ownership,
    placed,
    policy_hash,
    rulings_of,
)
from tunegate.runs import Run, StageStats, settings_hash
from tunegate.settings import Settings
from tunegate.types import Destination, Finding, Record, ScanSummary

SCAN = ("scan/findings.jsonl", "scan/summary.json")
ROUTE = (
    "route/routes.jsonl",
    "route/finetune",
    "route/lineage.jsonl",
    "route/rag",
    "route/rules.yaml",
    "route/human.jsonl",
    "vault/route",
)


# Compiling the patterns takes seconds; scan and route of one run share them.
_shipped = functools.lru_cache(maxsize=1)(scanning.default_detectors)


def detectors(key: Key) -> tuple[scanning.Detector, ...]:
    """Those that ship with TuneGate and those that installed packages add."""
    added = (make(key) for make in registry.detector.all().values())
    return (*_shipped(key), *added)


def scan(run: Run, settings: Settings, progress: Progress | None = None) -> ScanSummary:
    """Finds what is hazardous in the settings' dataset.

    Raises:
        InputError: The dataset cannot be read, or the run folder cannot be written.
    """
    dataset = open_dataset(run, settings)

    def work() -> StageStats:
        used = detectors(run.key)
        counted = Counted(dataset)
        found = scanning.scan(counted, key=run.key, detectors=used, progress=progress)
        run.findings.write(placed(run, finding) for finding in found)
        summary = scanning.summarise(
            records=counted.last,
            skipped=[placed(run, one) for one in dataset.skipped],
            findings=run.findings.read(),
            checked=scanning.checked_hazards(used),
        )
        run.summary.write(summary)
        return StageStats(records=counted.last)

    inputs = {
        "data": data_hash(dataset),
        "detectors": settings_hash(list(registry.detector.all())),
        "key": key_mark(run),
        "settings": settings_hash(settings.data.subject_column),
    }
    run.stage("scan", inputs, work, SCAN)
    return run.summary.read()


def route(
    run: Run, settings: Settings, progress: Progress | None = None
) -> Mapping[Destination, int]:
    """Gives every record its destination and writes what goes where.

    Returns:
        Destination → number of records.

    Raises:
        InputError: `scan` has not run, or the policy or a decision is broken.
    """
    scanned = run.made_by("scan")
    dataset = open_dataset(run, settings)
    overrides = decisions.overrides(rulings_of(run))
    owned = ownership(settings)

    def work() -> StageStats:
        findings: dict[str, list[Finding]] = defaultdict(list)
        for finding in run.findings.read():
            findings[finding.record_id].append(finding)
        given = routing.route(
            dataset,
            (finding for found in findings.values() for finding in found),
            policy.load(settings.policy),
            overrides=overrides,
            ownership=owned,
        )
        used = detectors(run.key)
        settled = writing.finetune(
            run, dataset, list(given), findings, detectors=used, progress=progress
        )
        writing.outside(run, zip(dataset, settled, strict=True), findings, owned)
        run.routes.write(settled)
        return StageStats(records=len(settled))

    inputs = {
        **scanned,
        "data": data_hash(dataset),
        "key": key_mark(run),
        "overrides": settings_hash(overrides),
        "policy": policy_hash(settings),
        "settings": settings_hash(settings.data.subject_column, owned),
    }
    run.stage("route", inputs, work, ROUTE)
    return destinations(run)


def destinations(run: Run) -> Mapping[Destination, int]:
    """Destination → number of records."""
    return Counter(one.destination for one in run.routes.read())


def finetune_set(run: Run, settings: Settings) -> records.Dataset | None:
    """What goes into the weights, as a dataset; None if no record is left.

    Its n-th record is the n-th line of `route/lineage.jsonl`.
    """
    names = tuple(dict.fromkeys(one.dataset for one in run.lineage.read()))
    if not names:
        return None
    subject = settings.data.subject_column
    return records.open(
        writing.finetune_folder(run), names=names, key=run.key, subject_column=subject
    )


class Counted:
    """Records that can be gone through again, and how many the last full pass gave."""

    def __init__(self, given: Iterable[Record]) -> None:
        self._given = given
        self.last = 0

    def __iter__(self) -> Iterator[Record]:
        count = 0
        for record in self._given:
            count += 1
            yield record
        self.last = count
