"""What any trainer leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tunegate.models.loading import Base
from tunegate.models.template import Encoded
from tunegate.tune.rate import matrix_rate, training_flops

Progress = Callable[[int, int], None]  # tokens done, tokens in all


class Epoch(NamedTuple):
    """One checkpoint: its epoch (from 1), folder and mean loss a target token, if known."""

    epoch: int
    folder: Path
    train_loss: float | None


class Trained(NamedTuple):
    """What training left behind and what it took.

    Attributes:
        epochs: One checkpoint an epoch.
        tokens: Tokens trained on, prompts included, padding not, over all epochs.
        seconds: Of the epochs that this call trained; 0 when all had been there.
        tokens_per_second: Of those epochs.
        matrix_share: Their share of the machine's matrix rate, from 0 to 1.
    """

    epochs: tuple[Epoch, ...]
    tokens: int
    seconds: float
    tokens_per_second: float
    matrix_share: float


def summary(
    base: Base, examples: Sequence[Encoded], epochs: Sequence[Epoch], *, here: int, seconds: float
) -> Trained:
    """Rates of a training.

    Args:
        base: The model; its type says which matrix rate to compare with.
        examples: Of one epoch.
        epochs: All checkpoints.
        here: How many of the epochs this call trained.
        seconds: That it took.
    """
    per_epoch = sum(len(example.ids) for example in examples)
    whole = per_epoch * len(epochs)
    if not here:
        return Trained(tuple(epochs), whole, 0.0, 0.0, 0.0)
    rate = per_epoch * here / seconds
    flops = training_flops(base, examples) * here / seconds
    return Trained(tuple(epochs), whole, seconds, rate, flops / matrix_rate(base))
