"""Training examples and the order in which they are seen."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from tunegate.errors import InputError
from tunegate.models.template import Encoded, Tokenizer, encode_record
from tunegate.types import Recipe, Record

_BUCKET_BATCHES = 16  # batches that share one sorting window: little padding, still a shuffle


def examples(tokenizer: Tokenizer, records: Iterable[Record], recipe: Recipe) -> list[Encoded]:
    """Encodes every record as the recipe says.

    Raises:
        InputError: There is no record, or one has nothing that the loss would be computed on.
    """
    encoded = []
    for record in records:
        example = encode_record(tokenizer, record, recipe)
        if not any(example.target[1:]):
            raise InputError("record_without_target", record=record.id, cutoff=recipe.cutoff_len)
        encoded.append(example)
    if not encoded:
        raise InputError("nothing_to_train")
    return encoded


def epoch_batches(lengths: Sequence[int], *, size: int, seed: int) -> list[list[int]]:
    """Row numbers, batch by batch, for one epoch: shuffled, then bucketed by length.

    Args:
        lengths: Tokens of each example.
        size: Examples in a batch; the last one may be smaller.
        seed: Of this epoch; the same seed gives the same order.
    """
    rng = random.Random(seed)
    order = list(range(len(lengths)))
    rng.shuffle(order)
    window = size * _BUCKET_BATCHES
    batches = []
    for start in range(0, len(order), window):
        bucket = sorted(order[start : start + window], key=lambda i: (lengths[i], i))
        batches += [bucket[i : i + size] for i in range(0, len(bucket), size)]
    rng.shuffle(batches)
    return batches
