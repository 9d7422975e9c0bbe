"""LLaMA-Factory itself, on the tiny model: `make llamafactory` builds its environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.models.tiny import chat

from tunegate.errors import InputError
from tunegate.models.loading import Base
from tunegate.models.template import encode
from tunegate.plant import folder
from tunegate.tune import encoding, llamafactory

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


LONG = [
    *TURNS[:4],
    chat("Tell me all about parcels. " * 12, "Yes."),
    chat("Hi", "There are many parcels. " * 12, "And more?", "Very many. " * 20),
    chat("", "An answer without a question."),
    chat("  spaces around  ", "\n\nand lines before\n"),
]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"mask_history": True},
        {"train_on_prompt": True},
        {"cutoff_len": 40},
        {"cutoff_len": 40, "mask_history": True},
        {"template": "default"},
        {"template": "alpaca"},
        {"template": "qwen"},
    ],
    ids=lambda change: "-".join(map(str, change.values())) or "plain",
)
def test_both_see_the_same_tokens_and_targets(
    base: Base, config: dict[str, Any], tmp_path: Path, change: dict[str, Any]
) -> None:
    data = tmp_path / "long"
    data.mkdir()
    folder.write(data, LONG)
    given = config | {"cutoff_len": 2048, "dataset_dir": str(data), "dataset": "train"} | change
    told = encoding.ask(llamafactory.program(""), given, folder=tmp_path / "asked")
    assert told.version in encoding.TRIED
    assert told.largest_id < told.vocabulary
    known = given["template"] == "chatml"
    ours = [
        encode(
            base.tokenizer,
            turns,
            template="chatml" if known else told.chat_template,
            mask_history=given.get("mask_history", False),
            train_on_prompt=given.get("train_on_prompt", False),
            cutoff_len=given["cutoff_len"],
        )
        for turns in LONG
    ]
    assert encoding.differing(ours, told) == []
    assert not (tmp_path / "asked" / "cache").exists()


def test_a_template_that_does_not_fit_the_model_shows(
    config: dict[str, Any], tmp_path: Path
) -> None:
    given = config | {"template": "llama3"}
    told = encoding.ask(llamafactory.program(""), given, folder=tmp_path / "asked")
    assert told.largest_id >= told.vocabulary


def test_a_key_that_it_does_not_know_is_told_before_training(
    config: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        encoding.ask(
            llamafactory.program(""), config | {"learning_rat": 1}, folder=tmp_path / "asked"
        )
    assert caught.value.code == "llamafactory_encoding"
    assert Path(str(caught.value.params["path"])).is_file()
