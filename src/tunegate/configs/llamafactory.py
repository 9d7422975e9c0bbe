"""LLaMA-Factory 0.9.5: the YAML of `llamafactory-cli train`, with its own defaults.

What would void an audit, or make another training than the one that is measured, is refused here,
before any work: `plant/preflight.py` would notice some of it later, and without the place.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from tunegate.configs import Described
from tunegate.configs.reading import (
    SCHEDULES,
    Config,
    dtype,
    lacking,
    located,
    named,
    needed,
    schedule,
    targets,
    to_recipe,
    unfit,
    unfollowed,
    value,
    warmup,
)
from tunegate.errors import InputError, VoidError
from tunegate.tune import llamafactory
from tunegate.types import Recipe

# The argument names of `llamafactory-cli train`, which refuses any other key; some are those of
# transformers' trainer, in every version that it allows (4.55 to 5.6).
KNOWN = sorted(
    resources.files(__package__).joinpath("llamafactory_keys.txt").read_text("utf-8").split()
)
_INFO = "dataset_info.json"
_LEARNING_RATE = 5e-5  # of transformers' trainer; its other defaults are those of `Recipe`
SAME_NAME = (
    *("learning_rate", "per_device_train_batch_size", "gradient_accumulation_steps"),
    *("lora_rank", "lora_alpha", "lora_dropout", "weight_decay", "max_grad_norm"),
    *("cutoff_len", "template", "mask_history", "train_on_prompt", "max_samples"),
)
_ELSEWHERE = (
    *("model_name_or_path", "dataset", "dataset_dir", "output_dir"),
    *("num_train_epochs", "lora_target", "bf16", "warmup_ratio"),
)


class Rule(NamedTuple):
    """Which values of a key an audit allows.

    Attributes:
        fine: Whether a value does no harm.
        why: Code of the reason, under `void.` or `unfit.`.
        write: The value to write instead.
        void: Whether the audit would mean nothing, rather than not be possible.
    """

    fine: Callable[[Any], bool]
    why: str
    write: str
    void: bool = False


def _off(given: Any) -> bool:
    return not given


def _not_positive(given: Any) -> bool:
    return given is None or (isinstance(given, int | float) and given <= 0)


def _only(*allowed: str | bool | None) -> Callable[[Any], bool]:
    return lambda given: given in allowed


RULES: Mapping[str, Rule] = {
    "packing": Rule(_off, "packing", "false", void=True),
    "neat_packing": Rule(_off, "packing", "false", void=True),
    "val_size": Rule(_not_positive, "val_size", "0", void=True),
    "streaming": Rule(_off, "streaming", "false", void=True),
    "mix_strategy": Rule(_only(None, "concat"), "interleave", "concat", void=True),
    "tokenized_path": Rule(_off, "tokenized_path", "null", void=True),
    "do_train": Rule(_only(True), "no_training", "true"),
    "stage": Rule(_only("sft"), "stage", "sft"),
    "finetuning_type": Rule(_only("lora"), "full", "lora"),
    "lr_scheduler_type": Rule(_only(*SCHEDULES), "schedule", "linear"),
    "max_steps": Rule(_not_positive, "epochs", "-1"),
    "early_stopping_steps": Rule(_off, "epochs", "null"),
    "adapter_name_or_path": Rule(_off, "start", "null"),
    "train_from_scratch": Rule(_off, "start", "false"),
    "quantization_bit": Rule(_off, "base", "null"),
    "mixture_of_depths": Rule(_off, "base", "null"),
    "rope_scaling": Rule(_off, "base", "null"),
    "model_revision": Rule(_only(None, "main"), "base", "main"),
    "pissa_init": Rule(_off, "adapter", "false"),
    "additional_target": Rule(_off, "adapter", "null"),
    "resize_vocab": Rule(_off, "adapter", "false"),
    "add_tokens": Rule(_off, "adapter", "null"),
    "add_special_tokens": Rule(_off, "adapter", "null"),
    "new_special_tokens_config": Rule(_off, "adapter", "null"),
}


def describe(path: Path, keys: Mapping[str, Any]) -> Described:
    """The training that the YAML describes, read as LLaMA-Factory reads it.

    Args:
        path: The YAML, for messages and to find what it names.
        keys: What it holds.

    Raises:
        InputError: It describes another training than supervised LoRA fine-tuning, LLaMA-Factory
            would refuse it, it names no model or dataset, or a value is of the wrong type.
        VoidError: Trained like that, the audit would mean nothing.
    """
    recipe = read_recipe(path, keys)
    config = Config(path, keys)
    model = needed(config, "model_name_or_path", trainer="llamafactory")
    datasets = tuple(llamafactory.datasets(keys))
    if not datasets:
        raise lacking(config, "dataset", trainer="llamafactory")
    followed = {*SAME_NAME, *_ELSEWHERE, *RULES}
    if warmup(config) is not None:
        followed.add("warmup_steps")
    return Described(
        trainer="llamafactory",
        model=located(model, _starts(path)),
        data_paths=(str(_data_folder(path, value(config, "dataset_dir", str, "data"))),),
        datasets=datasets,
        recipe=recipe,
        adapter=located(value(config, "output_dir", str, ""), _starts(path)),
        ignored=unfollowed(config, followed),
    )


def read_recipe(path: Path, keys: Mapping[str, Any]) -> Recipe:
    """The recipe alone; raises like `describe`, but asks for no model and no dataset."""
    config = Config(path, keys)
    _check(config)
    given = {key: keys[key] for key in SAME_NAME if config.has(key)}
    given.setdefault("learning_rate", _LEARNING_RATE)
    if not config.on("lora_alpha"):
        given["lora_alpha"] = 2 * value(config, "lora_rank", int, 8)
    given["num_train_epochs"] = _whole_epochs(config)
    given["lora_target"] = targets(config, "lora_target", "all")
    given["dtype"] = dtype(config)
    given |= schedule(config, "lr_scheduler_type", "linear")
    return to_recipe(config, given, {})


def _check(config: Config) -> None:
    """Refuses, in the file's order, keys that are unknown and values that an audit forbids."""
    for key, given in config.keys.items():
        if key not in KNOWN:
            nearest = difflib.get_close_matches(key, KNOWN, n=1, cutoff=0.0)[0]
            raise InputError("config_key_unknown", **config.place(key), key=key, nearest=nearest)
        rule = RULES.get(key)
        if rule is None or rule.fine(given):
            continue
        if rule.void:
            what = named(config, key, given)
            raise VoidError("config_void", **what, void=rule.why, write=rule.write)
        raise unfit(config, key, given, why=rule.why, write=rule.write)
    if config.on("mask_history") and config.on("train_on_prompt"):
        raise unfit(config, "mask_history", True, why="together", write="false")


def _whole_epochs(config: Config) -> int:
    epochs = value(config, "num_train_epochs", float, 3.0)
    if not epochs.is_integer():
        write = str(max(1, round(epochs)))
        raise unfit(config, "num_train_epochs", epochs, why="epochs", write=write)
    return int(epochs)


def _starts(path: Path) -> tuple[Path, ...]:
    """It takes paths from where it is started: mostly a folder above the YAML."""
    return Path.cwd(), *path.resolve().parents


def _data_folder(path: Path, name: str) -> Path:
    found = [start / name for start in _starts(path) if (start / name / _INFO).is_file()]
    return found[0] if found else Path.cwd() / name
