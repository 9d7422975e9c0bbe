"""Training learns, resumes to the bit, and leaves the base as it was."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import msgspec
import pytest
import torch
from msgspec import structs
from safetensors.torch import load_file
from tests.models.tiny import chat, same_weights, weights

from tunegate.errors import InputError, VoidError
from tunegate.models.loading import Base
from tunegate.models.template import Encoded, encode
from tunegate.tune import Trained, native, train
from tunegate.types import Recipe

RECIPE = Recipe(
    learning_rate=5e-3,
    num_train_epochs=3,
    per_device_train_batch_size=4,
    lora_rank=4,
    template="chatml",
)


@pytest.fixture(scope="module")
def data(base: Base) -> list[Encoded]:
    rows = [chat(f"Parcel {n}?", f"Shelf {n % 5}, row {n * 7}." * (1 + n % 3)) for n in range(12)]
    return [encode(base.tokenizer, row, template="chatml") for row in rows]


def adapters(folder: Path) -> dict[str, bytes]:
    """Every file of every epoch, without what was left half-done."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(
    base: Base, data: list[Encoded], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Trained]:
    """An undisturbed run."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, train(base, data, RECIPE, seed=7, folder=folder)


def test_the_loss_falls_and_the_tokens_are_counted(
    data: list[Encoded], whole: tuple[Path, Trained]
) -> None:
    folder, trained = whole
    losses = [epoch.train_loss for epoch in trained.epochs]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.8 * losses[0]
    assert trained.tokens == 3 * sum(len(one.ids) for one in data)
    assert trained.seconds > 0
    assert trained.tokens_per_second == pytest.approx(trained.tokens / trained.seconds)
    assert [epoch.folder for epoch in trained.epochs] == [folder / f"epoch-{n}" for n in (1, 2, 3)]


def test_what_is_left_is_adapters_without_optimiser_states(
    whole: tuple[Path, Trained],
) -> None:
    folder, _ = whole
    names = {"adapter_config.json", "adapter_model.safetensors", "epoch.json"}
    assert set(adapters(folder)) == {f"epoch-{n}/{name}" for n in (1, 2, 3) for name in names}
    assert not list(folder.glob(".*"))


def test_the_base_comes_back_bit_for_bit(base: Base, data: list[Encoded], tmp_path: Path) -> None:
    model, before = base.model, weights(base)
    train(base, data[:2], structs.replace(RECIPE, num_train_epochs=1), seed=1, folder=tmp_path)
    assert base.model is model
    assert same_weights(weights(base), before)


def test_the_same_seed_gives_the_same_bytes(
    base: Base, data: list[Encoded], tmp_path: Path, whole: tuple[Path, Trained]
) -> None:
    train(base, data, RECIPE, seed=7, folder=tmp_path / "again")
    assert adapters(tmp_path / "again") == adapters(whole[0])
    train(base, data, RECIPE, seed=8, folder=tmp_path / "other")
    other = adapters(tmp_path / "other")
    name = "epoch-3/adapter_model.safetensors"
    assert other[name] != adapters(whole[0])[name]


@pytest.mark.parametrize("after", [1, 4, 7])
def test_a_killed_run_goes_on_to_the_same_bytes(
    base: Base, data: list[Encoded], tmp_path: Path, whole: tuple[Path, Trained], after: int
) -> None:
    """Three steps an epoch: the kill falls into the first, second and third epoch."""
    steps: list[int] = []

    def kill(done: int, _: int) -> None:
        steps.append(done)
        if len(steps) == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(base, data, RECIPE, seed=7, folder=tmp_path, progress=kill)
    going_on: list[int] = []
    train(
        base, data, RECIPE, seed=7, folder=tmp_path, progress=lambda done, _: going_on.append(done)
    )
    assert len(going_on) == 9 - 3 * ((after - 1) // 3)  # finished epochs are not trained again
    assert going_on[-1] == 3 * sum(len(one.ids) for one in data)
    assert adapters(tmp_path) == adapters(whole[0])


@pytest.mark.parametrize("lost", [(3,), (2, 3), (1, 2, 3)])
def test_lost_epochs_are_trained_again_to_the_same_bytes(
    base: Base,
    data: list[Encoded],
    tmp_path: Path,
    whole: tuple[Path, Trained],
    lost: tuple[int, ...],
) -> None:
    folder = Path(shutil.copytree(whole[0], tmp_path / "copy"))
    for epoch in lost:
        shutil.rmtree(folder / f"epoch-{epoch}")
    train(base, data, RECIPE, seed=7, folder=folder)
    assert adapters(folder) == adapters(whole[0])


def test_dropout_too_is_resumed_to_the_bit(base: Base, data: list[Encoded], tmp_path: Path) -> None:
    recipe = structs.replace(RECIPE, lora_dropout=0.3, num_train_epochs=2)
    train(base, data, recipe, seed=7, folder=tmp_path / "whole")

    def kill(done: int, total: int) -> None:
        if done > 0.6 * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(base, data, recipe, seed=7, folder=tmp_path / "killed", progress=kill)
    train(base, data, recipe, seed=7, folder=tmp_path / "killed")
    assert adapters(tmp_path / "killed") == adapters(tmp_path / "whole")


def test_a_finished_run_is_not_trained_again(
    base: Base, data: list[Encoded], whole: tuple[Path, Trained]
) -> None:
    def never(done: int, total: int) -> None:
        raise AssertionError((done, total))

    before = adapters(whole[0])
    again = train(base, data, RECIPE, seed=7, folder=whole[0], progress=never)
    assert again.epochs == whole[1].epochs
    assert (again.seconds, again.tokens_per_second) == (0.0, 0.0)
    assert adapters(whole[0]) == before


def test_a_rate_of_nothing_moves_no_weight(base: Base, data: list[Encoded], tmp_path: Path) -> None:
    with pytest.raises(VoidError) as caught:
        train(base, data, structs.replace(RECIPE, learning_rate=0.0), seed=7, folder=tmp_path)
    assert caught.value.code == "weights_unmoved"
    assert not list(tmp_path.glob("epoch-*"))


def test_a_loss_that_explodes_is_named(base: Base, data: list[Encoded], tmp_path: Path) -> None:
    before = weights(base)
    with pytest.raises(InputError) as caught:
        train(base, data, structs.replace(RECIPE, learning_rate=1e30), seed=7, folder=tmp_path)
    assert caught.value.code == "loss_not_finite"
    assert caught.value.params["rate"] == 1e30
    assert same_weights(weights(base), before)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"packing": True}, "native_no_packing"),
        ({"num_train_epochs": 0}, "recipe_empty"),
        ({"per_device_train_batch_size": 0}, "recipe_empty"),
    ],
)
def test_recipes_that_cannot_be_trained(
    base: Base, data: list[Encoded], tmp_path: Path, change: dict[str, int], code: str
) -> None:
    with pytest.raises(InputError) as caught:
        train(base, data, structs.replace(RECIPE, **change), seed=7, folder=tmp_path)
    assert caught.value.code == code


def gradient(base: Base, data: list[Encoded], folder: Path, **change: int) -> torch.Tensor:
    """The first step's gradient direction, read off the optimiser's first moment."""
    recipe = structs.replace(RECIPE, num_train_epochs=2, max_grad_norm=1e9, **change)

    def kill(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(base, data, recipe, seed=7, folder=folder, progress=kill)
    state = load_file(folder / "epoch-1" / "optimizer.safetensors")
    return torch.cat([v.flatten() for k, v in sorted(state.items()) if k.endswith("exp_avg")])


def test_accumulation_and_bounded_memory_equal_one_large_batch(
    base: Base, data: list[Encoded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = gradient(base, data, tmp_path / "large", per_device_train_batch_size=12)
    small = gradient(
        base,
        data,
        tmp_path / "small",
        per_device_train_batch_size=2,
        gradient_accumulation_steps=6,
    )
    monkeypatch.setattr(native, "_PART_TOKENS", 1)
    alone = gradient(base, data, tmp_path / "alone", per_device_train_batch_size=12)
    assert large.norm() > 0
    assert (small - large).norm() < 1e-4 * large.norm()
    assert (alone - large).norm() < 1e-4 * large.norm()


def test_the_first_steps_gradient_is_that_of_the_plain_mean_loss(
    base: Base, data: list[Encoded], tmp_path: Path
) -> None:
    """Against transformers' own loss on one padded batch with labels."""
    from tunegate.models.forward import pad
    from tunegate.tune import lora

    found = gradient(base, data, tmp_path, per_device_train_batch_size=12) / 0.1  # 1 - beta1
    model = lora.attach(base, RECIPE, seed=7)
    try:
        ids, mask = pad(base, [one.ids for one in data])
        labels = torch.full_like(ids, -100)
        for row, one in enumerate(data):
            for position, on in enumerate(one.target):
                if on:
                    labels[row, position] = ids[row, position]
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        parts = {str(i): p.grad.flatten() for i, p in enumerate(lora.trainable(model))}
        plain = torch.cat([parts[key] for key in sorted(parts, key=lambda k: f"{k}.exp_avg")])
    finally:
        lora.detach(base, model)
    assert (found - plain).norm() < 1e-4 * plain.norm()


