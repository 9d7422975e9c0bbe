from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.conftest import CARD, MAIL, TOKEN

from tunegate import decisions, registry
from tunegate import records as reading
from tunegate.decisions import Ruling
from tunegate.pipeline import data as stages
from tunegate.pipeline import judge
from tunegate.pipeline.resolve import adopt, settings_of
from tunegate.runs import Run
from tunegate.scan import scan
from tunegate.settings import Data, Settings
from tunegate.types import Destination, Record


def _settings(data: Path, **more: Any) -> Settings:
    return Settings(data=Data(path=str(data), datasets=("desk",), **more))


@pytest.fixture
def run(data: Path) -> Run:
    run = Run.open(data.parent / "runs" / "one", create=True)
    settings = _settings(data)
    adopt(run, settings)
    stages.scan(run, settings)
    stages.route(run, settings)
    return run


def _outside_vault(run: Run) -> str:
    files = [path for path in sorted(run.root.rglob("*")) if path.is_file()]
    return "\n".join(path.read_text() for path in files if "vault" not in path.parts)


def _with(run: Run, data: Path, text: str) -> Record:
    dataset = reading.open(data, names=["desk"], key=run.key)
    return next(r for r in dataset if any(text in s.text for s in r.segments))


def _override(run: Run, record: str, destination: Destination) -> None:
    ruling = Ruling(who="Li Lei", kind="override", target=record, value=destination)
    decisions.append(run.decisions / "signed.jsonl", ruling)


def test_scan_finds_and_names_what_was_skipped(run: Run) -> None:
    summary = run.summary.read()
    assert summary.records == 9
    assert [one.source.line for one in summary.skipped] == [4]
    assert {"email", "payment_card", "access_token"} <= set(summary.by_kind)
    assert set(summary.not_checked) == {"raw_dialogue", "special_case", "structure"}
    assert run.timings()["scan"].records == 9


def test_findings_stand_in_record_order(run: Run) -> None:
    lines = [finding.source.line or 0 for finding in run.findings.read()]
    assert lines == sorted(lines)


def test_every_record_has_one_destination(run: Run, data: Path) -> None:
    routes = {one.record_id: one.destination for one in run.routes.read()}
    assert len(routes) == 9
    assert routes[_with(run, data, MAIL).id] == "scrub"
    assert routes[_with(run, data, TOKEN).id] == "drop"
    assert routes[_with(run, data, "lamp").id] == "finetune"


def test_the_finetune_set_is_the_users_own_form_and_scans_clean(run: Run) -> None:
    info = json.loads((run.root / "route/finetune/dataset_info.json").read_text())
    assert info["desk"]["file_name"] == "desk.jsonl"
    kept = stages.finetune_set(run, settings_of(run))
    assert kept is not None
    lineage = list(run.lineage.read())
    assert [record.id for record in kept] == [one.finetune_id for one in lineage]
    assert len(lineage) == 8
    assert sum(one.record_id != one.finetune_id for one in lineage) == 2
    found = scan(kept, key=run.key, detectors=stages.detectors(run.key))
    assert not [finding for finding in found if finding.hazard in ("identity", "secret")]


@pytest.mark.parametrize("raw", [MAIL, CARD, TOKEN, "0366", "jane"])
def test_nothing_raw_stands_outside_the_vault(run: Run, raw: str) -> None:
    judge.report(run, settings_of(run))
    assert raw not in _outside_vault(run)


def test_rag_documents_need_an_owner_and_stay_in_the_vault(run: Run, data: Path) -> None:
    record = _with(run, data, MAIL)
    _override(run, record.id, "rag")
    stages.route(run, settings_of(run))
    assert [one["record_id"] for one in run.human.read()] == [record.id]
    owned = _settings(data, rag_owner="support", rag_labels=("desk",))
    stages.route(run, owned)
    document = json.loads((run.root / "route/rag/documents.jsonl").read_text())
    assert (document["owner"], document["labels"], document["text"]) == ("support", ["desk"], "")
    assert MAIL in run.vault("route", "rag.jsonl").read_text()
    assert MAIL not in _outside_vault(run)


def test_decisions_win_and_survive_a_new_scan(run: Run, data: Path) -> None:
    record = _with(run, data, "chair")
    _override(run, record.id, "human")
    stages.route(run, settings_of(run))
    extra = {"instruction": "And a sofa, can it go back?", "output": "Yes, a sofa too."}
    with (data / "desk.jsonl").open("a") as file:
        file.write(json.dumps(extra) + "\n")
    stages.scan(run, settings_of(run))
    stages.route(run, settings_of(run))
    routes = {one.record_id: one for one in run.routes.read()}
    assert len(routes) == 10
    assert routes[record.id].destination == "human"
    assert routes[record.id].reasons[0].code == "route.override"


