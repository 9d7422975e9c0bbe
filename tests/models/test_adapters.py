"""Adapters: the joined product is peft's own, and they leave no trace on the base."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.tiny import same_weights, weights, write_adapter, write_model

from tunegate.errors import InputError, VoidError
from tunegate.models.adapters import adapted, adapter_off, check_whole
from tunegate.models.loading import Base, load
from tunegate.tune import lora
from tunegate.types import Recipe

RECIPE = Recipe(lora_rank=4, lora_alpha=12)


def test_the_joined_product_is_pefts_own(base: Base) -> None:
    from peft.tuners.lora import Linear

    model = lora.attach(base, RECIPE, seed=1)
    try:
        for parameter in lora.trainable(model):
            torch.nn.init.normal_(parameter, std=0.3)
        layers = [m for m in model.modules() if isinstance(m, Linear)]
        assert len(layers) == 14
        for layer in layers:
            x = torch.randn(2, 5, layer.in_features)
            fused = layer(x)
            plain = Linear.forward(layer, x)
            assert torch.allclose(fused, plain, atol=1e-5)
            assert not torch.allclose(plain, layer.base_layer(x), atol=1e-2)
            one, other = (
                torch.autograd.grad(out.square().sum(), [*layer.lora_A.parameters()])[0]
                for out in (layer(x), Linear.forward(layer, x))
            )
            assert torch.allclose(one, other, rtol=1e-3, atol=1e-2)
    finally:
        lora.detach(base, model)


def test_dropout_takes_pefts_forward(base: Base) -> None:
    model = lora.attach(base, Recipe(lora_dropout=0.5), seed=1)
    joined = [m for m in model.modules() if "forward" in vars(m)]
    lora.detach(base, model)
    assert joined == []


def test_an_adapter_is_on_inside_and_can_be_switched_off(base: Base, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "adapter")
    ids = torch.arange(2, 12)[None]
    with torch.inference_mode():
        plain = base.model(input_ids=ids).logits
        with adapted(base, adapter):
            tuned = base.model(input_ids=ids).logits
            with adapter_off(base):
                off = base.model(input_ids=ids).logits
    assert torch.equal(plain, off)
    assert not torch.allclose(plain, tuned, atol=1e-3)


def test_an_adapter_is_taken_off_even_after_a_failure(base: Base, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "adapter")
    model, before = base.model, weights(base)
    with pytest.raises(RuntimeError), adapted(base, adapter):
        assert base.model is not model
        raise RuntimeError
    assert base.model is model
    assert same_weights(weights(base), before)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("peft_type", "IA3"),
        ("init_lora_weights", "pissa"),
        ("init_lora_weights", "pissa_niter_4"),
        ("init_lora_weights", "olora"),
        ("init_lora_weights", "loftq"),
    ],
)
def test_what_would_rewrite_the_base_is_refused_before_it_is_attached(
    base: Base, tmp_path: Path, key: str, value: str
) -> None:
    adapter = write_adapter(base, tmp_path / "adapter")
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {key: value}))
    before = weights(base)
    with pytest.raises(InputError) as caught, adapted(base, adapter):
        pass
    assert caught.value.code == "adapter_kind"
    assert same_weights(weights(base), before)


def merged(base: Base, tmp_path: Path) -> Path:
    """A whole model, tuned from the base."""
    adapter = write_adapter(base, tmp_path / "adapter")
    other = load(base_folder(base), dtype="fp32")
    with adapted(other, adapter):
        other.model.merge_and_unload().save_pretrained(tmp_path / "merged")
    return tmp_path / "merged"


def base_folder(base: Base) -> str:
    """Where the tiny model lies."""
    return str(base.model.config.name_or_path)


def test_a_whole_model_stands_in_the_bases_place_and_leaves_no_trace(
    base: Base, tmp_path: Path
) -> None:
    folder = merged(base, tmp_path)
    check_whole(base, folder)
    model, ids = base.model, torch.arange(2, 12)[None]
    with torch.inference_mode():
        plain = base.model(input_ids=ids).logits
        with adapted(base, tmp_path / "adapter"):
            tuned = base.model(input_ids=ids).logits
        with adapted(base, folder):
            whole = base.model(input_ids=ids).logits
            with adapter_off(base):
                off = base.model(input_ids=ids).logits
    assert base.model is model
    assert torch.equal(off, plain)
    assert torch.allclose(whole, tuned, atol=1e-4)
    assert not torch.allclose(whole, plain, atol=1e-2)


def test_a_whole_model_that_is_the_base_did_not_move(base: Base) -> None:
    with pytest.raises(VoidError):
        check_whole(base, Path(base_folder(base)))


def test_a_whole_model_that_lacks_weights_is_refused(base: Base, tmp_path: Path) -> None:
    folder = merged(base, tmp_path)
    held = load_file(folder / "model.safetensors")
    held.pop(next(name for name in held if "layers.1.mlp" in name))
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError) as caught:
        check_whole(base, folder)
    assert caught.value.code == "model_incomplete"


def test_a_whole_model_with_values_that_are_no_numbers_is_refused(
    base: Base, tmp_path: Path
) -> None:
    folder = merged(base, tmp_path)
    held = load_file(folder / "model.safetensors")
    held[next(iter(held))].view(-1)[0] = torch.nan
    save_file(held, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError) as caught:
        check_whole(base, folder)
    assert caught.value.code == "adapter_not_finite"


def test_a_missing_adapter(base: Base, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught, adapted(base, tmp_path):
        pass
    assert caught.value.code == "adapter_missing"


@pytest.mark.parametrize("hidden", [32, 128])
def test_an_adapter_for_another_base_is_refused_without_a_trace(
    base: Base, tmp_path: Path, hidden: int
) -> None:
    other = load(str(write_model(tmp_path / "other", hidden=hidden)), dtype="fp32")
    adapter = write_adapter(other, tmp_path / "adapter")
    model, before = base.model, weights(base)
    with pytest.raises(InputError) as caught, adapted(base, adapter):
        pass
    assert caught.value.code == "adapter_unfit"
    assert base.model is model
    assert same_weights(weights(base), before)


@pytest.mark.parametrize("layers", [1, 3])
def test_an_adapter_of_which_only_a_part_fits_is_refused(
    base: Base, tmp_path: Path, layers: int
) -> None:
    other = load(str(write_model(tmp_path / "other", layers=layers)), dtype="fp32")
    adapter = write_adapter(other, tmp_path / "adapter")
    before = weights(base)
    with pytest.raises(InputError) as caught, adapted(base, adapter):
        pass
    assert caught.value.code == "adapter_unfit"
    assert same_weights(weights(base), before)


def test_a_damaged_adapter_is_refused_without_a_trace(base: Base, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "adapter")
    path = adapter / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:500])
    before = weights(base)
    with pytest.raises(InputError) as caught, adapted(base, adapter):
        pass
    assert caught.value.code == "adapter_damaged"
    assert same_weights(weights(base), before)
