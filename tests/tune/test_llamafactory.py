"""LLaMA-Factory is another's program: a stand-in leaves what it leaves, whole, broken or half."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.tiny import chat, write_adapter

from tunegate.errors import InputError, VoidError
from tunegate.models.loading import Base
from tunegate.models.template import Encoded, encode
from tunegate.tune import Trained, llamafactory

THEIRS = {
    "model_name_or_path": "models/Qwen3",
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "dataset": "identity, desk",
    "dataset_dir": "data",
    "output_dir": "saves/qwen3",
    "logging_steps": 10,
    "save_steps": 500,
    "save_total_limit": 2,
    "plot_loss": True,
    "report_to": "none",
    "num_train_epochs": 2.0,
    "learning_rate": 1.0e-4,
}
# Two epochs of two steps; `stops` says after which checkpoint it dies, once.
PROGRAM = """#!{python}
import json, pathlib, shutil, sys, yaml
verb, path = sys.argv[1:]
config = yaml.safe_load(open(path, encoding="utf-8"))
out, plan = pathlib.Path(config["output_dir"]), json.loads(pathlib.Path({plan!r}).read_text())
print("what a record says", flush=True)
history = []
for epoch, source in enumerate(plan["checkpoints"], 1):
    history.append(dict(epoch=float(epoch), loss=3.0 - epoch, step=2 * epoch))
    target = out / f"checkpoint-{{2 * epoch}}"
    if not target.exists():
        shutil.copytree(source, target)
        (target / "training_args.bin").write_bytes(b"a pickle that nobody opens")
        (target / "trainer_state.json").write_text(json.dumps(dict(log_history=history)))
    with open(out / "trainer_log.jsonl", "a") as log:
        print(json.dumps(dict(current_steps=2 * epoch, total_steps=4)), file=log)
    if plan["stops"] == epoch:
        pathlib.Path({plan!r}).write_text(json.dumps(plan | dict(stops=0)))
        sys.exit(7)
"""


class Stage:
    """A stand-in program, what it is to leave, and where."""

    def __init__(self, base: Base, folder: Path) -> None:
        self.base, self.folder = base, folder
        self.plan = folder / "plan.json"
        self.command = folder / "bin" / "llamafactory-cli"
        self.command.parent.mkdir()
        self.command.write_text(PROGRAM.format(python=sys.executable, plan=str(self.plan)), "utf-8")
        self.command.chmod(0o755)
        self.arm = folder / "arm"
        turns = chat("How do I return a parcel?", "Use the form.")
        self.examples: list[Encoded] = [encode(base.tokenizer, turns, template="chatml")]

    def leaves(self, *checkpoints: Path, stops: int = 0) -> None:
        """What the program does when it is next run."""
        told = {"checkpoints": [str(path) for path in checkpoints], "stops": stops}
        self.plan.write_text(json.dumps(told), "utf-8")

    def config(self) -> Mapping[str, Any]:
        """The user's YAML, as the program is given it."""
        return llamafactory.effective(
            THEIRS,
            model=None,
            data=self.folder,
            names=("desk", "identity"),
            output=self.arm / "work",
        )

    def train(self, **more: Any) -> Trained:
        """One training by the stand-in."""
        return llamafactory.train(
            self.base, self.examples, self.config(), command=self.command, folder=self.arm, **more
        )

    def refused(self) -> str:
        """The code of the refusal."""
        with pytest.raises(InputError) as caught:
            self.train()
        return caught.value.code


@pytest.fixture
def stage(base: Base, tmp_path: Path) -> Stage:
    """Everything that a training needs, in an empty folder."""
    return Stage(base, tmp_path)


@pytest.fixture
def adapter(base: Base, tmp_path: Path) -> Path:
    """A sound adapter."""
    return write_adapter(base, tmp_path / "sound")


def test_other_sets_and_other_places_are_left_out() -> None:
    theirs = THEIRS | {
        "eval_dataset": "validation",
        "eval_strategy": "steps",
        "report_to": "wandb",
        "push_to_hub": True,
    }
    ours = llamafactory.effective(
        theirs, model=None, data=Path("/d"), names=("desk", "identity"), output=Path("/o")
    )
    assert (ours["eval_dataset"], ours["eval_strategy"]) == (None, "no")
    assert (ours["report_to"], ours["push_to_hub"]) == ("none", False)


def test_only_what_a_trial_needs_is_changed() -> None:
    ours = llamafactory.effective(
        THEIRS, model=None, data=Path("/d"), names=("desk", "identity"), output=Path("/o")
    )
    found = {c.key: (c.was, c.becomes) for c in llamafactory.changes(THEIRS, ours)}
    assert found == {
        "dataset_dir": ("data", "/d"),
        "output_dir": ("saves/qwen3", "/o"),
        "save_strategy": (None, "epoch"),
        "save_total_limit": ("2", "None"),
    }
    assert {key: ours[key] for key in THEIRS.keys() - found} == {
        key: THEIRS[key] for key in THEIRS.keys() - found
    }


