from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Tunegate
from tests.conftest import CARD, MAIL, TOKEN


def _everything(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


def test_without_a_run_nothing_is_written(
    tunegate: Tunegate, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TUNEGATE_KEY")
    before = _everything(data.parent)
    said = tunegate("scan", data, "--json")
    assert said.status == 0
    assert said.document["records"] == 9
    assert said.document["by_kind"]["email"] == 1
    assert _everything(data.parent) == before, "not even a project key"


def test_the_summary_is_for_people_and_shows_nothing_raw(tunegate: Tunegate, data: Path) -> None:
    said = tunegate("scan", data, "--lang", "en")
    assert said.status == 0
    assert "9 records" in said.out
    assert "Nothing leaves this machine" in said.err
    for raw in (MAIL, CARD, TOKEN):
        assert raw not in said.out + said.err


def test_chinese(tunegate: Tunegate, data: Path) -> None:
    said = tunegate("scan", data, "--lang", "zh")
    assert "数据不会离开本机" in said.err
    assert "条记录" in said.out


def test_quiet_is_quiet(tunegate: Tunegate, data: Path) -> None:
    assert tunegate("scan", data, "--quiet").err == ""


@pytest.mark.parametrize(("severity", "status"), [("critical", 1), ("low", 1)])
def test_fail_on_closes_the_gate(
    tunegate: Tunegate, data: Path, severity: str, status: int
) -> None:
    assert tunegate("scan", data, "--fail-on", severity, "--json").status == status


def test_fail_on_lets_clean_data_pass(tunegate: Tunegate, project: Path) -> None:
    clean = project / "clean.jsonl"
    clean.write_text('{"instruction": "How do I return a lamp?", "output": "Press return."}\n')
    assert tunegate("scan", clean, "--fail-on", "low").status == 0


def test_with_a_run_the_folder_is_private_and_complete(tunegate: Tunegate, data: Path) -> None:
    said = tunegate("scan", data, "--dataset", "desk", "--run", "runs/a", "--json")
    assert said.status == 0
    run = data.parent / "runs" / "a"
    assert (run.stat().st_mode & 0o777) == 0o700
    assert {"run.yaml", "manifest.json", "timings.json"} <= {path.name for path in run.iterdir()}
    assert (run / "scan/findings.jsonl").read_bytes().count(b"\n") == said.document["findings"]


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["dta"], ["dta", "data"]),
        (["data", "--dataset", "dsek"], ["dsek", "desk"]),
        (["data", "--format", "jsn"], []),
        (["empty.jsonl"], ["empty.jsonl"]),
        (["."], ["dataset_info.json"]),
    ],
)
@pytest.mark.parametrize("kept", [False, True])
def test_bad_input_is_one_message_and_nothing_half_written(
    tunegate: Tunegate, data: Path, arguments: list[str], names: list[str], kept: bool
) -> None:
    (data.parent / "empty.jsonl").touch()
    if "--format" in arguments:
        arguments = ["data/desk.jsonl", *arguments[1:]]
    said = tunegate("scan", *arguments, *(["--run", "runs/x"] if kept else []), "--lang", "en")
    assert said.status == 2
    assert said.out == ""
    assert all(name in said.err for name in names), said.err
    assert "⟨" not in said.err, "every message has its words"
    run = data.parent / "runs" / "x"
    assert not (run / "run.yaml").exists()
    assert not (run / "scan").exists()


def test_an_error_is_a_document_too(tunegate: Tunegate, project: Path) -> None:
    said = tunegate("scan", project / "none.json", "--json")
    assert said.status == 2
    assert said.document["error"]["code"] == "path_missing"
    assert said.document["error"]["message"] in said.err.replace("\n", " ")
