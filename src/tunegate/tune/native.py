"""The native trainer: LoRA by transformers and peft, a checkpoint an epoch, resumable to the bit.

It wastes little: a step is split into parts of like length, and logits exist only at targets.
Every epoch reseeds itself, so that going on from a checkpoint equals never having stopped.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import msgspec

from tunegate.errors import InputError, VoidError
from tunegate.files import STAGING, rename_folder
from tunegate.models.forward import causal, pad
from tunegate.models.loading import Base
from tunegate.models.template import Encoded
from tunegate.tune import lora
from tunegate.tune.batches import epoch_batches, parts
from tunegate.tune.outcome import Epoch, Progress, Trained, summary
from tunegate.types import Recipe

_OPTIMIZER = "optimizer.safetensors"
_STATE = "epoch.json"
_PART_TOKENS = 768  # padded tokens in memory at once; fewer would slow the matrix products
_PART_OVERHEAD = 128  # tokens that a part costs besides: its products are smaller
_SHORT = 128  # tokens in a row; attention keeps a part's tokens × heads × this many values a layer


def train(
    base: Base,
    examples: Sequence[Encoded],
    recipe: Recipe,
    *,
    seed: int,
    folder: Path,
    progress: Progress | None = None,
) -> Trained:
    """Trains one adapter; epochs that are already in `folder` are not trained again.

    Args:
        base: The base model; it is given back as it was.
        examples: Encoded records.
        recipe: Learning rate, epochs, rank and so on.
        seed: Of initial weights, order and dropout.
        folder: Gets `epoch-1` … with an adapter each.
        progress: Called after every step.

    Raises:
        InputError: The loss is no longer finite.
        VoidError: The weights did not move.
    """
    _check(recipe)
    model = lora.attach(base, recipe, seed=seed)
    try:
        return _train(base, model, examples, recipe, seed=seed, folder=folder, progress=progress)
    finally:
        lora.detach(base, model)


def _check(recipe: Recipe) -> None:
    if recipe.packing:
        raise InputError("native_no_packing")
    if recipe.num_train_epochs < 1 or recipe.per_device_train_batch_size < 1:
        raise InputError("recipe_empty")


def _train(
    base: Base,
    model: Any,
    examples: Sequence[Encoded],
    recipe: Recipe,
    *,
    seed: int,
    folder: Path,
    progress: Progress | None,
) -> Trained:
    import torch

    lengths = [len(example.ids) for example in examples]
    done = _finished(folder, recipe.num_train_epochs)
    parameters = lora.trainable(model)
    optimizer = torch.optim.AdamW(
        parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    before = [p.detach().clone() for p in parameters]
    if done and len(done) < recipe.num_train_epochs:
        lora.restore(model, done[-1].folder)
        _restore_optimizer(optimizer, parameters, done[-1].folder / _OPTIMIZER)
    started = time.perf_counter()
    before_now = len(done)
    for epoch in range(len(done) + 1, recipe.num_train_epochs + 1):
        offset = sum(lengths) * (epoch - 1)
        loss = _epoch(
            base,
            model,
            optimizer,
            examples,
            recipe,
            epoch=epoch,
            seed=seed,
            report=_reporter(progress, offset, sum(lengths) * recipe.num_train_epochs),
        )
        _moved(before, parameters)
        done.append(
            _checkpoint(model, optimizer, parameters, folder=folder, epoch=epoch, loss=loss)
        )
    for earlier in done:
        (earlier.folder / _OPTIMIZER).unlink(missing_ok=True)
    seconds = time.perf_counter() - started
    return summary(base, examples, done, here=len(done) - before_now, seconds=seconds)


def _reporter(progress: Progress | None, offset: int, total: int) -> Callable[[int], None]:
    def report(tokens: int) -> None:
        if progress:
            progress(offset + tokens, total)

    return report


def _epoch(
    base: Base,
    model: Any,
    optimizer: Any,
    examples: Sequence[Encoded],
    recipe: Recipe,
    *,
    epoch: int,
    seed: int,
    report: Callable[[int], None],
) -> float:
    """One pass over the data; returns the mean loss a target token."""
    import torch

    torch.manual_seed(seed + epoch)
    model.train()
    batches = epoch_batches(
        len(examples),
        size=recipe.per_device_train_batch_size,
        seed=seed + epoch,
    )
    size = recipe.gradient_accumulation_steps
    steps = [batches[i : i + size] for i in range(0, len(batches), size)]
    total, targets, tokens = 0.0, 0, 0
    for number, step in enumerate(steps):
        here = sum(sum(examples[i].target[1:]) for batch in step for i in batch)
        for rows in _parts([examples[i] for batch in step for i in batch]):
            loss = _loss(base, model, rows)
            value = loss.item()
            if not math.isfinite(value):
                raise InputError("loss_not_finite", rate=recipe.learning_rate, epoch=epoch)
            (loss / here).backward()
            total += value
            tokens += sum(len(row.ids) for row in rows)
        position = (epoch - 1 + number / len(steps)) / recipe.num_train_epochs
        rate = recipe.learning_rate * _schedule(position, recipe)
        for group in optimizer.param_groups:
            group["lr"] = rate
        torch.nn.utils.clip_grad_norm_(lora.trainable(model), recipe.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        targets += here
        report(tokens)
    model.eval()
    return total / targets


def _parts(rows: Sequence[Encoded]) -> list[list[Encoded]]:
    """One step's examples in parts that fit a bounded memory; the gradient stays the same."""
    split = parts([len(row.ids) for row in rows], budget=_PART_TOKENS, overhead=_PART_OVERHEAD)
    return [[rows[i] for i in part] for part in split]


