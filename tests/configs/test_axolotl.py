from __future__ import annotations

from pathlib import Path

import pytest
from tests.configs.conftest import Desk

from tunegate import records
from tunegate.keys import Key
from tunegate.present.catalogue import Catalogue
from tunegate.types import Recipe

QLORA = """
base_model: Qwen/Qwen3-4B-Instruct
load_in_4bit: true
strict: false

chat_template: chatml
datasets:
  - path: data/desk.jsonl
    ds_type: json
    type: chat_template
    field_messages: conversations
    message_property_mappings:
      role: from
      content: value
    roles:
      assistant: [gpt]
val_set_size: 0.05
output_dir: ./outputs/desk

adapter: qlora
lora_r: 32
lora_alpha: 16
lora_dropout: 0
lora_target_linear: true
sequence_len: 1024
sample_packing: true

wandb_project:
gradient_accumulation_steps: 4
micro_batch_size: 2
num_epochs: 4
optimizer: adamw_bnb_8bit
lr_scheduler: linear
learning_rate: "0.0002"
warmup_ratio: 0.1
weight_decay: 0.01
max_grad_norm: 0.5
bf16: auto
seed: 7
"""
LEAST = "base_model: m\nlearning_rate: 1e-4\nadapter: lora\n"
DATA = LEAST + "datasets:\n  - path: desk.jsonl\n"
CHAT = {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]}
PAIR = {"instruction": "say", "output": "said"}


def test_a_yaml_is_read_as_far_as_base_data_and_adapter(desk: Desk) -> None:
    data = desk.data("data/desk.jsonl", CHAT)
    (desk.folder / "outputs" / "desk").mkdir(parents=True)
    found = desk.describe(QLORA)
    assert found.trainer == "axolotl"
    assert found.model == "Qwen/Qwen3-4B-Instruct"
    assert found.data_paths == (str(data),)
    assert (found.datasets, found.data_format) == ((), "auto")
    assert found.adapter == str(desk.folder / "outputs/desk")
    assert found.recipe == Recipe(
        learning_rate=2e-4,
        num_train_epochs=4,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=4,
        lora_rank=32,
        lora_alpha=16,
        warmup_ratio=0.1,
        weight_decay=0.01,
        max_grad_norm=0.5,
        cutoff_len=1024,
        template="chatml",
    )


def test_what_the_trial_does_not_follow_is_named(desk: Desk) -> None:
    desk.data("data/desk.jsonl", CHAT)
    assert desk.describe(QLORA).ignored == (
        *("load_in_4bit", "optimizer", "sample_packing", "seed", "val_set_size"),
        "datasets[0].roles",
    )


def test_settings_hold_what_it_describes_and_the_reader_reads_it(desk: Desk) -> None:
    desk.data("data/desk.jsonl", CHAT, CHAT)
    loaded = desk.load(QLORA)
    assert loaded.settings.trainer == "native"
    assert loaded.settings.llamafactory.config == ""
    assert loaded.adapter == "./outputs/desk"
    read = records.open(loaded.settings.data.paths, key=Key(b"k" * 16))
    assert [[s.role for s in record.segments] for record in read] == [["user", "assistant"]] * 2


def test_defaults_are_its_own(desk: Desk) -> None:
    desk.data("desk.jsonl", PAIR)
    assert desk.describe(DATA).recipe == Recipe(
        learning_rate=1e-4,
        num_train_epochs=1,
        per_device_train_batch_size=1,
        cutoff_len=512,
        lr_scheduler_type="cosine",
        warmup_ratio=0.03,
    )


