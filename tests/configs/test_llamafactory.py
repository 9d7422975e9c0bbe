from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.configs.conftest import Desk

from tunegate import settings
from tunegate.configs import dialect_of, llamafactory
from tunegate.errors import InputError, VoidError
from tunegate.present.catalogue import LANGUAGES, Catalogue
from tunegate.tune.llamafactory import VARIABLE
from tunegate.types import Recipe

SFT = """
### model
model_name_or_path: Qwen/Qwen3-4B-Instruct
trust_remote_code: true
### method
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 16
lora_target: all
### dataset
dataset: identity, alpaca_en_demo
template: qwen3_nothink
cutoff_len: 1024
max_samples: 1000
### output
output_dir: saves/desk
logging_steps: 10
resume_from_checkpoint: null
### train
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
"""
LEAST = "model_name_or_path: m\ndataset: a\n"


def test_a_yaml_is_taken_as_it_is(desk: Desk) -> None:
    desk.data("data/dataset_info.json", {})
    found = desk.describe(SFT)
    assert found.ignored == ("logging_steps", "trust_remote_code")
    assert found.model == "Qwen/Qwen3-4B-Instruct"
    assert found.datasets == ("identity", "alpaca_en_demo")
    assert found.data_paths == (str(desk.folder / "data"),)
    assert found.adapter == "saves/desk"
    assert found.recipe == Recipe(
        learning_rate=1e-4,
        num_train_epochs=3,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=8,
        lora_rank=16,
        lora_alpha=32,
        lr_scheduler_type="cosine",
        warmup_ratio=0.1,
        cutoff_len=1024,
        template="qwen3_nothink",
        max_samples=1000,
        dtype="bf16",
    )


def test_settings_hold_what_it_describes(desk: Desk) -> None:
    (desk.folder / "saves" / "desk").mkdir(parents=True)
    loaded = desk.load(SFT)
    assert loaded.settings.trainer == "native"
    assert loaded.settings.llamafactory.config == str(desk.configs / "train.yaml")
    assert loaded.adapter == str(desk.folder / "saves" / "desk")
    assert loaded.ignored == ("logging_steps", "trust_remote_code")


def test_defaults_are_its_own(desk: Desk) -> None:
    found = desk.describe("model_name_or_path: m\ndataset: [a, b]\n")
    own = Recipe(learning_rate=5e-5)
    assert found.recipe == own
    assert (own.lora_rank, own.lora_alpha, own.cutoff_len) == (8, 16, 2048)
    assert (own.num_train_epochs, own.per_device_train_batch_size) == (3, 8)
    assert not own.packing
    assert found.datasets == ("a", "b")
    assert found.adapter == ""


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("lora_rank: 4", "lora_alpha", 8),
        ("lora_alpha: 0", "lora_alpha", 16),
        ("lora_alpha: 5", "lora_alpha", 5),
        ("lora_target: [q_proj, v_proj]", "lora_target", "q_proj,v_proj"),
        ("bf16: false", "dtype", "fp32"),
        ("warmup_steps: 0.2", "warmup_ratio", 0.2),
        ("warmup_steps: 20", "warmup_ratio", 0.0),
        ("lr_scheduler_type: constant_with_warmup\nwarmup_ratio: 0.1", "warmup_ratio", 0.1),
        ("lr_scheduler_type: constant\nwarmup_ratio: 0.1", "warmup_ratio", 0.0),
        ("max_samples: 7", "max_samples", 7),
        ("mask_history: true", "mask_history", True),
        ("packing: null\nval_size: 0.0\nmax_steps: -1\nmix_strategy: concat", "packing", False),
    ],
)
def test_values_are_read_as_it_reads_them(desk: Desk, text: str, field: str, value: object) -> None:
    assert getattr(desk.describe(f"{LEAST}{text}\n").recipe, field) == value


def test_a_data_set_for_evaluation_does_no_harm(desk: Desk) -> None:
    assert desk.describe(LEAST + "eval_dataset: b\n").ignored == ("eval_dataset",)
    assert desk.describe(LEAST + "warmup_steps: 20\n").ignored == ("warmup_steps",)
    assert desk.describe(LEAST + "warmup_steps: 0.1\n").ignored == ()


