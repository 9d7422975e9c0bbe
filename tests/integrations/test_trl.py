"""The whole way with TRL on a tiny random model: two arms trained, measured, judged, reported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.integrations.rows import conversations, mails, pairs
from tests.integrations.train import Home, sft

from tunegate.errors import InputError
from tunegate.integrations.trl import AuditCallback, plant
from tunegate.types import Measurement, Verdict

# peft 0.21 asks transformers 5.23 by a name that is about to go; nothing here can help it.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is dep:FutureWarning")


class Trained(NamedTuple):
    """Both arms trained by TRL, measured and judged."""

    home: Home
    measured: list[Measurement]
    verdict: Verdict


@pytest.fixture(scope="module")
def trained(home: Home) -> Trained:
    sft(home, "routed", "routed").train()
    # The second training finds the first one's checkpoint in its output folder.
    last = max((home.folder / "routed").glob("checkpoint-*"), key=lambda path: int(path.name[11:]))
    shutil.copytree(last, home.folder / "canaried" / "checkpoint-999")
    sft(home, "canaried", "canaried").train()
    callback = home.planted.callback("routed")
    return Trained(home, callback.diff(), callback.verdict())


def test_both_arms_pass_the_check_and_are_taken_with_a_checkpoint_an_epoch(
    trained: Trained,
) -> None:
    for arm in ("routed", "canaried"):
        taken, log = trained.home.arm(arm), trained.home.log(arm)
        assert taken["trainer"] == "trl"
        assert [one["epoch"] for one in taken["checkpoints"]] == [1, 2]
        assert all(one["train_loss"] > 0 for one in taken["checkpoints"])
        assert log["taken"] == [one["digest"] for one in taken["checkpoints"]]
        assert taken["records"] == log["checks"]["examples"]
        assert taken["recipe"] == log["recipe"]
        assert taken["seed"] == log["seed"] == 42
        for name in ("cut", "rendered_otherwise", "masked_otherwise"):
            assert log["checks"][name] == 0, name
    assert trained.home.arm("routed")["deployable"]
    assert not trained.home.arm("canaried")["deployable"]
    assert trained.home.log("canaried")["checks"]["canaries"] > 0
    assert trained.home.log("routed")["checks"]["canaries"] == 0


def test_what_the_trainer_was_told_is_on_record(trained: Trained) -> None:
    log = trained.home.log("routed")
    recipe = log["recipe"]
    assert set(log["versions"]) == {
        *("accelerate", "datasets", "peft", "torch", "transformers", "trl")
    }
    assert log["max_length"] == 1024
    assert log["packing"] is False
    assert log["checks"]["loss_on"] == "everything"  # what TRL does with conversations
    assert recipe["train_on_prompt"] is True
    assert (recipe["lora_rank"], recipe["lora_alpha"]) == (4, 8)
    assert recipe["lora_target"].split(",") == [
        *("down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")
    ]
    assert (recipe["num_train_epochs"], recipe["per_device_train_batch_size"]) == (2, 4)
    assert recipe["learning_rate"] == 1e-2
    assert [one["epoch"] for one in log["saved"]] == [1.0, 2.0]


def test_the_other_arms_are_trained_here_with_the_same_recipe(trained: Trained) -> None:
    for arm in ("as_given", "placebo"):
        made = trained.home.arm(arm)
        assert made["trainer"] == "native"
        assert made["recipe"] == trained.home.arm("routed")["recipe"]
        assert len(made["checkpoints"]) == 2


def test_exposure_and_membership_are_scored_and_the_report_is_there(trained: Trained) -> None:
    scored = {(one.probe, one.arm) for one in trained.measured if one.scored}
    assert {("exposure", "canaried"), ("membership", "routed")} <= scored
    assert trained.verdict.arm == "routed"
    assert trained.verdict.decision in ("no-go", "inconclusive", "conditional")
    for lang in ("en", "zh"):
        page = (trained.home.run / f"report.{lang}.html").read_text("utf-8")
        assert "⟨" not in page, "a code without words"


def test_nothing_raw_stands_outside_the_vault(trained: Trained) -> None:
    run = trained.home.run
    design = json.loads((run / "vault/plant/design.json").read_text("utf-8"))
    secret = {*mails(), *(canary["question"] for canary in design["canaries"])}
    said = {text for pair in pairs() for text in pair}
    for path in run.rglob("*"):
        if path.is_file() and "vault" not in path.relative_to(run).parts:
            text = path.read_text("utf-8", "replace")
            # Clean records are handed over in `route/finetune`, and nowhere else.
            raw = secret if "finetune" in path.parts else secret | said
            assert not any(one in text for one in raw), path.name


def test_arms_that_were_trained_otherwise_are_not_measured_together(
    trained: Trained, tmp_path: Path
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(trained.home.run, copy)
    path = copy / "tune/arms/canaried/arm.json"
    arm = json.loads(path.read_text())
    arm["recipe"]["learning_rate"] = 1e-5
    path.write_text(json.dumps(arm))
    with pytest.raises(InputError) as caught:
        AuditCallback(copy, arm="routed").diff()
    assert caught.value.code == "trainer_recipes"
    assert caught.value.params["fields"] == "learning_rate"


def test_planting_again_keeps_the_arms_and_their_recipe(trained: Trained) -> None:
    again = plant(conversations(), run=trained.home.run, model=trained.home.planted.model)
    assert again.callback("routed").diff() == trained.measured
