"""What a trainer feeds its model, one example at a time, without touching its chances."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from tunegate.errors import InputError

_IGNORED = -100  # the label on which transformers computes no loss


class Example(NamedTuple):
    """One example as the model gets it.

    Attributes:
        ids: Token ids without padding, length L.
        target: Length L; whether the loss is computed on that token.
    """

    ids: tuple[int, ...]
    target: tuple[bool, ...]


def examples(dataloader: Any) -> list[Example]:
    """Every example once, in the dataset's order, through the trainer's own collator.

    Raises:
        InputError: The dataset is a stream, or the collator makes no labels.
    """
    dataset = dataloader.dataset
    if not hasattr(dataset, "__len__") or not hasattr(dataset, "__getitem__"):
        raise InputError("trainer_streamed")
    with _same_chances():
        # Collators may change what they are given, and a list would hand out the same again.
        return [
            _example(dataloader.collate_fn([copy.deepcopy(dataset[number])]))
            for number in range(len(dataset))
        ]


@contextmanager
def _same_chances() -> Iterator[None]:
    """Leaves the random generators as they were, whatever a collator draws."""
    import torch

    plain, numpy, torchs = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(plain)
        np.random.set_state(numpy)
        torch.set_rng_state(torchs)


def _example(batch: Any) -> Example:
    """The one row of a batch."""
    if "labels" not in batch or "input_ids" not in batch:
        raise InputError("trainer_no_labels")
    ids, labels = batch["input_ids"][0].tolist(), batch["labels"][0].tolist()
    kept = _kept(batch, len(ids))
    return Example(
        tuple(one for one, on in zip(ids, kept, strict=True) if on),
        tuple(label != _IGNORED for label, on in zip(labels, kept, strict=True) if on),
    )


def _kept(batch: Any, size: int) -> list[bool]:
    """Which positions are no padding."""
    mask = batch.get("attention_mask")
    if mask is not None and tuple(mask.shape) == (1, size):
        return [bool(on) for on in mask[0].tolist()]
    if "position_ids" in batch:  # rows laid end to end: positions start again at 0 in the padding
        places = batch["position_ids"][0].tolist()
        return [number == 0 or place != 0 for number, place in enumerate(places)]
    return [True] * size
