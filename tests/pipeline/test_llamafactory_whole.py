"""The whole gate with LLaMA-Factory as the trainer, on the embedded model and its own data.

Its `identity` dataset and 60 records of `alpaca_en_demo` go through four arms to a verdict, by a
YAML as its users write it. Then what it trained is audited once more as a finished training.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from benchmarks.real.run import fetched, trial
from click.testing import CliRunner

from tunegate.cli.app import program
from tunegate.models.embedded import embedded_folder
from tunegate.tune import llamafactory

pytestmark = [
    pytest.mark.llamafactory,
    pytest.mark.model,
    pytest.mark.timeout(3600),  # four trainings, on a machine that may be busy
    pytest.mark.skipif(
        not os.environ.get(llamafactory.VARIABLE), reason="no environment of LLaMA-Factory's"
    ),
]

_GATE = """\
trainer: llamafactory
llamafactory: {config: train.yaml}
data: {path: data, datasets: [identity, alpaca_en_demo]}
intent:
  need: Answer as the company's own assistant, by its name and in its tone.
  audiences: [customers]
  settings: [public chat]
  unacceptable: [anything personal, another company's name]
  tried: A system prompt; it holds for most questions.
"""
_THEIRS: dict[str, Any] = {
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "lora_rank": 8,
    "lora_target": "all",
    "dataset": "identity,alpaca_en_demo",
    "dataset_dir": "data",
    "template": "chatml",
    "cutoff_len": 1024,
    "max_samples": 1000,
    "output_dir": "saves/team",
    "logging_steps": 5,
    "save_steps": 500,
    "per_device_train_batch_size": 8,
    "learning_rate": 1.0e-3,
    "num_train_epochs": 2.0,
    "report_to": "none",
    "use_cpu": True,
    "bf16": True,
}


class Whole(NamedTuple):
    """One finished run and what was said."""

    home: Path
    run: Path
    status: int
    said: str


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    home = tmp_path_factory.mktemp("whole")
    data = trial(fetched()).resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEGATE_KEY", "tests only, of sixteen bytes or more")
        patch.setenv("DISABLE_VERSION_CHECK", "1")
        patch.setenv("LC_ALL", "C.UTF-8")
        patch.chdir(home)
        shutil.copytree(data, home / "data")
        theirs = {"model_name_or_path": str(embedded_folder()), **_THEIRS}
        (home / "train.yaml").write_text(yaml.safe_dump(theirs), "utf-8")
        (home / "gate.yaml").write_text(_GATE, "utf-8")
        result = CliRunner().invoke(program, ["run", "gate.yaml", "--run", "run"])
        yield Whole(home, home / "run", result.exit_code, result.stdout + result.stderr)


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_it_comes_to_a_verdict(whole: Whole) -> None:
    assert whole.status in (0, 1), whole.said
    assert read(whole.run / "verdict.json")["decision"] in ("no-go", "inconclusive", "conditional")
    for lang in ("en", "zh"):
        assert (whole.run / f"report.{lang}.html").is_file()


def test_what_is_set_otherwise_is_said_first(whole: Whole) -> None:
    changed = whole.said[: whole.said.index("Asking LLaMA-Factory")]
    for key in ("dataset_dir: data →", "output_dir: saves/team →", "save_strategy: – → epoch"):
        assert key in changed
    for key in ("learning_rate", "template", "cutoff_len", "max_samples"):
        assert f"{key}:" not in changed


def test_every_arm_has_its_checkpoints_and_they_are_diffed(whole: Whole) -> None:
    arms = {path.parent.name: read(path) for path in whole.run.glob("tune/arms/*/arm.json")}
    assert set(arms) == {"as_given", "routed", "canaried", "placebo", "control"}
    for name, arm in arms.items():
        if name != "control":
            assert arm["trainer"] == "llamafactory"
            assert [one["epoch"] for one in arm["checkpoints"]] == [1, 2]
            first, last = (one["train_loss"] for one in arm["checkpoints"])
            assert last < first
    rows = read(whole.run / "diff" / "measurements.json")
    scored = {(m["arm"], m["checkpoint"], m["probe"]) for m in rows if m["scored"]}
    for epoch in (1, 2):
        assert {("routed", epoch, "membership"), ("canaried", epoch, "exposure")} <= scored
    assert ("routed", 2, "drift") in scored


def test_it_encodes_all_of_the_data_as_it_is_scored(whole: Whole) -> None:
    rendering = read(whole.run / "plant" / "rendering.json")
    assert rendering["examples"] > 200
    assert rendering["left_out"] == []


def test_a_second_run_trains_nothing(whole: Whole) -> None:
    before = (whole.run / "timings.json").read_bytes()
    result = CliRunner().invoke(program, ["run", "gate.yaml", "--run", "run"])
    assert result.exit_code == whole.status
    assert (whole.run / "timings.json").read_bytes() == before


def test_its_own_output_is_audited_as_a_finished_training(whole: Whole) -> None:
    arm = read(whole.run / "tune" / "arms" / "routed" / "arm.json")
    epoch = whole.run / arm["checkpoints"][-1]["path"]
    for words in (
        ("scan", "data", "--dataset", "identity,alpaca_en_demo", "--run", "again"),
        ("route", "--run", "again"),
        ("diff", "--run", "again", "--base", "embedded", "--tuned", str(epoch)),
    ):
        said = CliRunner().invoke(program, words)
        assert said.exit_code == 0, said.stderr
    rows = read(whole.home / "again" / "diff" / "measurements.json")
    found = {(m["probe"], m["metric"]): m for m in rows if m["arm"] == "adopted"}
    assert not found["membership", "auc"]["scored"]
    assert found["drift", "kl_per_token"]["effect"] > 0
