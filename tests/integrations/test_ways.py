"""Other ways to train: on completions, interrupted, and by transformers' own Trainer."""

from __future__ import annotations

from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from tests.integrations.train import LORA, Home, arguments, labelled, plain_model, sft
from transformers import (
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from tunegate.errors import InputError
from tunegate.integrations.trl import AuditCallback

# peft 0.21 asks transformers 5.23 by a name that is about to go; nothing here can help it.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is dep:FutureWarning")


class _Interrupted(TrainerCallback):  # type: ignore[misc]
    """Stands for a kill: raises in the second epoch."""

    def on_epoch_begin(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
        if state.epoch:
            raise KeyboardInterrupt


def _halved(row: Any) -> dict[str, Any]:
    """As the docstring of `Planted.dataset` says."""
    return {"prompt": row["messages"][:-1], "completion": row["messages"][-1:]}


def test_prompts_and_completions_are_audited_and_an_interrupted_training_goes_on(
    home: Home,
) -> None:
    dataset = home.planted.dataset("as_given").map(_halved, remove_columns="messages")
    options: dict[str, Any] = {"dataset": dataset, "save_strategy": "epoch"}
    trainer = sft(home, "as_given", "on", callbacks=(_Interrupted(),), **options)
    with pytest.raises(KeyboardInterrupt):
        trainer.train()
    assert home.log("as_given")["taken"] == []
    trainer = sft(home, "as_given", "on", **options)
    trainer.train(resume_from_checkpoint=True)
    log = home.log("as_given")
    assert log["checks"]["loss_on"] == "answers"
    assert log["recipe"]["train_on_prompt"] is False
    assert [one["epoch"] for one in log["saved"]] == [1.0, 2.0]
    assert len(log["taken"]) == 2


def test_a_resumed_training_that_nobody_watched_is_refused(home: Home) -> None:
    trainer = sft(home, "canaried", "on2", num_train_epochs=1)
    trainer.remove_callback(trainer.callback_handler.callbacks[-1])
    trainer.remove_callback(AuditCallback)
    trainer.train()
    trainer = sft(home, "canaried", "on2")
    with pytest.raises(InputError, match="trainer_resumed"):
        trainer.train(resume_from_checkpoint=True)


def test_transformers_own_trainer_is_audited_with_steps_and_no_checkpoint(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(home.planted.model)
    callback = home.planted.callback("canaried")
    model = get_peft_model(plain_model(home), LoraConfig(task_type="CAUSAL_LM", **LORA))
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            **arguments(home.folder / "plain", save_strategy="no", warmup_steps=3)
        ),
        train_dataset=labelled(home, "canaried", on="answers").shuffle(seed=3),
        data_collator=DataCollatorForSeq2Seq(tokenizer, pad_to_multiple_of=8),
        callbacks=[callback],
    )
    trainer.train()
    log = home.log("canaried")
    assert log["checks"]["loss_on"] == "answers"
    assert log["checks"]["masked_otherwise"] == 0
    assert log["max_length"] is None
    assert (log["saved"], len(log["taken"])) == ([], 1)
    assert log["recipe"]["warmup_ratio"] == pytest.approx(3 / trainer.state.max_steps)
    assert "save_strategy" in caplog.text


def test_of_checkpoints_by_step_the_last_of_every_epoch_is_taken(home: Home) -> None:
    # Seven steps an epoch; saved after 3, 6, 9, 12, and 14 as training ends.
    options: dict[str, Any] = {"save_strategy": "steps", "save_steps": 3}
    sft(home, "placebo", "steps", per_device_train_batch_size=2, **options).train()
    log = home.log("placebo")
    assert [one["step"] for one in log["saved"]] == [3, 6, 9, 12, 14]
    assert len(log["taken"]) == 2
    options["save_total_limit"] = 1
    sft(home, "placebo", "limit", per_device_train_batch_size=2, seed=7, **options).train()
    assert len(home.log("placebo")["taken"]) == 1
    assert home.log("placebo")["seed"] == home.arm("placebo")["seed"] == 7