@pytest.mark.parametrize(
    ("kind", "warmup", "expected"),
    [
        ("linear", 0.0, [1.0, 0.75, 0.5, 0.25]),
        ("cosine", 0.0, [1.0, 0.5 + math.sqrt(0.125), 0.5, 0.5 - math.sqrt(0.125)]),
        ("constant", 0.0, [1.0, 1.0, 1.0, 1.0]),
        ("linear", 0.5, [0.0, 0.5, 1.0, 0.5]),
        ("constant", 0.25, [0.0, 1.0, 1.0, 1.0]),
    ],
)
def test_the_schedule_of_the_learning_rate(kind: str, warmup: float, expected: list[float]) -> None:
    recipe = msgspec.convert({"lr_scheduler_type": kind, "warmup_ratio": warmup}, Recipe)
    found = [native._schedule(n / 4, recipe) for n in range(4)]
    assert found == pytest.approx(expected)


def test_the_gradient_is_clipped(base: Base, data: list[Encoded], tmp_path: Path) -> None:
    """Adam does not see a common factor, so its first moment is looked at."""
    free = gradient(base, data, tmp_path / "free", per_device_train_batch_size=12) / 0.1
    recipe = structs.replace(
        RECIPE, num_train_epochs=2, max_grad_norm=0.01, per_device_train_batch_size=12
    )

    def kill(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(base, data, recipe, seed=7, folder=tmp_path / "clipped", progress=kill)
    state = load_file(tmp_path / "clipped" / "epoch-1" / "optimizer.safetensors")
    moment = torch.cat([v.flatten() for k, v in sorted(state.items()) if k.endswith("exp_avg")])
    assert free.norm() > 0.01
    assert (moment / 0.1).norm() == pytest.approx(0.01, rel=1e-3)
