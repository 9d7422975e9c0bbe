"""Adapters: the joined product is peft's own, and they leave no trace on the base."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.models.tiny import same_weights, weights, write_adapter, write_model

from tunegate.errors import InputError
from tunegate.models.adapters import adapted, adapter_off
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
