"""LoRA adapters on a frozen base (Hu et al. 2021), by way of peft."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tunegate.errors import InputError
from tunegate.models.adapters import CONFIG, WEIGHTS, join_products, read_config
from tunegate.models.loading import Base, quiet
from tunegate.types import Recipe


def attach(base: Base, recipe: Recipe, *, seed: int) -> Any:
    """The base wrapped with a fresh adapter whose initial weights depend on `seed` alone.

    Raises:
        InputError: `lora_target` names no module of this model.
    """
    quiet()
    import torch
    from peft import LoraConfig, get_peft_model

    everything = recipe.lora_target == "all"
    targets = "all-linear" if everything else sorted(recipe.lora_target.split(","))
    config = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules=targets,
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(seed)
    try:
        model = get_peft_model(base.model, config)
    except ValueError as error:
        raise InputError("lora_target_unknown", target=recipe.lora_target) from error
    join_products(model)
    return model


def trainable(model: Any) -> list[Any]:
    """The adapter's parameters, in the model's own order."""
    return [p for p in model.parameters() if p.requires_grad]


def save(model: Any, folder: Path) -> None:
    """Writes adapter weights and configuration; the same adapter gives the same bytes."""
    model.save_pretrained(str(folder), safe_serialization=True)
    (folder / "README.md").unlink(missing_ok=True)
    write_config(folder / CONFIG, folder / CONFIG)


def write_config(source: Path, target: Path) -> None:
    """Writes an adapter's configuration so that equal ones have equal bytes.

    Raises:
        InputError: It is no JSON object.
    """
    config = read_config(source.parent)
    for key, value in config.items():
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            config[key] = sorted(value)  # peft keeps these as sets, whose order is random
    target.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", "utf-8")


def restore(model: Any, folder: Path) -> None:
    """Puts saved weights into a freshly attached adapter."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    set_peft_model_state_dict(model, load_file(folder / WEIGHTS))


def detach(base: Base, model: Any) -> None:
    """Gives the plain base model back."""
    base.model = model.unload()
