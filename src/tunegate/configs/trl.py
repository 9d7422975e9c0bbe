"""TRL: the YAML of `trl sft --config`, as far as base model, data, adapter and the plain numbers.

As with axolotl, TuneGate trains the trial itself or audits what TRL left; what it does not follow
(`packing`, `max_steps`, quantised loading …) is named and not refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunegate.configs import Described
from tunegate.configs.localdata import (
    Found,
    check_columns,
    common_format,
    entries,
    find,
    first_columns,
    whole,
)
from tunegate.configs.reading import (
    SCHEDULES,
    Config,
    dtype,
    lacking,
    located,
    needed,
    schedule,
    starts,
    targets,
    to_recipe,
    unfollowed,
    value,
    warmup,
)
from tunegate.types import Json, Recipe

# Field of the recipe → TRL's key.
_NAMES = {
    "learning_rate": "learning_rate",
    "per_device_train_batch_size": "per_device_train_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "cutoff_len": "max_length",
}
_LORA = {"lora_rank": "lora_r", "lora_alpha": "lora_alpha", "lora_dropout": "lora_dropout"}
_DEFAULTS = {"learning_rate": 2e-5, "cutoff_len": 1024}  # where they are not ours
_LORA_DEFAULTS = {"lora_rank": 16, "lora_alpha": 32, "lora_dropout": 0.05}
_LORA_TARGETS = "q_proj,v_proj"  # what peft takes for Llama, Qwen, Mistral, Gemma and their kin
_UNCUT = 1_000_000  # tokens; `max_length: null` cuts nothing
_ELSEWHERE = (
    *("model_name_or_path", "dataset_name", "datasets", "dataset_text_field", "output_dir"),
    *("dataset_train_split", "use_peft", "bf16", "warmup_ratio"),
    *("completion_only_loss", "assistant_only_loss"),
)
_OF_DATASET = ("path", "data_files", "split", "columns", "fraction", "data_dir")
_CHATS = ("messages", "conversations", "prompt")  # columns before which TRL reads no text


def describe(path: Path, keys: Mapping[str, Any]) -> Described:
    """The training that the YAML describes.

    Args:
        path: The YAML, for messages and to find what it names.
        keys: What it holds.

    Raises:
        InputError: It names no base model or no data, the data does not lie on this machine, or a
            value is of the wrong type.
    """
    config = Config(path, keys, strict=False)
    model = needed(config, "model_name_or_path", trainer="trl")
    found = _found(config)
    columns = first_columns(found[0])
    _check_text(config, columns)
    return Described(
        trainer="trl",
        model=located(model, starts(config)),
        data_paths=tuple(str(file) for one in found for file in one.files),
        data_format=common_format(found),
        recipe=_recipe(config, columns),
        adapter=located(value(config, "output_dir", str, ""), starts(config)),
        ignored=_ignored(config),
    )


def _found(config: Config) -> list[Found]:
    """The files of all datasets; as in TRL, `datasets` wins over `dataset_name`."""
    datasets = entries(config)
    if datasets:
        return [_files(dataset, alone=len(datasets) == 1) for dataset in datasets]
    if not config.on("dataset_name"):
        raise lacking(config, "dataset_name", trainer="trl")
    whole(config, "dataset_train_split", "train", write="train")
    return [find(config, "dataset_name")]


def _files(dataset: Config, *, alone: bool) -> Found:
    needed(dataset, "path", trainer="trl")
    whole(dataset, "split", "train", write="train")
    whole(dataset, "data_dir", "", write="null")
    if not alone:  # a share of the mixture; of one dataset that is all of it
        whole(dataset, "fraction", write="null")
    return find(dataset, "path")


def _check_text(config: Config, columns: Sequence[str]) -> None:
    field = value(config, "dataset_text_field", str, "text")
    if field in columns and not any(name in columns for name in _CHATS):
        row: dict[str, Json] = {field: "?"}
        check_columns(config, "dataset_text_field", field, row=row, write="text", prompt=field)


def _recipe(config: Config, columns: Sequence[str]) -> Recipe:
    names = dict(_NAMES)
    given: dict[str, Any] = dict(_DEFAULTS)
    if value(config, "use_peft", bool, False):
        names |= _LORA
        given |= _LORA_DEFAULTS
        given["lora_target"] = targets(config, "lora_target_modules", _LORA_TARGETS)
    given |= {field: config.keys[key] for field, key in names.items() if config.has(key)}
    if "max_length" in config.keys and not config.has("max_length"):
        given["cutoff_len"] = _UNCUT
    given["num_train_epochs"] = math.ceil(value(config, "num_train_epochs", float, 3.0))
    given |= schedule(config, "lr_scheduler_type", "linear")
    given["dtype"] = dtype(config)
    given["train_on_prompt"] = _trains_on_prompt(config, columns)
    return to_recipe(config, given, names)


def _trains_on_prompt(config: Config, columns: Sequence[str]) -> bool:
    """By default TRL leaves the prompt out only of records that are prompt and completion."""
    if value(config, "assistant_only_loss", bool, False):
        return False
    pair = "prompt" in columns and "completion" in columns
    return not value(config, "completion_only_loss", bool, pair)


def _ignored(config: Config) -> tuple[str, ...]:
    followed = {*_NAMES.values(), *_ELSEWHERE}
    if value(config, "num_train_epochs", float, 3.0).is_integer():
        followed.add("num_train_epochs")
    if value(config, "lr_scheduler_type", str, "linear") in SCHEDULES:
        followed.add("lr_scheduler_type")
    if warmup(config) is not None:
        followed.add("warmup_steps")
    # Without an adapter all weights are tuned, and the trial still trains one.
    full = () if value(config, "use_peft", bool, False) else ("use_peft",)
    if not full:
        followed |= {*_LORA.values(), "lora_target_modules"}
    inside = [way for one in entries(config) for way in unfollowed(one, {*_OF_DATASET})]
    return (*full, *unfollowed(config, followed), *inside)