@pytest.mark.parametrize(
    ("text", "field", "value", "ignored"),
    [
        ("lora_target_modules: [q_proj, v_proj]", "lora_target", "q_proj,v_proj", ()),
        ("lora_target_modules: all-linear", "lora_target", "all", ()),
        ("train_on_inputs: true", "train_on_prompt", True, ()),
        ("bf16: true", "dtype", "bf16", ()),
        ("bf16: false", "dtype", "fp32", ()),
        ("num_epochs: 0.5", "num_train_epochs", 1, ("num_epochs",)),
        ("num_epochs: 2.2", "num_train_epochs", 3, ("num_epochs",)),
        ("lr_scheduler: rex", "lr_scheduler_type", "cosine", ("lr_scheduler",)),
        ("lr_scheduler: constant", "warmup_ratio", 0.0, ()),
        ("lr_scheduler: constant_with_warmup", "warmup_ratio", 0.03, ()),
        ("warmup_steps: 10", "warmup_ratio", 0.0, ("warmup_steps",)),
        ("max_steps: 50", "num_train_epochs", 1, ("max_steps",)),
        ("chat_template: tokenizer_default", "template", "default", ()),
        ("chat_template: qwen3", "template", "default", ("chat_template",)),
        ("load_in_8bit: false\nsample_packing: false\nval_set_size: 0", "packing", False, ()),
    ],
)
def test_values_with_a_plain_equal_are_taken_over(
    desk: Desk, text: str, field: str, value: object, ignored: tuple[str, ...]
) -> None:
    desk.data("desk.jsonl", PAIR)
    found = desk.describe(f"{DATA}{text}\n")
    assert getattr(found.recipe, field) == value
    assert found.ignored == ignored


@pytest.mark.parametrize("adapter", ["", "adapter:", "adapter: none"])
def test_a_full_fine_tuning_is_named_as_not_followed(desk: Desk, adapter: str) -> None:
    desk.data("desk.jsonl", PAIR)
    found = desk.describe(DATA.replace("adapter: lora", adapter))
    assert found.ignored[0] == "adapter"


def test_a_named_adapter_wins_over_the_output(desk: Desk) -> None:
    desk.data("desk.jsonl", PAIR)
    (desk.configs / "done").mkdir()
    found = desk.describe(DATA + "lora_model_dir: done\noutput_dir: out\n")
    assert found.adapter == str(desk.configs / "done")
    assert desk.describe(DATA + "lora_model_dir:\noutput_dir: out\n").adapter == "out"


def test_the_working_folder_comes_before_the_yamls_own(desk: Desk) -> None:
    beside = desk.data("team/configs/desk.jsonl", PAIR)
    (desk.configs / "m").mkdir()
    found = desk.describe(DATA)
    assert found.data_paths == (str(beside),)
    assert found.model == str(desk.configs / "m")
    above = desk.data("desk.jsonl", PAIR)
    assert desk.describe(DATA).data_paths == (str(above),)


def test_several_data_sets_are_read_in_order(desk: Desk) -> None:
    paths = [desk.data(name, PAIR) for name in ("b.jsonl", "a.json", "d/c.jsonl")]
    listed = "".join(f"  - {{path: {path.relative_to(desk.folder)}}}\n" for path in paths)
    found = desk.describe(LEAST + "datasets:\n" + listed)
    assert found.data_paths == tuple(map(str, paths))


def test_a_folder_is_its_files_for_training(desk: Desk) -> None:
    kept = [desk.data(f"folder/{name}.jsonl", PAIR) for name in ("a", "deep/b")]
    desk.data("folder/.cache/x.jsonl", PAIR)
    desk.data("folder/dataset_infos.json", {})
    desk.data("folder/README.md", {})
    text = LEAST + "datasets: [{path: folder, type: alpaca}]\n"
    assert desk.describe(text).data_paths == tuple(map(str, kept))
    split = [desk.data(f"folder/train-{n}.jsonl", PAIR) for n in range(2)]
    desk.data("folder/test.jsonl", PAIR)
    assert desk.describe(text).data_paths == tuple(map(str, split)), "names tell the split"
    inner = desk.data("folder/train/c.jsonl", PAIR)
    assert desk.describe(text).data_paths == (str(inner),), "folders before names"


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("desk.jsonl", ["desk.jsonl"]),
        ("[desk.jsonl, more.jsonl]", ["desk.jsonl", "more.jsonl"]),
        ("'*.jsonl'", ["desk.jsonl", "more.jsonl"]),
        ("{train: desk.jsonl, test: more.jsonl}", ["desk.jsonl"]),
    ],
)
def test_data_files_are_looked_for_inside_too(desk: Desk, given: str, names: list[str]) -> None:
    for name in ("desk.jsonl", "more.jsonl"):
        desk.data(f"folder/{name}", PAIR)
    text = f"{LEAST}datasets: [{{path: folder, data_files: {given}, ds_type: json}}]\n"
    assert desk.describe(text).data_paths == tuple(str(desk.folder / "folder" / n) for n in names)