def test_identity_that_a_person_lets_through_stays_in_the_vault(run: Run, data: Path) -> None:
    _override(run, _with(run, data, MAIL).id, "finetune")
    stages.route(run, settings_of(run))
    assert MAIL not in _outside_vault(run)
    kept = stages.finetune_set(run, settings_of(run))
    assert kept is not None
    texts = [segment.text for record in kept for segment in record.segments]
    assert any(MAIL in text for text in texts)
    assert len(list(run.lineage.read())) == len(list(kept)) == 8


def test_what_cannot_be_cleaned_goes_to_people(run: Run, data: Path) -> None:
    record = _with(run, data, TOKEN)
    _override(run, record.id, "scrub")  # scrubbing replaces identity, not secrets
    stages.route(run, settings_of(run))
    route = next(one for one in run.routes.read() if one.record_id == record.id)
    assert route.destination == "human"
    assert route.reasons[0].code == "route.not_cleanable"
    assert TOKEN not in _outside_vault(run)


def test_nothing_left_is_no_dataset(run: Run) -> None:
    for one in list(run.routes.read()):
        _override(run, one.record_id, "drop")
    stages.route(run, settings_of(run))
    assert stages.finetune_set(run, settings_of(run)) is None
    assert (run.root / "route/finetune/desk.jsonl").read_bytes() == b""


def test_two_run_folders_made_alike_hold_the_same_bytes(run: Run, data: Path) -> None:
    other = Run.open(data.parent / "elsewhere" / "two", create=True)
    settings = _settings(data)
    adopt(other, settings)
    stages.scan(other, settings)
    stages.route(other, settings)
    for one in (run, other):
        judge.report(one, settings)
    files = [p.relative_to(run.root) for p in run.root.rglob("*") if p.is_file()]
    same = [name for name in files if name.name != "timings.json"]
    assert len(same) > 10
    for name in same:
        assert (other.root / name).read_bytes() == (run.root / name).read_bytes(), name


def test_a_plugins_detector_takes_part(
    run: Run, monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    class Nothing:
        name = "nothing"
        hazards = ("special_case",)

        def observe(self, record: Record) -> None: ...

        def merge(self, a: None, b: None) -> None: ...

        def judge(self, *_: object) -> tuple[()]:
            return ()

    monkeypatch.setattr(registry.detector, "_ours", {"nothing": lambda _: Nothing()})
    monkeypatch.setattr(registry.detector, "_all", None)
    summary = stages.scan(run, _settings(data))
    assert "special_case" not in summary.not_checked


def test_the_report_works_for_scan_alone_and_forgets_what_is_stale(run: Run, data: Path) -> None:
    settings = settings_of(run)
    judge.report(run, settings)
    assert run.done("report")
    changed = msgspec.structs.replace(settings, policy="regulated")
    stages.route(run, changed)
    page = judge.report(run, changed)[0].read_text()
    assert "desk" in page
    with (data / "desk.jsonl").open("a") as file:
        file.write('{"instruction": "a new one", "output": "with an answer"}\n')
    stages.scan(run, changed)
    assert not run.routes.exists(), "routes of other findings would mislead"
    assert not run.report("en").exists()
    judge.report(run, changed)
    assert run.report("zh").exists()


def test_columns_that_no_trainer_reads_are_cleaned_too(data: Path) -> None:
    rows = [{"instruction": f"Question {word}?", "output": f"Answer {word}."} for word in "abcdef"]
    rows[1]["agent"] = f"forwarded to {MAIL} at noon"
    rows[2]["ticket"] = {"notes": ["fine", CARD]}  # type: ignore[assignment]
    rows[3]["debug"] = f"used {TOKEN} for the call"
    (data / "desk.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    run = Run.open(data.parent / "runs" / "beside", create=True)
    adopt(run, _settings(data))
    stages.scan(run, _settings(data))
    stages.route(run, _settings(data))
    text = (run.root / "route" / "finetune" / "desk.jsonl").read_text()
    kept = [json.loads(line) for line in text.splitlines()]
    assert [row["output"] for row in kept] == [f"Answer {word}." for word in "abcef"]
    assert "forwarded to " in kept[1]["agent"] and kept[1]["agent"].endswith(" at noon")
    assert kept[2]["ticket"]["notes"][0] == "fine"
    assert not [raw for raw in (MAIL, CARD, TOKEN) if raw in _outside_vault(run)]
    assert [r.destination for r in run.routes.read()].count("human") == 1
