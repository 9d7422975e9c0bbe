"""What stops a training by TRL: each before its first step, and with words for people."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, concatenate_datasets
from peft import LoraConfig, get_peft_model
from tests.integrations.train import LORA, Home, labelled, plain_model, sft
from tests.models.tiny import CORPUS, write_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from tunegate.errors import InputError, VoidError

# peft 0.21 asks transformers 5.23 by a name that is about to go; nothing here can help it.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is dep:FutureWarning")


def _refused(trainer: Any, kind: type[InputError] = VoidError) -> InputError:
    """The error that stops a training before its first step, with words below it."""
    before = trainer.state.global_step
    with pytest.raises(InputError) as caught:
        trainer.train()
    assert type(caught.value) is kind, caught.value
    assert trainer.state.global_step == before == 0
    assert "⟨" not in caught.value.__notes__[0]
    return caught.value


def test_packing_voids(home: Home) -> None:
    # Packing wants an attention that keeps rows apart; TRL says so, and goes on.
    trainer = sft(home, "canaried", "packing", packing=True, max_length=256)
    assert _refused(trainer).code == "trainer_packing"


def test_rows_that_were_packed_beforehand_void(home: Home) -> None:
    rows = home.planted.rows("canaried")
    joined = [
        {"messages": rows[n]["messages"] + rows[n + 1]["messages"]}
        for n in range(0, len(rows) - 1, 2)
    ]
    trainer = sft(home, "canaried", "packed", dataset=Dataset.from_list(joined))
    assert _refused(trainer).code == "trainer_count"


def test_a_length_that_cuts_canaries_voids_and_names_the_one_that_would_do(home: Home) -> None:
    error = _refused(sft(home, "canaried", "cut", max_length=30))
    assert error.code == "trainer_canary_cut"
    assert error.params["value"] == 30
    least = int(error.params["least"])
    tokenizer = AutoTokenizer.from_pretrained(home.planted.model)
    longest = max(
        len(tokenizer.apply_chat_template(row["messages"])["input_ids"])
        for row in home.planted.rows("canaried")
        if row["messages"][1]["content"].isdigit()
    )
    assert least == longest


def test_a_length_that_cuts_most_records_is_refused(home: Home) -> None:
    error = _refused(sft(home, "routed", "short", max_length=48), InputError)
    assert error.code == "trainer_cut"


def test_masks_that_hide_the_answers_void(home: Home) -> None:
    for arm, code in (("canaried", "trainer_canary_masked"), ("routed", "trainer_untrained")):
        dataset = labelled(home, arm, on="questions")
        assert _refused(sft(home, arm, "masked", dataset=dataset)).code == code


def test_a_completion_that_is_the_wrong_half_voids(home: Home) -> None:
    """The question and answer of every record as the prompt, a closing phrase as completion."""
    rows = [
        {
            "prompt": row["messages"],
            "completion": [{"role": "user", "content": "ok"}],
        }
        for row in home.planted.rows("canaried")
    ]
    trainer = sft(home, "canaried", "wrong", dataset=Dataset.from_list(rows))
    assert _refused(trainer, InputError).code == "trainer_template"


def _said(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def test_rows_that_are_missing_added_or_swapped_void(home: Home) -> None:
    arm = home.planted.dataset("routed")
    held_out = home.planted.dataset("placebo").select([0])
    rest = arm.select(range(1, len(arm)))
    strange = Dataset.from_list(
        [
            {
                "messages": [
                    {"role": "user", "content": CORPUS[0]},
                    {"role": "assistant", "content": "No."},
                ]
            }
        ]
    )
    cases = {
        "trainer_count": rest,
        "trainer_held_out": concatenate_datasets([arm, held_out]),
        "trainer_lost": concatenate_datasets([rest, strange]),
    }
    for code, dataset in cases.items():
        assert _refused(sft(home, "routed", "rows", dataset=dataset)).code == code
    swapped = concatenate_datasets([rest, held_out])
    error = _refused(sft(home, "routed", "rows", dataset=swapped))
    assert error.code == "trainer_held_out"
    raw = home.planted.dataset("as_given")  # what routing scrubbed, as it was
    assert _refused(sft(home, "routed", "rows", dataset=raw)).code == "trainer_held_out"


def test_a_validation_split_voids(home: Home) -> None:
    split = home.planted.dataset("canaried").train_test_split(test_size=0.1, seed=1)
    trainer = sft(home, "canaried", "split", dataset=split["train"])
    assert _refused(trainer).code == "trainer_count"


def test_too_few_steps_and_dropped_batches_void(home: Home) -> None:
    assert _refused(sft(home, "routed", "steps", max_steps=2)).code == "trainer_steps"
    trainer = sft(home, "routed", "drop", dataloader_drop_last=True, per_device_train_batch_size=3)
    assert _refused(trainer).code == "trainer_epoch"


def test_another_chat_template_is_refused(home: Home) -> None:
    tokenizer = AutoTokenizer.from_pretrained(home.planted.model)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
    )
    for arm in ("routed", "canaried"):
        trainer = sft(home, arm, "template", tokenizer=tokenizer)
        assert _refused(trainer, InputError).code == "trainer_template"


def test_a_full_fine_tune_is_refused(home: Home) -> None:
    trainer = sft(home, "routed", "full", lora=None)
    assert _refused(trainer, InputError).code == "trainer_full"


def test_an_adapter_that_is_not_fresh_is_refused(home: Home) -> None:
    config = LoraConfig(task_type="CAUSAL_LM", init_lora_weights="olora", **LORA)
    moved = get_peft_model(plain_model(home), config)
    trainer = sft(home, "routed", "fresh", model=moved, lora=None)
    assert _refused(trainer, InputError).code == "trainer_not_fresh"


def test_another_base_model_is_refused_and_a_copy_is_not(home: Home, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(home.planted.model, copy)
    model = AutoModelForCausalLM.from_pretrained(copy)
    trainer = sft(home, "routed", "copy", model=model, max_steps=1)
    assert _refused(trainer).code == "trainer_steps"  # as far as that
    stranger = write_model(tmp_path / "stranger", seed=9)
    model = AutoModelForCausalLM.from_pretrained(stranger)
    trainer = sft(home, "routed", "stranger", model=model)
    assert _refused(trainer, InputError).code == "trainer_other_model"


def test_weights_that_did_not_move_void_at_the_end(home: Home) -> None:
    trainer = sft(home, "placebo", "still", learning_rate=0.0, num_train_epochs=1)
    with pytest.raises(VoidError, match="weights_unmoved"):
        trainer.train()
    assert not (home.run / "tune/arms/placebo/arm.json").exists()


def test_nothing_is_measured_before_the_arm_is_trained(home: Home) -> None:
    with pytest.raises(InputError, match="trainer_not_trained"):
        home.planted.callback("routed").diff()


def test_a_refused_training_leaves_no_arm(home: Home) -> None:
    assert not list((home.run / "tune" / "arms").glob("*/arm.json"))
