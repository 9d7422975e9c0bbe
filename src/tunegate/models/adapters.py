"""A base model with a LoRA adapter switched on, and how adapted layers multiply."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MethodType
from typing import Any

from tunegate.errors import InputError, VoidError
from tunegate.models.loading import Base, quiet


@contextmanager
def adapted(base: Base, adapter: Path | None) -> Iterator[None]:
    """The base model with an adapter switched on; plain when `adapter` is None.

    Raises:
        InputError: The adapter's files are damaged, or it was made for another model.
    """
    if adapter is None:
        yield
        return
    path = adapter / "adapter_model.safetensors"
    if not path.is_file():
        raise InputError("adapter_missing", path=adapter.name)
    quiet()
    from peft import (
        PeftConfig,
        PeftModelForCausalLM,
        get_peft_model_state_dict,
        set_peft_model_state_dict,
    )
    from safetensors.torch import load_file

    wrapped = None
    try:
        saved = load_file(path)
        config = PeftConfig.from_pretrained(str(adapter))
        config.inference_mode = True
        wrapped = PeftModelForCausalLM(base.model, config)
        fitting = get_peft_model_state_dict(wrapped, save_embedding_layers=False)
        if saved.keys() != fitting.keys():  # peft would load the half that fits
            raise KeyError(adapter.name)
        set_peft_model_state_dict(wrapped, saved)
    except Exception as error:  # peft raises whatever the mismatch provoked
        if wrapped is not None:
            wrapped.unload()
        raise InputError("adapter_unfit", path=adapter.name) from error
    wrapped.eval()
    join_products(wrapped)
    base.model = wrapped
    try:
        yield
    finally:
        base.model = wrapped.unload()


def check_adapter(base: Base, adapter: Path) -> None:
    """Makes sure that an adapter from elsewhere fits this model, is finite, and changes something.

    Raises:
        InputError: It does not fit, or holds values that are no numbers.
        VoidError: Training left it where it started: every up-projection is zero.
    """
    import torch
    from safetensors.torch import load_file

    with adapted(base, adapter):
        pass
    weights = load_file(adapter / "adapter_model.safetensors")
    if not all(torch.isfinite(value).all() for value in weights.values()):
        raise InputError("adapter_not_finite", path=adapter.name)
    if not any(bool(value.any()) for name, value in weights.items() if ".lora_B." in name):
        raise VoidError("weights_unmoved")


@contextmanager
def adapter_off(base: Base) -> Iterator[None]:
    """Inside `adapted`: the same weights in memory with the adapter switched off."""
    with base.model.disable_adapter():
        yield


def join_products(model: Any) -> None:
    """Lets adapted layers add their low-rank term inside one matrix product.

    peft makes the term, scales it and adds it: three more passes over every layer's output.
    Layers with dropout, several adapters or other variants of LoRA stay with peft.
    """
    from peft.tuners.lora import Linear

    for module in model.modules():
        if isinstance(module, Linear) and _plain(module):
            module.forward = MethodType(_joined_forward, module)


def _plain(layer: Any) -> bool:
    """Whether `base(x) + scaling · B A x` is all that this layer computes."""
    names = list(layer.lora_A)
    return (
        len(names) == 1
        and not layer.lora_variant
        and not layer.lora_bias[names[0]]
        and not getattr(layer.lora_dropout[names[0]], "p", 0.0)
    )


def _joined_forward(layer: Any, x: Any, *_: Any, **__: Any) -> Any:
    import torch

    out = layer.base_layer(x)
    if layer.disable_adapters:
        return out
    name = layer.active_adapters[0]
    # Adapters are kept in fp32 and multiplied in the layer's own type, as autocast does.
    down = (layer.lora_A[name].weight * layer.scaling[name]).to(x.dtype)
    up = layer.lora_B[name].weight.t().to(out.dtype)
    # In place: nothing needs the base layer's own output any more, not even its gradient.
    low = torch.nn.functional.linear(x, down).flatten(0, -2)
    return out.flatten(0, -2).addmm_(low, up).view_as(out)