def _loss(base: Base, model: Any, rows: Sequence[Encoded]) -> Any:
    """Summed cross-entropy over the targets of one batch."""
    import torch

    ids, mask = pad(base, [row.ids for row in rows])
    inner = causal(model)
    with _attention(base, longest=ids.shape[1]):
        states = inner.get_decoder()(
            input_ids=ids, attention_mask=mask, use_cache=False
        ).last_hidden_state
    where = torch.tensor(
        [(b, p) for b, row in enumerate(rows) for p, on in enumerate(row.target) if on and p],
        device=ids.device,
    )
    logits = inner.get_output_embeddings()(states[where[:, 0], where[:, 1] - 1]).float()
    return torch.nn.functional.cross_entropy(logits, ids[where[:, 0], where[:, 1]], reduction="sum")


def _attention(base: Base, *, longest: int) -> AbstractContextManager[Any]:
    """Plain attention for short rows on a CPU: torch's fused kernel goes back at a third of the
    pace there, and what it saves in memory (rows × length²) is little."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    short = base.device == "cpu" and longest <= _SHORT
    return sdpa_kernel(SDPBackend.MATH) if short else nullcontext()


def _schedule(position: float, recipe: Recipe) -> float:
    """Factor on the learning rate; `position` runs from 0 to 1 over the whole training."""
    if position < recipe.warmup_ratio:
        return position / recipe.warmup_ratio
    rest = (position - recipe.warmup_ratio) / max(1.0 - recipe.warmup_ratio, 1e-9)
    if recipe.lr_scheduler_type == "linear":
        return 1.0 - rest
    if recipe.lr_scheduler_type == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * rest))
    return 1.0


def _moved(before: Sequence[Any], parameters: Sequence[Any]) -> None:
    import torch

    if all(torch.equal(old, new) for old, new in zip(before, parameters, strict=True)):
        raise VoidError("weights_unmoved")


def _checkpoint(
    model: Any,
    optimizer: Any,
    parameters: Sequence[Any],
    *,
    folder: Path,
    epoch: int,
    loss: float,
) -> Epoch:
    """Writes an epoch beside its place and renames it: a kill leaves it whole or absent."""
    from safetensors.torch import save_file

    target = folder / f"epoch-{epoch}"
    staging = folder / f"{STAGING}epoch-{epoch}"
    shutil.rmtree(staging, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lora.save(model, staging)
    state = {
        f"{i}.{name}": value
        for i, p in enumerate(parameters)
        for name, value in optimizer.state[p].items()
    }
    save_file(state, staging / _OPTIMIZER)
    (staging / _STATE).write_bytes(msgspec.json.encode({"train_loss": loss}))
    rename_folder(staging, target)
    return Epoch(epoch, target, loss)


def _finished(folder: Path, epochs: int) -> list[Epoch]:
    found = []
    for epoch in range(1, epochs + 1):
        path = folder / f"epoch-{epoch}"
        if not (path / _STATE).exists():
            break
        loss = msgspec.json.decode((path / _STATE).read_bytes())["train_loss"]
        found.append(Epoch(epoch, path, loss))
    # A finished run keeps no optimiser states: without one an epoch is no place to go on from.
    while len(found) < epochs and found and not (found[-1].folder / _OPTIMIZER).exists():
        found.pop()
    return found


def _restore_optimizer(optimizer: Any, parameters: Sequence[Any], path: Path) -> None:
    from safetensors.torch import load_file

    saved = load_file(path)
    for key, value in saved.items():
        number, name = key.split(".", 1)
        optimizer.state[parameters[int(number)]][name] = value.to(
            "cpu" if name == "step" else parameters[int(number)].device
        )
