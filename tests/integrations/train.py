"""A planted run, and TRL's trainer on one of its arms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

from tunegate.integrations.trl import Planted
from tunegate.models.template import encode
from tunegate.types import Turn

LORA: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear"}


class Home(NamedTuple):
    """A planted run and room for trainers' output."""

    folder: Path
    planted: Planted

    @property
    def run(self) -> Path:
        return self.planted.run.root

    def log(self, arm: str) -> Any:
        return json.loads((self.run / "tune" / "arms" / arm / "trainer.json").read_text())

    def arm(self, arm: str) -> Any:
        return json.loads((self.run / "tune" / "arms" / arm / "arm.json").read_text())


def arguments(output: Path, **options: Any) -> dict[str, Any]:
    return {
        "output_dir": str(output),
        "num_train_epochs": 2,
        "learning_rate": 1e-2,
        "per_device_train_batch_size": 4,
        "save_strategy": "epoch",
        "logging_strategy": "epoch",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "bf16": False,
        "activation_checkpointing": False,
        **options,
    }


def sft(
    home: Home,
    arm: str,
    output: str,
    *,
    dataset: Any = None,
    lora: Any = LORA,
    callbacks: tuple[Any, ...] = (),
    model: Any = None,
    tokenizer: Any = None,
    **options: Any,
) -> Any:
    callback = home.planted.callback(arm)
    return SFTTrainer(
        model=model or str(home.planted.model),
        args=SFTConfig(**arguments(home.folder / output, **options)),
        train_dataset=home.planted.dataset(arm) if dataset is None else dataset,
        peft_config=LoraConfig(task_type="CAUSAL_LM", **lora) if lora else None,
        processing_class=tokenizer,
        callbacks=[callback, *callbacks],
    )


def labelled(home: Home, arm: str, *, on: str) -> Dataset:
    """An arm encoded beforehand, with the loss on `answers` or on `questions`."""
    tokenizer = AutoTokenizer.from_pretrained(home.planted.model)
    rows = []
    for row in home.planted.rows(arm):
        turns = [Turn(role=m["role"], text=m["content"]) for m in row["messages"]]
        one = encode(tokenizer, turns, template="default")
        labels = [
            token if target == (on == "answers") else -100
            for token, target in zip(one.ids, one.target, strict=True)
        ]
        rows.append({"input_ids": list(one.ids), "labels": labels})
    return Dataset.from_list(rows)


def plain_model(home: Home) -> Any:
    """The base model without an adapter."""
    return AutoModelForCausalLM.from_pretrained(home.planted.model)