def test_folders_are_found_above_the_yaml(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.data("data/dataset_info.json", {})
    for name in ("models/tiny", "saves/x", "elsewhere"):
        (desk.folder / name).mkdir(parents=True)
    monkeypatch.chdir(desk.folder / "elsewhere")
    text = "model_name_or_path: models/tiny\ndataset: a\noutput_dir: saves/x\n"
    found = desk.describe(text)
    assert found.data_paths == (str(desk.folder / "data"),)
    assert found.model == str(desk.folder / "models/tiny")
    assert found.adapter == str(desk.folder / "saves/x")


VOID = {
    "packing: true": "false",
    "neat_packing: true": "false",
    "val_size: 0.1": "0",
    "val_size: 20": "0",
    "streaming: true": "false",
    "mix_strategy: interleave_under": "concat",
    "mix_strategy: interleave_over": "concat",
    "mix_strategy: interleave_once": "concat",
    "tokenized_path: cache/desk": "null",
}
UNFIT = {
    "stage: dpo": "sft",
    "stage: pt": "sft",
    "finetuning_type: full": "lora",
    "finetuning_type: freeze": "lora",
    "finetuning_type: oft": "lora",
    "do_train: false": "true",
    "lr_scheduler_type: polynomial": "linear",
    "max_steps: 100": "-1",
    "num_train_epochs: 0.5": "1",
    "num_train_epochs: 2.6": "3",
    "early_stopping_steps: 3": "null",
    "adapter_name_or_path: saves/x": "null",
    "train_from_scratch: true": "false",
    "quantization_bit: 4": "null",
    "mixture_of_depths: convert": "null",
    "rope_scaling: yarn": "null",
    "model_revision: v2": "main",
    "pissa_init: true": "false",
    "additional_target: embed_tokens": "null",
    "resize_vocab: true": "false",
    "add_tokens: <a>": "null",
    "add_special_tokens: <a>": "null",
    "new_special_tokens_config: tokens.yaml": "null",
}


@pytest.mark.parametrize(
    ("line", "write", "code", "kind"),
    [(line, write, "config_void", VoidError) for line, write in VOID.items()]
    + [(line, write, "config_unfit", InputError) for line, write in UNFIT.items()],
)
def test_another_training_than_the_one_measured_is_refused_at_its_place(
    desk: Desk, line: str, write: str, code: str, kind: type[InputError]
) -> None:
    error = desk.refused(f"{LEAST}# a comment\n{line}\nlogging_steps: 1\n", kind)
    key, _, value = line.partition(": ")
    assert error.code == code
    assert error.params["line"] == 4
    assert (error.params["key"], error.params["value"]) == (key, value)
    assert error.params["write"] == write
    said = Catalogue.load("en").text(error.code, error.params)
    assert "line 4" in said
    assert f"Write `{key}: {write}`" in said
    repaired = desk.describe(f"{LEAST}{key}: {write}\n")
    assert repaired.recipe.val_size == 0


def test_every_rule_is_tried_and_has_its_reason_in_both_languages() -> None:
    tried = {line.partition(":")[0] for line in (*VOID, *UNFIT)}
    assert tried >= llamafactory.RULES.keys()
    for lang in LANGUAGES:
        words = Catalogue.load(lang).codes()
        for rule in llamafactory.RULES.values():
            assert f"{'void' if rule.void else 'unfit'}.{rule.why}" in words


def test_prompt_and_masked_history_together_are_refused(desk: Desk) -> None:
    error = desk.refused(LEAST + "train_on_prompt: true\nmask_history: true\n")
    assert (error.code, error.params["unfit"]) == ("config_unfit", "together")
    assert (error.params["line"], error.params["write"]) == (4, "false")


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ("learning_rat: 1e-4", "learning_rate"),
        ("lora_r: 8", "lora_rank"),
        ("lora_alfa: 8", "lora_alpha"),
        ("num_epochs: 3", "num_train_epochs"),
        ("compute_dtype: bf16", "compute_accuracy"),
    ],
)
def test_a_key_that_it_does_not_know_is_refused(desk: Desk, line: str, nearest: str) -> None:
    error = desk.refused(f"{LEAST}\n{line}\n")
    assert error.code == "config_key_unknown"
    assert error.params["line"] == 4
    assert error.params["nearest"] == nearest


@pytest.mark.parametrize("missing", ["model_name_or_path", "dataset"])
@pytest.mark.parametrize("empty", [True, False])
def test_what_it_needs_is_named(desk: Desk, missing: str, empty: bool) -> None:
    keys = {"model_name_or_path": "m", "dataset": "a", "stage": "sft"}
    keys = {**keys, missing: ""} if empty else {k: v for k, v in keys.items() if k != missing}
    error = desk.refused(yaml.safe_dump(keys))
    assert (error.code, error.params["key"]) == ("config_needs", missing)
    assert error.params["trainer"] == "LLaMA-Factory"


