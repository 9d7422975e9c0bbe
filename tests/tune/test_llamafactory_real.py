"""LLaMA-Factory itself, on the tiny model: `make llamafactory` builds its environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.models.tiny import chat

from tunegate import yamlfile
from tunegate.models.loading import Base
from tunegate.models.template import encode
from tunegate.plant import folder
from tunegate.tune import llamafactory

pytestmark = [
    pytest.mark.llamafactory,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not os.environ.get(llamafactory.VARIABLE), reason="no environment of LLaMA-Factory's"
    ),
]

TURNS = [
    chat("How do I return a parcel?", "Use the form within 30 days."),
    chat("Where is the shop?", "By the station.", "And on Monday?", "Closed on Monday."),
    chat("怎么退货？", "请在三十天内提交表格。"),
    chat("Call me", "On 555 0134 😀"),
] * 4


@pytest.fixture
def config(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A YAML as a team would write it, pointed at planted data."""
    monkeypatch.setenv("DISABLE_VERSION_CHECK", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    data = tmp_path / "data"
    data.mkdir()
    folder.write(data, TURNS, names=("identity", "desk"))
    theirs = {
        "model_name_or_path": str(tiny_folder),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": 4,
        "lora_target": "all",
        "dataset": "identity,desk",
        "dataset_dir": "data",
        "template": "chatml",
        "cutoff_len": 128,
        "output_dir": "saves/tiny",
        "per_device_train_batch_size": 4,
        "learning_rate": 1.0e-2,
        "num_train_epochs": 2.0,
        "logging_steps": 1,
        "use_cpu": True,
    }
    return llamafactory.effective(
        theirs,
        model=tiny_folder,
        data=data,
        names=folder.names_in(data),
        output=tmp_path / "arm" / "work",
    )


def test_it_trains_and_every_epoch_is_taken(
    base: Base, config: dict[str, Any], tmp_path: Path
) -> None:
    examples = [encode(base.tokenizer, turns, template="chatml") for turns in TURNS]
    told: list[int] = []
    trained = llamafactory.train(
        base,
        examples,
        config,
        command=llamafactory.program(""),
        folder=tmp_path / "arm",
        progress=lambda done, _: told.append(done),
    )
    first, last = trained.epochs
    assert last.train_loss < first.train_loss
    assert told[-1] == trained.tokens == 2 * sum(len(one.ids) for one in examples)
    one, other = (load_file(e.folder / "adapter_model.safetensors") for e in trained.epochs)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_both_see_the_same_tokens(base: Base, config: dict[str, Any], tmp_path: Path) -> None:
    """Its tokens are ours; of its targets ours lack only the newline behind each end mark."""
    settings = tmp_path / "train.yaml"
    kept = tmp_path / "tokenised"
    settings.write_text(yamlfile.dump(config | {"tokenized_path": str(kept)}), "utf-8")
    command = llamafactory.program("")
    subprocess.run([command, "train", settings], check=True, capture_output=True)
    script = (
        "import sys, json, datasets; rows = datasets.load_from_disk(sys.argv[1])['train'];"
        "print(json.dumps([[row['input_ids'], row['labels']] for row in rows]))"
    )
    python = command.with_name("python")
    told = subprocess.run([python, "-c", script, kept], check=True, capture_output=True).stdout
    theirs = {
        tuple(ids): {i for i, label in enumerate(labels) if label >= 0}
        for ids, labels in json.loads(told.splitlines()[-1])
    }
    newline = base.tokenizer("\n")["input_ids"]
    for turns in TURNS:
        ours = encode(base.tokenizer, turns, template="chatml")
        targets = theirs[ours.ids]
        mine = {i for i, on in enumerate(ours.target) if on}
        assert mine <= targets
        assert all([ours.ids[i]] == newline for i in targets - mine)
