"""Training examples and the order in which they are seen."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from tunegate.errors import InputError
from tunegate.models.template import Encoded, Tokenizer, encode_record
from tunegate.types import Recipe, Record


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


def epoch_batches(examples: int, *, size: int, seed: int) -> list[list[int]]:
    """Row numbers, batch by batch, for one epoch: a plain shuffle, as every other trainer's.

    Batches of like length would waste less, and train another model: what is short and repeated
    would come together in few steps, and be remembered far less than in the team's own training.

    Args:
        examples: How many there are.
        size: Examples in a batch; the last one may be smaller.
        seed: Of this epoch; the same seed gives the same order.
    """
    order = list(range(examples))
    random.Random(seed).shuffle(order)
    return [order[i : i + size] for i in range(0, examples, size)]


def parts(lengths: Sequence[int], *, budget: int, overhead: int) -> list[list[int]]:
    """Splits the examples of one step so that little is computed on padding.

    The split costs the least in padded tokens, counting each part's own cost; the gradient of the
    step is the same however it is split. Exact: rows sorted by length, the best cut before each.

    Args:
        lengths: Tokens of each example.
        budget: Most padded tokens in one part; a longer example stands alone.
        overhead: What a part costs besides, in tokens.
    """
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    best: list[tuple[int, int]] = [(0, 0)]  # cost of the first n rows, where their last part begins
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        options = [
            (best[start][0] + (end - start) * longest + overhead, start)
            for start in range(end)
            if (end - start) * longest <= budget or end - start == 1
        ]
        best.append(min(options))
    found: list[list[int]] = []
    end = len(order)
    while end:
        start = best[end][1]
        found.append(order[start:end])
        end = start
    return found
