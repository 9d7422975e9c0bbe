"""`tunegate scan`."""

from __future__ import annotations

import secrets
from pathlib import Path

import click
import msgspec

import tunegate.scan as scanning
from tunegate import records, settings
from tunegate.cli.session import Session
from tunegate.cli.verb import CLOSED, DONE, run_option, verb
from tunegate.keys import Key
from tunegate.pipeline import data
from tunegate.pipeline.resolve import adopt, settings_of
from tunegate.present import terminal
from tunegate.runs import Run
from tunegate.settings import Data
from tunegate.types import SEVERITIES, Finding, ScanSummary, Severity


@verb(example="tunegate scan data/ --dataset support_en,support_zh --run runs/first")
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="PATH...")
@click.option("--dataset", metavar="NAME,...", default="", help="Names in dataset_info.json.")
@click.option(
    "--format", "format_", default="auto", help="auto, json, jsonl, csv, parquet or text."
)
@run_option(required=False)
@click.option(
    "--fail-on", type=click.Choice(SEVERITIES), help="Exit 1 if a finding is at least so severe."
)
def command(
    session: Session,
    *,
    paths: tuple[str, ...],
    dataset: str,
    format_: str,
    folder: str | None,
    fail_on: Severity | None,
) -> int:
    """Find what is hazardous in a dataset, and why.

    PATH is a json, jsonl, csv or parquet file, or a LLaMA-Factory data folder with
    dataset_info.json. Without --run it prints a summary and writes nothing.
    """
    session.note("cli.local")
    places = tuple(str(Path(path).resolve()) for path in paths)
    given = Data(
        path=places[0] if len(places) == 1 else places,
        datasets=tuple(name.strip() for name in dataset.split(",") if name.strip()),
        format=format_,
    )
    if folder is None:
        summary, findings = _unkept(session, given)
    else:
        run = Run.open(folder, create=True)
        with run.lock():
            chosen = _with_data(run, given)
            # Read first: a wrong path must not become the settings of a run.
            records.open(given.paths, names=given.datasets, format=format_, key=run.key)
            adopt(run, chosen)
            summary = data.scan(run, chosen, session.progress)
        findings = list(run.findings.read())
    session.result(summary, terminal.scan(summary, findings, session.words))
    if fail_on is None:
        return DONE
    least = SEVERITIES.index(fail_on)
    return CLOSED if any(SEVERITIES.index(one.severity) >= least for one in findings) else DONE


def _with_data(run: Run, given: Data) -> settings.Settings:
    """The run's settings with other data; who owns its documents stays."""
    known = settings_of(run) if run.settings.exists() else settings.Settings()
    changed = msgspec.structs.replace(
        known.data, path=given.path, datasets=given.datasets, format=given.format
    )
    return msgspec.structs.replace(known, data=changed)


def _unkept(session: Session, given: Data) -> tuple[ScanSummary, list[Finding]]:
    """Scans with a key that nobody keeps: nothing is written, not even a project key."""
    key = Key(secrets.token_bytes(32))
    dataset = records.open(given.paths, names=given.datasets, format=given.format, key=key)
    used = data.detectors(key)
    counted = data.Counted(dataset)
    findings = list(scanning.scan(counted, key=key, detectors=used, progress=session.progress))
    summary = scanning.summarise(
        records=counted.last,
        skipped=dataset.skipped,
        findings=findings,
        checked=scanning.checked_hazards(used),
    )
    return summary, findings