def test_a_loader_that_the_name_does_not_tell_is_passed_on(desk: Desk) -> None:
    desk.data("desk.txt", PAIR)
    desk.data("desk.dump", PAIR)
    text = LEAST + "datasets: [{path: desk.%s, ds_type: json}]\n"
    assert desk.describe(text % "txt").data_format == "json"
    assert desk.describe(text % "dump").data_format == "json"
    both = LEAST + "datasets: [{path: desk.dump, ds_type: json}, {path: desk.txt}]\n"
    assert desk.describe(both).data_format == "auto"


@pytest.mark.parametrize(
    "name", ["tatsu-lab/alpaca", "alpaca", "s3://bucket/desk.jsonl", "https://x.org/a.jsonl"]
)
@pytest.mark.parametrize("rest", ["", "    data_files: [a.jsonl]\n"])
def test_a_hubs_data_set_is_to_be_exported(desk: Desk, name: str, rest: str) -> None:
    error = desk.refused(f"{LEAST}datasets:\n  - type: alpaca\n    path: {name}\n{rest}")
    assert error.code == "config_remote"
    assert (error.params["line"], error.params["value"]) == (6, name)
    assert "to_json" in Catalogue.load("en").text(error.code, error.params)


@pytest.mark.parametrize(
    "name", ["dsk.jsonl", "./dsk", "a/b/c", "~/dsk.json", "~nobody/dsk.json", f"{'x' * 300}.json"]
)
def test_a_missing_file_is_named_with_the_nearest(desk: Desk, name: str) -> None:
    near = desk.data("desk.jsonl", PAIR)
    error = desk.refused(f"{LEAST}datasets:\n  - path: {name}\n")
    assert (error.code, error.params["line"]) == ("config_missing", 5)
    if name == "dsk.jsonl":
        assert error.params["nearest"] == str(near)


@pytest.mark.parametrize("name", ["gone.jsonl", "./*.csv", "./a**b.csv"])
def test_a_missing_data_file_is_named(desk: Desk, name: str) -> None:
    (desk.folder / "folder").mkdir()
    text = LEAST + f"datasets:\n  - path: folder\n    data_files: [{name}]\n"
    error = desk.refused(text)
    assert (error.code, error.params["line"]) == ("config_missing", 6)
    assert error.params["value"] == name


def test_a_folder_without_data_is_refused(desk: Desk) -> None:
    (desk.folder / "folder").mkdir()
    (desk.folder / "folder" / "data-00000.arrow").touch()
    error = desk.refused(LEAST + "datasets:\n  - path: folder\n")
    assert (error.code, error.params["line"]) == ("config_no_files", 5)


@pytest.mark.parametrize(
    ("text", "unfit", "line", "write"),
    [
        ("rl: dpo", "stage", 4, "null"),
        ("reward_model: true", "stage", 4, "null"),
        ("adapter: llama-adapter", "full", 4, "lora"),
        ("datasets:\n  - path: desk.jsonl\n    split: test", "part", 6, "train"),
        ("datasets:\n  - path: desk.jsonl\n    split: train[:5%]", "part", 6, "train"),
        ("datasets:\n  - path: desk.jsonl\n    shards: 4", "part", 6, "null"),
        ("datasets:\n  - path: desk.jsonl\n    ds_type: arrow", "format", 6, "json"),
    ],
)
def test_what_cannot_be_audited_names_line_and_remedy(
    desk: Desk, text: str, unfit: str, line: int, write: str
) -> None:
    desk.data("desk.jsonl", PAIR)
    key = text.splitlines()[-1].partition(":")[0].strip()
    least = LEAST.replace("adapter: lora", "strict: true")
    error = desk.refused(f"{least}{text}\n")
    assert error.code == "config_unfit"
    assert (error.params["key"], error.params["unfit"]) == (key, unfit)
    assert (error.params["line"], error.params["write"]) == (line, write)


@pytest.mark.parametrize(
    ("rest", "key"),
    [
        ("type: chat_template\n    field_messages: turns", "field_messages"),
        (
            "type: chat_template\n    message_property_mappings: {role: who, content: what}",
            "message_property_mappings",
        ),
        ("type: chat_template\n    message_field_role: who", "message_property_mappings"),
        ("type: completion\n    field: body", "field"),
        ("type: {field_instruction: ask, field_output: say}", "type"),
    ],
)
def test_columns_that_the_reader_would_not_find_are_refused(
    desk: Desk, rest: str, key: str
) -> None:
    desk.data("desk.jsonl", PAIR)
    error = desk.refused(f"{DATA}    {rest}\n")
    assert (error.code, error.params["key"]) == ("config_column", key)


