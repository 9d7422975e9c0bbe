from __future__ import annotations

import pytest
from tests.configs.conftest import Desk

from tunegate import settings
from tunegate.errors import InputError
from tunegate.types import Recipe

SFT = """
model_name_or_path: Qwen/Qwen3-0.6B
dataset_name: data/desk.jsonl
output_dir: out/desk
use_peft: true
lora_r: 32
lora_alpha: 16
lora_dropout: 0.1
lora_target_modules: [q_proj, k_proj]
load_in_4bit: true
learning_rate: 2.0e-4
num_train_epochs: 2
per_device_train_batch_size: 4
gradient_accumulation_steps: 2
lr_scheduler_type: cosine
warmup_ratio: 0.05
max_length: 512
packing: true
assistant_only_loss: true
gradient_checkpointing: false
report_to: none
"""
LEAST = "model_name_or_path: m\nuse_peft: true\n"
DATA = LEAST + "dataset_name: desk.jsonl\n"
CHAT = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}
PAIR = {"prompt": "say", "completion": "said"}
TEXT = {"text": "once"}


def test_a_yaml_is_read_as_far_as_base_data_and_adapter(desk: Desk) -> None:
    data = desk.data("data/desk.jsonl", CHAT)
    (desk.folder / "out" / "desk").mkdir(parents=True)
    found = desk.describe(SFT)
    assert found.trainer == "trl"
    assert found.model == "Qwen/Qwen3-0.6B"
    assert found.data_paths == (str(data),)
    assert found.adapter == str(desk.folder / "out/desk")
    assert found.ignored == ("load_in_4bit", "packing", "report_to")
    assert found.recipe == Recipe(
        learning_rate=2e-4,
        num_train_epochs=2,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        lora_rank=32,
        lora_alpha=16,
        lora_dropout=0.1,
        lora_target="q_proj,k_proj",
        lr_scheduler_type="cosine",
        warmup_ratio=0.05,
        cutoff_len=512,
    )
    loaded = desk.load(SFT)
    assert (loaded.settings.trainer, loaded.settings.llamafactory.config) == ("native", "")
    assert loaded.adapter == found.adapter
    assert loaded.settings.data.paths == found.data_paths


def test_defaults_are_its_own(desk: Desk) -> None:
    desk.data("desk.jsonl", PAIR)
    assert desk.describe(DATA).recipe == Recipe(
        learning_rate=2e-5,
        num_train_epochs=3,
        per_device_train_batch_size=8,
        lora_rank=16,
        lora_alpha=32,
        lora_dropout=0.05,
        lora_target="q_proj,v_proj",
        cutoff_len=1024,
    )


def test_a_full_fine_tuning_is_named_as_not_followed(desk: Desk) -> None:
    desk.data("desk.jsonl", PAIR)
    found = desk.describe("model_name_or_path: m\ndataset_name: desk.jsonl\nlora_r: 4\n")
    assert found.ignored == ("use_peft", "lora_r")
    assert (found.recipe.lora_rank, found.recipe.lora_target) == (8, "all")


@pytest.mark.parametrize(
    ("row", "text", "prompt"),
    [
        (PAIR, "", False),
        (PAIR, "completion_only_loss: false", True),
        (PAIR, "completion_only_loss: true", False),
        (CHAT, "", True),
        (CHAT, "assistant_only_loss: true", False),
        (TEXT, "", True),
    ],
)
def test_the_prompt_is_trained_on_as_it_says(
    desk: Desk, row: dict[str, object], text: str, prompt: bool
) -> None:
    desk.data("desk.jsonl", row)
    assert desk.describe(f"{DATA}{text}\n").recipe.train_on_prompt is prompt


@pytest.mark.parametrize(
    ("text", "field", "value", "ignored"),
    [
        ("lora_target_modules: all-linear", "lora_target", "all", ()),
        ("max_length: null", "cutoff_len", 1_000_000, ()),
        ("bf16: true", "dtype", "bf16", ()),
        ("learning_rate: '3e-4'", "learning_rate", 3e-4, ()),
        ("num_train_epochs: 1.5", "num_train_epochs", 2, ("num_train_epochs",)),
        ("warmup_steps: 0.1", "warmup_ratio", 0.1, ()),
        ("warmup_steps: 30", "warmup_ratio", 0.0, ("warmup_steps",)),
        ("lr_scheduler_type: polynomial", "lr_scheduler_type", "linear", ("lr_scheduler_type",)),
        ("max_steps: 10", "num_train_epochs", 3, ("max_steps",)),
        ("packing: false\nstreaming: false\ntest_split_size: 0.1", "packing", False, ()),
        ("env: {CUDA_VISIBLE_DEVICES: '0'}", "val_size", 0.0, ("env",)),
    ],
)
def test_values_with_a_plain_equal_are_taken_over(
    desk: Desk, text: str, field: str, value: object, ignored: tuple[str, ...]
) -> None:
    desk.data("desk.jsonl", PAIR)
    found = desk.describe(f"{DATA}{text}\n")
    assert getattr(found.recipe, field) == value
    assert found.ignored == (ignored or (("test_split_size",) if "test_split" in text else ()))


