"""A base model with an adapter switched on, or a whole tuned model in its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MethodType
from typing import Any

from tunegate.errors import InputError, VoidError
from tunegate.models.loading import Base, load_weights, quiet

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_HARMLESS = (True, False, "gaussian", "orthogonal")  # ways to begin that leave the base alone
_PICKLE = "adapter_model.bin"
_LAYER = re.compile(r"\.layers\.(\d+)\.")
_LONGEST_HEADER = 100 << 20  # bytes; the format's own bound


@contextmanager
def adapted(base: Base, adapter: Path | None) -> Iterator[None]:
    """The base model with an adapter switched on; plain when `adapter` is None.

    Args:
        base: The base model; it is given back as it was.
        adapter: Folder of an adapter, or of a whole model that was tuned from the base.

    Raises:
        InputError: The files are damaged, or were made for another model.
    """
    if adapter is None:
        yield
        return
    if is_whole_model(adapter):
        with _replaced(base, adapter):
            yield
        return
    saved = _weights(adapter)
    _check_kind(adapter)
    quiet()
    from peft import (
        PeftConfig,
        PeftModelForCausalLM,
        get_peft_model_state_dict,
        set_peft_model_state_dict,
    )

    wrapped = None
    try:
        config = PeftConfig.from_pretrained(str(adapter))
        config.inference_mode = True
        wrapped = PeftModelForCausalLM(base.model, config)
        fitting = get_peft_model_state_dict(wrapped, save_embedding_layers=False)
        if {k: v.shape for k, v in saved.items()} != {k: v.shape for k, v in fitting.items()}:
            raise KeyError(adapter.name)  # peft would load the half that fits
        _check_depth(base, saved, config)
        set_peft_model_state_dict(wrapped, saved)
    except Exception as error:  # peft raises whatever the mismatch provoked
        if wrapped is not None:
            wrapped.unload()
        raise InputError("adapter_unfit", path=adapter.name, base=base.name) from error
    wrapped.eval()
    join_products(wrapped)
    base.model = wrapped
    try:
        yield
    finally:
        base.model = wrapped.unload()


def is_whole_model(folder: Path) -> bool:
    """Whether a folder holds a whole model rather than an adapter."""
    return (folder / "config.json").is_file() and not (folder / CONFIG).is_file()


@contextmanager
def _replaced(base: Base, folder: Path) -> Iterator[None]:
    """A tuned model in the base's place; both stay in memory, for comparing."""
    whole = load_weights(folder, dtype=base.dtype, device=base.device, strict=True)
    if whole.config.vocab_size != base.model.config.vocab_size:
        raise InputError("model_unfit", path=folder.name, base=base.name)
    base.plain, base.model = base.model, whole
    try:
        yield
    finally:
        base.plain, base.model = None, base.plain


def read_config(adapter: Path) -> dict[str, Any]:
    """An adapter's configuration.

    Raises:
        InputError: It cannot be read, or is no JSON object.
    """
    try:
        return dict(json.loads((adapter / CONFIG).read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InputError("adapter_damaged", path=f"{adapter.name}/{CONFIG}") from error


def _check_kind(adapter: Path) -> None:
    """Refuses what is no LoRA, and initialisations that would rewrite the base model's weights.

    peft carries the latter out again when the adapter is attached, and never undoes them.

    Raises:
        InputError: It is one of these, or its configuration cannot be read.
    """
    config = read_config(adapter)
    kind, start = str(config.get("peft_type")), config.get("init_lora_weights", True)
    if kind != "LORA":
        raise InputError("adapter_kind", path=adapter.name, key="peft_type", value=kind[:40])
    if start not in _HARMLESS:
        key, value = "init_lora_weights", str(start)[:40]
        raise InputError("adapter_kind", path=adapter.name, key=key, value=value)


def _check_depth(base: Base, saved: Mapping[str, Any], config: Any) -> None:
    """An adapter of a shallower model fits the first layers of a deeper one to the last number."""
    if config.layers_to_transform is not None or isinstance(config.target_modules, str):
        return  # somebody chose the layers
    touched = {int(found[1]) for name in saved if (found := _LAYER.search(name))}
    if touched and touched != set(range(base.model.config.num_hidden_layers)):
        raise KeyError(str(max(touched)))


def check_file(adapter: Path) -> Path:
    """The file with an adapter's weights, safetensors as far as its first bytes tell.

    Raises:
        InputError: It is missing, damaged, or a pickle under whatever name.
    """
    path = adapter / WEIGHTS
    if not path.is_file():
        if (adapter / _PICKLE).is_file():
            raise InputError("adapter_pickle", path=f"{adapter.name}/{_PICKLE}")
        raise InputError("adapter_missing", path=adapter.name)
    with path.open("rb") as file:
        head = file.read(9)
    # A safetensors file begins with its header's length and a brace; a pickle or an archive of
    # pickles, such as torch.save writes, does not.
    if len(head) < 9 or head[8:] != b"{" or int.from_bytes(head[:8], "little") > _LONGEST_HEADER:
        disguised = head[:2] == b"PK" or head[:1] == b"\x80"
        raise InputError(
            "adapter_pickle" if disguised else "adapter_damaged", path=f"{adapter.name}/{WEIGHTS}"
        )
    return path


def _weights(adapter: Path) -> dict[str, Any]:
    """An adapter's tensors, read as safetensors and as nothing else."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = check_file(adapter)
    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise InputError("adapter_damaged", path=f"{adapter.name}/{WEIGHTS}") from error


def check_whole(base: Base, folder: Path) -> None:
    """Makes sure that a whole tuned model is complete, finite, and another than the base.

    Raises:
        InputError: It lacks weights, has another vocabulary, or holds values that are no numbers.
        VoidError: All of its weights are the base's.
    """
    import torch

    plain = dict(base.model.named_parameters())
    with _replaced(base, folder):
        tuned = dict(base.model.named_parameters())
        if not all(bool(torch.isfinite(value).all()) for value in tuned.values()):
            raise InputError("adapter_not_finite", path=folder.name)
        if plain.keys() == tuned.keys() and all(
            torch.equal(plain[name], value) for name, value in tuned.items()
        ):
            raise VoidError("weights_unmoved")


def check_adapter(base: Base, adapter: Path) -> None:
    """Makes sure that an adapter from elsewhere fits this model, is finite, and changes something.

    Raises:
        InputError: It does not fit, or holds values that are no numbers.
        VoidError: Training left it where it started: every up-projection is zero.
    """
    import torch

    with adapted(base, adapter):
        pass
    weights = _weights(adapter)
    if not all(torch.isfinite(value).all() for value in weights.values()):
        raise InputError("adapter_not_finite", path=adapter.name)
    if not any(bool(value.any()) for name, value in weights.items() if ".lora_B." in name):
        raise VoidError("weights_unmoved")


@contextmanager
def adapter_off(base: Base) -> Iterator[None]:
    """Inside `adapted`: the same weights in memory with the adapter switched off."""
    if base.plain is None:
        with base.model.disable_adapter():
            yield
        return
    base.plain, base.model = base.model, base.plain
    try:
        yield
    finally:
        base.plain, base.model = base.model, base.plain


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