@pytest.mark.parametrize(
    "rest",
    [
        "type: chat_template",
        "type: chat_template.default\n    field_messages: dialogue",
        "type: sharegpt\n    field_messages: conversations",
        "type: completion\n    field: content",
        "type: {field_instruction: question, field_output: answer, format: '{instruction}'}",
        "type: alpaca_chat.load_qa",
    ],
)
def test_columns_that_the_reader_finds_are_fine(desk: Desk, rest: str) -> None:
    desk.data("desk.jsonl", PAIR)
    odd = "datasets[0].type" in desk.describe(f"{DATA}    {rest}\n").ignored
    assert odd == ("alpaca" in rest or "format" in rest), "prompts of its own are not followed"


def test_plain_text_is_trained_on_whole(desk: Desk) -> None:
    desk.data("desk.jsonl", {"text": "once"})
    text = DATA + "    type: completion\n"
    assert desk.describe(text).recipe.train_on_prompt
    assert not desk.describe(
        text + "  - path: desk.jsonl\n    type: alpaca\n"
    ).recipe.train_on_prompt


@pytest.mark.parametrize(
    ("text", "at", "line"),
    [
        ("lora_r: many", "lora_r", 4),
        ("micro_batch_size: [1]", "micro_batch_size", 4),
        ("num_epochs: lots", "num_epochs", 4),
        ("sequence_len: long", "sequence_len", 4),
        ("base_model: [m]", "base_model", 1),
        ("learning_rate: fast", "learning_rate", 2),
        ("datasets: desk.jsonl", "datasets", 5),
        ("datasets: [desk.jsonl]", "datasets[0]", 5),
        ("datasets:\n  - path: 3", "datasets[0].path", 6),
        ("datasets:\n  - {path: folder, data_files: 3}", "datasets[0].data_files", 6),
    ],
)
def test_a_wrong_type_names_line_and_key(desk: Desk, text: str, at: str, line: int) -> None:
    desk.data("desk.jsonl", PAIR)
    (desk.folder / "folder").mkdir()
    key = text.partition(":")[0]
    given = {"base_model": "base_model: m", "learning_rate": "learning_rate: 1e-4"}
    whole = "base_model: m\nlearning_rate: 1e-4\nadapter: lora\n"
    if key in given:
        whole = whole.replace(given[key], text)
    else:
        whole += "strict: true\n" * text.startswith("datasets") + text + "\n"
    if not text.startswith("datasets"):
        whole += "datasets: [{path: desk.jsonl}]\n"
    error = desk.refused(whole)
    assert (error.code, error.params["at"], error.params["line"]) == ("yaml_value", at, line)


@pytest.mark.parametrize("missing", ["base_model", "learning_rate", "datasets"])
def test_what_it_needs_is_named(desk: Desk, missing: str) -> None:
    desk.data("desk.jsonl", PAIR)
    keys = {
        "base_model": "m",
        "learning_rate": "1e-4",
        "sequence_len": "64",
        "datasets": "[{path: desk.jsonl}]",
    }
    text = "".join(f"{key}: {value}\n" for key, value in keys.items() if key != missing)
    error = desk.refused(text)
    assert (error.code, error.params["key"]) == ("config_needs", missing)
    assert error.params["trainer"] == "axolotl"
    nameless = desk.refused(LEAST + "datasets: [{type: alpaca}]\n")
    assert (nameless.code, nameless.params["key"]) == ("config_needs", "datasets[0].path")


def test_too_small_a_number_is_named_by_its_own_key(desk: Desk) -> None:
    desk.data("desk.jsonl", PAIR)
    error = desk.refused(DATA + "micro_batch_size: 0\n")
    assert (error.code, error.params["key"]) == ("recipe_too_small", "micro_batch_size")
    assert error.params["line"] == 6


def test_the_same_file_named_twice_is_read_twice(desk: Desk, tmp_path: Path) -> None:
    desk.data("desk.jsonl", PAIR)
    loaded = desk.load(LEAST + "datasets: [{path: desk.jsonl}, {path: desk.jsonl}]\n")
    paths = loaded.settings.data.paths
    assert paths == (str(tmp_path / "desk.jsonl"),) * 2
    assert len(list(records.open(paths, key=Key(b"k" * 16)))) == 2