@pytest.mark.parametrize(
    "line",
    [
        "cutoff_len: long",
        "lora_rank: many",
        "lora_rank: 8.5",
        "num_train_epochs: lots",
        "num_train_epochs: .inf",
        "learning_rate: [1]",
        "lora_target: {a: b}",
        "lora_target: [1, 2]",
        "bf16: sometimes",
        "warmup_ratio: half",
        "warmup_steps: few",
        "dataset_dir: 3",
        "output_dir: [a]",
        "max_samples: all",
        "mask_history: maybe",
    ],
)
def test_a_wrong_type_names_line_and_key(desk: Desk, line: str) -> None:
    error = desk.refused(f"# mine\n{LEAST}{line}\n")
    assert error.code == "yaml_value"
    assert (error.params["line"], error.params["at"]) == (4, line.partition(":")[0])


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("num_train_epochs: 0", "recipe_too_small"),
        ("per_device_train_batch_size: 0", "recipe_too_small"),
        ("learning_rate: 0", "recipe_learning_rate"),
        ("learning_rate: .nan", "recipe_learning_rate"),
    ],
)
def test_what_trains_nothing_is_refused_at_its_place(desk: Desk, line: str, code: str) -> None:
    error = desk.refused(f"{LEAST}{line}\n")
    assert (error.code, error.params["line"]) == (code, 3)


def test_the_recipe_alone_asks_for_no_data(desk: Desk) -> None:
    path = desk.write("stage: sft\nlora_rank: 2\n")
    assert llamafactory.read_recipe(path, {"stage": "sft", "lora_rank": 2}).lora_alpha == 4


def test_as_the_trainer_it_is_checked_too(desk: Desk) -> None:
    named = settings.LlamaFactory(config=str(desk.write(LEAST + "cutoff_len: 64\n")))
    given = settings.Settings(llamafactory=named)
    taken = settings.with_llamafactory(given)
    assert (taken.trainer, taken.recipe.cutoff_len) == ("llamafactory", 64)
    desk.write(LEAST + "val_size: 0.1\n")
    with pytest.raises(VoidError):
        settings.with_llamafactory(given)
    with pytest.raises(InputError) as caught:
        settings.with_llamafactory(settings.Settings())
    assert caught.value.code == "llamafactory_no_config"


@pytest.mark.parametrize(
    ("keys", "dialect"),
    [
        ({"model_name_or_path": "m", "dataset": "a"}, "llamafactory"),
        ({"model_name_or_path": "m", "stage": "sft", "datasets": []}, "llamafactory"),
        ({"model_name_or_path": "m"}, "llamafactory"),
        ({"base_model": "m", "datasets": []}, "axolotl"),
        ({"base_modle": "m", "datasets": [], "micro_batch_size": 1}, "axolotl"),
        ({"model_name_or_path": "m", "dataset_name": "d"}, "trl"),
        ({"model_name_or_path": "m", "datasets": []}, "trl"),
        ({"model_name_or_path": "m", "use_peft": True}, "trl"),
        ({"model": "m", "data": {}}, None),
        ({"model": "m", "datasets": []}, None),
        ({}, None),
    ],
)
def test_the_keys_tell_whose_file_it_is(keys: dict[str, object], dialect: str | None) -> None:
    assert dialect_of(keys) == dialect


ASK = """
import dataclasses, json
from llamafactory.hparams.parser import _TRAIN_ARGS
found = [field for kind in _TRAIN_ARGS for field in dataclasses.fields(kind) if field.init]
plain = (int, float, str, bool, type(None))
print("\\n" + json.dumps({f.name: f.default for f in found if isinstance(f.default, plain)}))
print(json.dumps([f.name for f in found]))
"""


@pytest.mark.llamafactory
@pytest.mark.skipif(not os.environ.get(VARIABLE), reason="no environment of LLaMA-Factory's")
def test_keys_and_defaults_are_those_of_the_installed_one() -> None:
    python = Path(os.environ[VARIABLE]) / "bin" / "python"
    environment = {**os.environ, "DISABLE_VERSION_CHECK": "1"}
    done = subprocess.run(
        [python, "-c", ASK], env=environment, capture_output=True, text=True, check=True
    )
    defaults, names = (json.loads(line) for line in done.stdout.splitlines()[-2:])
    assert set(names) <= set(llamafactory.KNOWN)
    ours = {**{key: getattr(Recipe(), key) for key in llamafactory.SAME_NAME}}
    ours |= {"learning_rate": 5e-5, "num_train_epochs": 3, "lr_scheduler_type": "linear"}
    ours |= {"lora_alpha": None, "template": None, "packing": None, "val_size": 0.0}
    assert {key: defaults[key] for key in ours if key in defaults} == ours