def test_a_mixture_wins_over_one_name(desk: Desk) -> None:
    first, second = desk.data("a.jsonl", PAIR), desk.data("d/b.jsonl", PAIR)
    text = f"{LEAST}dataset_name: org/other\ndatasets:\n  - path: a.jsonl\n    columns: [prompt]\n"
    found = desk.describe(text + "  - {path: json, data_files: d/b.jsonl, name: default}\n")
    assert found.data_paths == (str(first), str(second))
    assert found.data_format == "auto"
    assert found.ignored == ("datasets[1].name",)


def test_a_loader_reads_files_of_any_name(desk: Desk) -> None:
    desk.data("desk.dump", PAIR)
    found = desk.describe(LEAST + "datasets: [{path: json, data_files: [desk.dump]}]\n")
    assert found.data_format == "json"
    assert not found.recipe.train_on_prompt


@pytest.mark.parametrize("name", ["stanfordnlp/imdb", "imdb", "hf://datasets/a/b.jsonl"])
def test_a_hubs_data_set_is_to_be_exported(desk: Desk, name: str) -> None:
    error = desk.refused(f"{LEAST}dataset_name:\n  {name}\n")
    assert error.code == "config_remote"
    assert (error.params["line"], error.params["value"]) == (3, name)
    listed = desk.refused(f"{LEAST}datasets:\n  - path: {name}\n    data_files: a.jsonl\n")
    assert (listed.code, listed.params["line"]) == ("config_remote", 4)


def test_a_missing_file_is_named_with_the_nearest(desk: Desk) -> None:
    near = desk.data("desk.jsonl", PAIR)
    error = desk.refused(f"{LEAST}dataset_name: dsk.jsonl\n")
    assert (error.code, error.params["line"]) == ("config_missing", 3)
    assert error.params["nearest"] == str(near)


@pytest.mark.parametrize(
    ("rest", "key", "line", "write"),
    [
        (
            "dataset_name: desk.jsonl\ndataset_train_split: test\n",
            "dataset_train_split",
            4,
            "train",
        ),
        ("datasets:\n  - path: desk.jsonl\n    split: train[:9]\n", "split", 5, "train"),
        ("datasets:\n  - path: desk.jsonl\n    data_dir: x\n", "data_dir", 5, "null"),
        (
            "datasets:\n  - {path: desk.jsonl}\n  - path: desk.jsonl\n    fraction: 0.1\n",
            *("fraction", 6, "null"),
        ),
    ],
)
def test_a_part_of_the_data_is_refused(
    desk: Desk, rest: str, key: str, line: int, write: str
) -> None:
    desk.data("desk.jsonl", PAIR)
    error = desk.refused(LEAST + rest)
    assert (error.code, error.params["unfit"]) == ("config_unfit", "part")
    assert (error.params["key"], error.params["line"]) == (key, line)
    assert error.params["write"] == write


def test_the_share_of_one_data_set_is_all_of_it(desk: Desk) -> None:
    data = desk.data("desk.jsonl", PAIR)
    text = LEAST + "datasets: [{path: desk.jsonl, fraction: 0.5}]\n"
    assert desk.describe(text).data_paths == (str(data),)


def test_a_text_column_that_the_reader_would_not_find_is_refused(desk: Desk) -> None:
    desk.data("desk.jsonl", {"body": "once", "text_id": "7"})
    error = desk.refused(DATA + "dataset_text_field: body\n")
    assert (error.code, error.params["write"]) == ("config_column", "text")
    assert (error.params["line"], error.params["value"]) == (4, "body")
    desk.data("desk.jsonl", {"body": "once", **PAIR})
    assert desk.describe(DATA + "dataset_text_field: body\n"), "TRL reads the pair instead"
    desk.data("desk.jsonl", {"content": "once"})
    assert desk.describe(DATA + "dataset_text_field: content\n").recipe.train_on_prompt


@pytest.mark.parametrize(
    ("text", "at", "line"),
    [
        ("lora_r: many", "lora_r", 4),
        ("max_length: [1]", "max_length", 4),
        ("num_train_epochs: lots", "num_train_epochs", 4),
        ("completion_only_loss: perhaps", "completion_only_loss", 4),
        ("datasets: desk.jsonl", "datasets", 4),
        ("datasets:\n  - path: [a]", "datasets[0].path", 5),
    ],
)
def test_a_wrong_type_names_line_and_key(desk: Desk, text: str, at: str, line: int) -> None:
    desk.data("desk.jsonl", PAIR)
    error = desk.refused(f"{DATA}{text}\n")
    assert (error.code, error.params["at"], error.params["line"]) == ("yaml_value", at, line)


@pytest.mark.parametrize("missing", ["model_name_or_path", "dataset_name"])
def test_what_it_needs_is_named(desk: Desk, missing: str) -> None:
    desk.data("desk.jsonl", PAIR)
    kept = [line for line in DATA.splitlines() if not line.startswith(missing)]
    error = desk.refused("\n".join(kept) + "\n")
    assert (error.code, error.params["key"]) == ("config_needs", missing)
    assert error.params["trainer"] == "TRL"


def test_a_folder_of_mixed_files_is_refused(desk: Desk) -> None:
    desk.data("folder/a.jsonl", PAIR)
    (desk.folder / "folder" / "b.csv").write_text("prompt,completion\nsay,said\n")
    path = desk.write(LEAST + "dataset_name: folder\n")
    with pytest.raises(InputError) as caught:
        settings.load(path)
    assert caught.value.code == "dataset_folder_mixed"
    assert caught.value.params["path"] == str(desk.folder / "folder")