def test_a_local_model_and_fewer_datasets_are_named() -> None:
    ours = llamafactory.effective(
        THEIRS, model=Path("/m"), data=Path("/d"), names=("desk",), output=Path("/o")
    )
    assert (ours["model_name_or_path"], ours["dataset"]) == ("/m", "desk")


def test_checkpoints_become_epochs(stage: Stage, adapter: Path) -> None:
    other = write_adapter(stage.base, stage.folder / "other", seed=4)
    stage.leaves(adapter, other)
    told: list[tuple[int, int]] = []
    trained = stage.train(progress=lambda done, whole: told.append((done, whole)))
    assert [(e.epoch, e.folder.name, e.train_loss) for e in trained.epochs] == [
        (1, "epoch-1", 2.0),
        (2, "epoch-2", 1.0),
    ]
    for epoch, source in zip(trained.epochs, (adapter, other), strict=True):
        assert sorted(path.name for path in epoch.folder.iterdir()) == [
            "adapter_config.json",
            "adapter_model.safetensors",
            "epoch.json",
        ]
        saved = load_file(epoch.folder / "adapter_model.safetensors")
        expected = load_file(source / "adapter_model.safetensors")
        assert all(torch.equal(saved[name], expected[name]) for name in expected)
    tokens = 2 * len(stage.examples[0].ids)
    assert (trained.tokens, told[-1]) == (tokens, (tokens, tokens))
    assert sorted(path.name for path in stage.arm.iterdir()) == ["epoch-1", "epoch-2"]
    stage.leaves()  # an arm on the same data is not trained once more
    again = stage.train()
    assert (again.epochs, again.seconds) == (trained.epochs, 0.0)


def test_what_died_goes_on(stage: Stage, adapter: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stage.leaves(adapter, adapter, stops=1)
    with pytest.raises(InputError) as caught:
        stage.train()
    assert caught.value.code == "llamafactory_failed"
    assert caught.value.params["status"] == 7
    # What it prints may quote the data: it is in the log, and nowhere else.
    assert "what a record says" in Path(str(caught.value.params["path"])).read_text("utf-8")
    assert capfd.readouterr() == ("", "")
    assert len(stage.train().epochs) == 2


def test_no_checkpoint(stage: Stage) -> None:
    stage.leaves()
    assert stage.refused() == "llamafactory_no_checkpoint"


def test_weights_that_are_no_numbers(stage: Stage, adapter: Path) -> None:
    path = adapter / "adapter_model.safetensors"
    weights = load_file(path)
    weights[min(weights)][0, 0] = float("nan")
    save_file(weights, path)
    stage.leaves(adapter)
    assert stage.refused() == "adapter_not_finite"


def test_weights_that_did_not_move(stage: Stage, adapter: Path) -> None:
    path = adapter / "adapter_model.safetensors"
    weights = load_file(path)
    save_file({n: w * 0 if "lora_B" in n else w for n, w in weights.items()}, path)
    stage.leaves(adapter)
    with pytest.raises(VoidError) as caught:
        stage.train()
    assert caught.value.code == "weights_unmoved"


def test_a_pickle_in_disguise_is_not_opened(stage: Stage, adapter: Path) -> None:
    torch.save({"a": torch.ones(1)}, adapter / "adapter_model.safetensors")
    stage.leaves(adapter)
    assert stage.refused() == "adapter_pickle"


def test_an_adapter_for_another_base(stage: Stage, adapter: Path) -> None:
    path = adapter / "adapter_model.safetensors"
    save_file({name: torch.ones(3, 3) for name in load_file(path)}, path)
    stage.leaves(adapter)
    assert stage.refused() == "adapter_unfit"


def test_where_the_program_is_looked_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for named in (stage.folder, stage.folder / "bin", stage.command):
        assert llamafactory.program(str(named)) == stage.command
    monkeypatch.setenv(llamafactory.VARIABLE, str(stage.folder))
    assert llamafactory.program("") == stage.command
    monkeypatch.delenv(llamafactory.VARIABLE)
    monkeypatch.setenv("PATH", str(stage.command.parent))
    assert shutil.which("llamafactory-cli")
    assert llamafactory.program("") == stage.command
    monkeypatch.setenv("PATH", "")
    for wrong in ("", str(tmp_path / "nowhere")):
        with pytest.raises(InputError) as caught:
            llamafactory.program(wrong)
        assert caught.value.code == "llamafactory_missing"
