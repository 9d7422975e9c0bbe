from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from tests.cli.conftest import Tunegate

from tunegate import demo as generator
from tunegate import settings
from tunegate.cli import demo
from tunegate.cli.run import default_folder
from tunegate.pipeline import audit, judge
from tunegate.pipeline.resolve import Progress
from tunegate.runs import Run
from tunegate.settings import Settings
from tunegate.types import Decision, Gate, Reason, Verdict

LLAMAFACTORY = """
model_name_or_path: some/model
dataset: desk
dataset_dir: data
stage: sft
finetuning_type: lora
learning_rate: 2e-4
logging_steps: 10
"""


def _verdict(decision: Decision) -> Verdict:
    gate = Gate(
        probe="membership",
        metric="auc",
        tolerance=0.6,
        interval=(0.41, 0.61237),
        value=0.5,
        outcome="inconclusive",
        required=True,
        reason=Reason(code="gate.membership.auc.inconclusive", params={"stratum": "ratio"}),
    )
    return Verdict(
        decision=decision,
        arm="routed",
        by_arm={"routed": decision},
        reasons=(),
        gates=(gate,),
        questions={},
        conditions=(),
        limits=(),
        next_actions=(),
        bound_to={},
    )


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The model stages replaced by ones that only say that they were called."""
    called: list[str] = []

    def fake(name: str) -> None:
        def stage(run: Run, given: Settings, progress: Progress | None = None) -> tuple[()]:
            del given, progress
            called.append(name)
            if name == "estimate":
                run.estimate.write(())
            if name == "verdict":
                run.verdict.write(_verdict("no-go"))
            return ()

        monkeypatch.setattr(judge if name == "verdict" else audit, name, stage)

    for name in ("estimate", "plant", "tune", "diff", "verdict"):
        fake(name)
    minutes = Reason(code="estimate.time", params={"minutes": 1.0})
    monkeypatch.setattr(audit, "duration", lambda *_: minutes)
    return called


def _scanned(tunegate: Tunegate, data: Path) -> Path:
    assert tunegate("scan", data, "--run", "runs/a", "--quiet").status == 0
    assert tunegate("route", "--run", "runs/a", "--quiet").status == 0
    return data.parent / "runs" / "a"


def _answered(path: Path) -> Path:
    intent = {
        "need": "tone",
        "audiences": ["staff"],
        "settings": ["desk"],
        "unacceptable": ["names"],
        "tried": "search",
    }
    text = {"data": {"path": "data", "datasets": ["desk"]}, "intent": intent}
    path.write_text(yaml.safe_dump(text))
    return path


def test_route_says_where_records_go(tunegate: Tunegate, data: Path) -> None:
    tunegate("scan", data, "--run", "runs/a", "--quiet")
    said = tunegate("route", "--run", "runs/a", "--json", "--policy", "regulated")
    assert said.status == 0
    assert sum(said.document["destinations"].values()) == 9
    assert yaml.safe_load(Path("runs/a/run.yaml").read_text())["policy"] == "regulated"


def test_a_verb_without_its_run_says_what_to_do(tunegate: Tunegate, project: Path) -> None:
    for name in ("route", "estimate", "plant", "tune", "diff", "verdict", "report"):
        said = tunegate(name, "--run", project / "none", "--lang", "en")
        assert said.status == 2
        assert "tunegate scan" in said.err


def test_report_of_a_scan_alone(tunegate: Tunegate, data: Path) -> None:
    tunegate("scan", data, "--run", "runs/a", "--quiet")
    said = tunegate("report", "--run", "runs/a", "--json")
    assert said.status == 0
    assert [Path(page).exists() for page in said.document["reports"]] == [True, True]


def test_run_stops_before_training_while_questions_are_open(
    tunegate: Tunegate, data: Path, stages: list[str]
) -> None:
    Path("gate.yaml").write_text("data: {path: data, datasets: [desk]}\nintent: {need: tone}\n")
    said = tunegate("run", "gate.yaml", "--lang", "en")
    assert said.status == 1
    assert stages == ["estimate"]
    assert "4 questions" in said.out
    assert "--waive intent" in said.out
    assert (data.parent / "runs/gate/report.en.html").exists()
    signed = tunegate(
        "sign", "--run", "runs/gate", "--who", "Li Lei", "--reason", "trial", "--waive", "intent"
    )
    assert signed.status == 0
    assert tunegate("run", "runs/gate/run.yaml").status == 1
    assert stages == ["estimate", "estimate", "plant", "tune", "diff", "verdict"]


def test_run_goes_through_and_its_status_is_the_gates(
    tunegate: Tunegate, data: Path, stages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _answered(data.parent / "tunegate.yaml")
    said = tunegate("run", path, "--json")
    assert said.status == 1
    assert said.document["decision"] == "no-go"
    assert stages[-1] == "verdict"
    for decision, status in (("go", 0), ("conditional", 0), ("void", 3), ("inconclusive", 1)):
        written = _verdict(decision)  # type: ignore[arg-type]
        monkeypatch.setattr(judge, "verdict", lambda run, *_, w=written: run.verdict.write(w))
        assert tunegate("run", path, "--quiet").status == status


def test_run_takes_a_llamafactory_yaml(tunegate: Tunegate, data: Path, stages: list[str]) -> None:
    (data.parent / "train_lora.yaml").write_text(LLAMAFACTORY)
    said = tunegate("run", "train_lora.yaml", "--lang", "en")
    assert said.status == 1
    assert stages == ["estimate"]
    assert "logging_steps" in said.err
    resolved = yaml.safe_load(Path("runs/train_lora/run.yaml").read_text())
    assert resolved["recipe"]["learning_rate"] == 2e-4
    assert resolved["data"]["datasets"] == ["desk"]


def test_an_error_in_a_model_stage_leaves_the_data_report(
    tunegate: Tunegate, data: Path, stages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tunegate.errors import InputError

    def missing(*_: object) -> None:
        raise InputError("model_missing", model="some/model")

    monkeypatch.setattr(audit, "estimate", missing)
    said = tunegate("run", _answered(data.parent / "t.yaml"), "--lang", "en")
    assert said.status == 2
    assert stages == []
    assert "some/model" in said.err
    assert (data.parent / "runs/t/report.zh.html").exists()


def test_the_run_folder_is_named_after_the_settings(tmp_path: Path) -> None:
    assert default_folder(Path("x/train_lora.yaml")) == "runs/train_lora"
    (tmp_path / "manifest.json").touch()
    assert default_folder(tmp_path / "run.yaml") == str(tmp_path)


def test_init_writes_a_minimal_file_that_loads(tunegate: Tunegate, data: Path) -> None:
    (data.parent / "train_lora.yaml").write_text(LLAMAFACTORY)
    assert tunegate("init", "train_lora.yaml").status == 0
    text = Path("tunegate.yaml").read_text()
    assert len(text.splitlines()) < 25
    loaded = settings.load(Path("tunegate.yaml")).settings
    given = settings.load(Path("train_lora.yaml")).settings
    assert loaded.recipe == given.recipe
    assert loaded.model == given.model
    assert [os.path.normpath(path) for path in loaded.data.paths] == [str(data)]
    assert "what must it never say" in text
    again = tunegate("init", "--lang", "en")
    assert again.status == 2
    assert "--out" in again.err
    assert Path("tunegate.yaml").read_text() == text


def test_sign_appends_and_route_obeys(tunegate: Tunegate, data: Path) -> None:
    run = _scanned(tunegate, data)
    record = next(Run.open(run).routes.read()).record_id
    who = ("--run", run, "--who", "Li Lei", "--reason", "reviewed")
    said = tunegate("sign", *who, "--override", f"{record}=human", "--json")
    assert said.status == 0
    assert said.document["target"] == record
    assert tunegate("sign", *who, "--condition", "hazard:special_case").status == 0
    lines = (run / "decisions" / "signed.jsonl").read_text().splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["override", "sign"]
    tunegate("route", "--run", run, "--quiet")
    routes = {one.record_id: one.destination for one in Run.open(run).routes.read()}
    assert routes[record] == "human"


def test_sign_takes_the_bound_from_the_verdict(tunegate: Tunegate, data: Path) -> None:
    run = _scanned(tunegate, data)
    Run.open(run).verdict.write(_verdict("inconclusive"))
    who = ("--run", run, "--who", "Li Lei", "--reason", "small trial", "--json")
    said = tunegate("sign", *who, "--accept", "membership.auc.ratio")
    assert said.document["value"] == 0.6124
    assert said.document["target"] == "gate:membership.auc.ratio"
    given = tunegate("sign", *who, "--accept", "gate:membership.auc.ratio=0.7")
    assert given.document["value"] == 0.7


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], "sign_one"),
        (["--waive", "intent", "--condition", "proxy"], "sign_one"),
        (["--override", "nothing"], "sign_override"),
        (["--override", "nobody-0=human"], "sign_record"),
        (["--accept", "membership.auc.ratio=much"], "sign_bound"),
        (["--accept", "no.such.gate"], "sign_gate"),
    ],
)
def test_a_decision_on_nothing_is_refused(
    tunegate: Tunegate, data: Path, options: list[str], code: str
) -> None:
    run = _scanned(tunegate, data)
    Run.open(run).verdict.write(_verdict("inconclusive"))
    said = tunegate("sign", "--run", run, "--who", "a", "--reason", "b", "--json", *options)
    assert said.status == 2
    assert said.document["error"]["code"] == code
    assert not (run / "decisions").exists()


def test_the_demo_ends_with_0_when_it_ran_through(
    tunegate: Tunegate, data: Path, stages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = generator.generate

    def few(folder: Path, *, seed: int, records_en: int) -> None:
        assert records_en > 100
        whole(folder, seed=seed, records_en=40, records_zh=40)

    monkeypatch.setattr(demo.demo, "generate", few)
    said = tunegate("demo", "--json")
    assert said.status == 0
    assert said.document["decision"] == "no-go"
    assert stages == ["estimate", "plant", "tune", "diff", "verdict"]
    assert (data.parent / "runs/demo/vault/demo/truth.jsonl").exists()
    text = (data.parent / "runs/demo/run.yaml").read_text()
    assert str(data.parent) not in text


def test_doctor_tells_what_is_there(tunegate: Tunegate, project: Path) -> None:
    said = tunegate("doctor", "--json")
    assert said.status in (0, 1)
    assert said.document["python"]["fine"] is True
    assert {"cores", "memory", "disk", "torch", "embedded", "hyperscan"} <= set(said.document)
    assert list(project.iterdir()) == []
