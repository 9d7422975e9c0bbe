"""axolotl: its YAML, as far as base model, data, adapter and the plain numbers of the recipe.

TuneGate trains the trial itself, or audits the adapter that axolotl left; so what it does not
follow (`sample_packing`, `val_set_size`, quantised loading …) is named and not refused.
"""

from __future__ import annotations

import math
import re
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
    known_loader,
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
    unfit,
    unfollowed,
    value,
    warmup,
)
from tunegate.types import Json, Recipe
from tunegate.yamlfile import one_line

# Field of the recipe → axolotl's key.
_NAMES = {
    "learning_rate": "learning_rate",
    "per_device_train_batch_size": "micro_batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "lora_rank": "lora_r",
    "lora_alpha": "lora_alpha",
    "lora_dropout": "lora_dropout",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "cutoff_len": "sequence_len",
}
_DEFAULTS = {"per_device_train_batch_size": 1, "cutoff_len": 512}  # where they are not ours
_WARMUP = 0.03  # where it is given neither as a share nor in steps
_ELSEWHERE = (
    *("base_model", "datasets", "adapter", "lora_model_dir", "output_dir", "bf16"),
    *("lora_target_linear", "lora_target_modules", "warmup_ratio", "train_on_inputs"),
)
_FULL = (None, "", "none")
_ADAPTERS = ("lora", "qlora", *_FULL)
_OF_DATASET = (
    *("path", "data_files", "ds_type", "split", "shards", "type", "field", "field_messages"),
    *("message_property_mappings", "message_field_role", "message_field_content"),
)
_CHAT = ("chat_template", "sharegpt", "messages")
_TEXT = "completion"


def describe(path: Path, keys: Mapping[str, Any]) -> Described:
    """The training that the YAML describes.

    Args:
        path: The YAML, for messages and to find what it names.
        keys: What it holds.

    Raises:
        InputError: It is no supervised fine-tuning, names no base model or no data, the data does
            not lie on this machine, or a value is of the wrong type.
    """
    config = Config(path, keys, strict=False)
    for key in ("rl", "reward_model", "process_reward_model"):
        if config.on(key):
            raise unfit(config, key, keys[key], why="stage", write="null")
    if keys.get("adapter") not in _ADAPTERS:
        raise unfit(config, "adapter", keys["adapter"], why="full", write="lora")
    model = needed(config, "base_model", trainer="axolotl")
    if not config.has("learning_rate"):
        raise lacking(config, "learning_rate", trainer="axolotl")
    data = entries(config)
    if not data:
        raise lacking(config, "datasets", trainer="axolotl")
    found = [_files(dataset) for dataset in data]
    adapter = value(config, "lora_model_dir", str, "") or value(config, "output_dir", str, "")
    return Described(
        trainer="axolotl",
        model=located(model, starts(config)),
        data_paths=tuple(str(file) for one in found for file in one.files),
        data_format=common_format(found),
        recipe=_recipe(config, data),
        adapter=located(adapter, starts(config)),
        ignored=_ignored(config, data),
    )


def _recipe(config: Config, data: Sequence[Config]) -> Recipe:
    given: dict[str, Any] = dict(_DEFAULTS)
    given |= {field: config.keys[key] for field, key in _NAMES.items() if config.has(key)}
    given["num_train_epochs"] = math.ceil(value(config, "num_epochs", float, 1.0))
    given |= schedule(config, "lr_scheduler", "cosine", warm=_WARMUP)
    linear = value(config, "lora_target_linear", bool, False)
    given["lora_target"] = "all" if linear else targets(config, "lora_target_modules", "all")
    given["dtype"] = dtype(config)
    if config.keys.get("chat_template") == "chatml":
        given["template"] = "chatml"
    # Plain text has no question: it is trained on from its first token.
    given["train_on_prompt"] = value(config, "train_on_inputs", bool, False) or all(
        _kind(dataset) == _TEXT for dataset in data
    )
    return to_recipe(config, given, {**_NAMES, "num_train_epochs": "num_epochs"})


def _ignored(config: Config, data: Sequence[Config]) -> tuple[str, ...]:
    followed = {*_NAMES.values(), *_ELSEWHERE}
    if value(config, "num_epochs", float, 1.0).is_integer():
        followed.add("num_epochs")
    if value(config, "lr_scheduler", str, "cosine") in SCHEDULES:
        followed.add("lr_scheduler")
    if warmup(config) is not None:
        followed.add("warmup_steps")
    if config.keys.get("chat_template") in ("chatml", "tokenizer_default"):
        followed.add("chat_template")
    # Without an adapter all weights are tuned, and the trial still trains one.
    full = ("adapter",) if config.keys.get("adapter") in _FULL else ()
    inside: list[str] = []
    for dataset in data:
        own_prompts = dataset.on("type") and _kind(dataset) not in (*_CHAT, _TEXT)
        inside += [dataset.way("type")] if own_prompts else []
        inside += unfollowed(dataset, {*_OF_DATASET})
    return (*full, *unfollowed(config, followed), *inside)


def _kind(dataset: Config) -> str:
    """How axolotl makes prompts of records: `chat_template.default` → `chat_template`."""
    kind = dataset.keys.get("type")
    return re.split(r"[.:]", kind)[0] if isinstance(kind, str) else ""


def _files(dataset: Config) -> Found:
    """A dataset's files, once it is sure that all of them and the right columns are read."""
    needed(dataset, "path", trainer="axolotl")
    whole(dataset, "split", "train", write="train")
    whole(dataset, "shards", 0, 1, write="null")
    found = find(dataset, "path", loader=known_loader(dataset, "ds_type"))
    if _kind(dataset) in _CHAT:
        _check_chat(dataset)
    elif _kind(dataset) == _TEXT:
        field = value(dataset, "field", str, "text")
        row: dict[str, Json] = {field: "?"}
        check_columns(dataset, "field", field, row=row, write="text", prompt=field)
    elif isinstance(dataset.keys.get("type"), Mapping):
        _check_pair(dataset)
    return found


def _check_chat(dataset: Config) -> None:
    messages = value(dataset, "field_messages", str, "messages")
    row: dict[str, Json] = {messages: [{"role": "user", "content": "?"}]}
    check_columns(dataset, "field_messages", messages, row=row, write="messages", messages=messages)
    key = "message_property_mappings"
    mapping = {
        "role": value(dataset, "message_field_role", str, "role"),
        "content": value(dataset, "message_field_content", str, "content"),
    } | value(dataset, key, dict[str, str], {})
    role, content = mapping["role"], mapping["content"]
    row = {messages: [{role: "user", content: "?"}]}
    shown, write = {"role": role, "content": content}, "{role: role, content: content}"
    check_columns(dataset, key, shown, row=row, write=write, role_tag=role, content_tag=content)


def _check_pair(dataset: Config) -> None:
    """The columns of a prompt format of the user's own."""
    given = dataset._replace(keys=dataset.keys["type"], at=dataset.way("type"))
    usual = ("instruction", "input", "output")
    names = [value(given, f"field_{name}", str, name) for name in usual]
    row: dict[str, Json] = dict.fromkeys(names, "?")
    wanted = dict(zip(("prompt", "query", "response"), names, strict=True))
    shown = {f"field_{name}": to for name, to in zip(usual, names, strict=True)}
    write = one_line({f"field_{name}": name for name in usual})
    check_columns(dataset, "type", shown, row=row, write=write, **wanted)
