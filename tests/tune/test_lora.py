"""Adapters: files are the same bytes, the base comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tests.models.tiny import same_weights, weights

from tunegate.errors import InputError
from tunegate.models.loading import Base
from tunegate.tune import lora
from tunegate.types import Recipe

RECIPE = Recipe(lora_rank=4, lora_alpha=12)


def test_a_fresh_adapter_changes_nothing(base: Base) -> None:
    ids = torch.arange(2, 12)[None]
    with torch.inference_mode():
        before = base.model(input_ids=ids).logits
        model = lora.attach(base, RECIPE, seed=1)
        fresh = model(input_ids=ids).logits
        lora.detach(base, model)
    assert torch.equal(before, fresh)


def test_initial_weights_depend_on_the_seed_alone(base: Base) -> None:
    def start(seed: int) -> list[torch.Tensor]:
        model = lora.attach(base, RECIPE, seed=seed)
        kept = [p.detach().clone() for p in lora.trainable(model)]
        lora.detach(base, model)
        return kept

    one, again, other = start(1), start(1), start(2)
    assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("all", {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}),
        ("v_proj,q_proj", {"q_proj", "v_proj"}),
    ],
)
def test_the_recipe_says_which_layers(base: Base, target: str, names: set[str]) -> None:
    model = lora.attach(base, Recipe(lora_target=target), seed=1)
    trained = {n.split(".")[-4] for n, p in model.named_parameters() if p.requires_grad}
    lora.detach(base, model)
    assert trained == names


def test_an_unknown_layer_is_named_and_leaves_no_trace(base: Base) -> None:
    before = weights(base)
    with pytest.raises(InputError) as caught:
        lora.attach(base, Recipe(lora_target="c_attn"), seed=1)
    assert caught.value.code == "lora_target_unknown"
    assert caught.value.params["target"] == "c_attn"
    assert same_weights(weights(base), before)
    lora.detach(base, lora.attach(base, RECIPE, seed=1))


def test_saving_twice_gives_the_same_bytes_and_restoring_the_same_weights(
    base: Base, tmp_path: Path
) -> None:
    model = lora.attach(base, RECIPE, seed=1)
    for parameter in lora.trainable(model):
        torch.nn.init.normal_(parameter)
    kept = [p.detach().clone() for p in lora.trainable(model)]
    for name in ("one", "two"):
        lora.save(model, tmp_path / name)
    lora.detach(base, model)
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two")
    )
    assert one == two
    assert set(one) == {lora.CONFIG, "adapter_model.safetensors"}
    targets = json.loads(one[lora.CONFIG])["target_modules"]
    assert targets == sorted(targets)
    model = lora.attach(base, RECIPE, seed=9)
    lora.restore(model, tmp_path / "one")
    back = lora.trainable(model)
    assert all(torch.equal(a, b) for a, b in zip(kept, back, strict=True))
    lora.detach(base, model)
