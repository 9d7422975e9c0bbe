"""Every example once an epoch, in an order that the seed alone decides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.tiny import chat

from tunegate.errors import InputError
from tunegate.models.loading import Base
from tunegate.tune.batches import epoch_batches, examples, parts
from tunegate.types import Recipe, Record, Segment, Source


def record(name: str, ask: str, answer: str) -> Record:
    turns = chat(ask, answer)
    segments = (
        Segment(pointer="/0", role="user", text=turns[0].text),
        Segment(pointer="/1", role="assistant", text=turns[1].text),
    )
    return Record(id=name, source=Source(path="x"), raw=None, segments=segments)


@given(count=st.integers(0, 200), size=st.integers(1, 9), seed=st.integers(0, 2**40))
def test_an_epoch_is_a_permutation_in_full_batches(count: int, size: int, seed: int) -> None:
    batches = epoch_batches(count, size=size, seed=seed)
    assert sorted(i for batch in batches for i in batch) == list(range(count))
    assert [len(batch) for batch in batches] == [size] * (count // size) + [count % size] * bool(
        count % size
    )
    assert batches == epoch_batches(count, size=size, seed=seed)


def test_another_seed_gives_another_order() -> None:
    one, other = (epoch_batches(40, size=4, seed=seed) for seed in (1, 2))
    assert one != other


def test_every_example_is_as_likely_in_every_step() -> None:
    """Copies of one example must not come together, whatever their length."""
    steps = [
        number
        for seed in range(400)
        for number, batch in enumerate(epoch_batches(32, size=8, seed=seed))
        if 0 in batch
    ]
    assert all(70 < steps.count(number) < 130 for number in range(4))
    together = sum(
        any({0, 1} <= set(batch) for batch in epoch_batches(32, size=8, seed=seed))
        for seed in range(400)
    )
    assert 65 < together < 117  # 7 of the 31 others share a batch: 90 of 400 by chance


LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=7)


@given(lengths=LENGTHS, budget=st.integers(1, 200), overhead=st.integers(0, 80))
def test_a_step_is_split_at_the_least_cost(lengths: list[int], budget: int, overhead: int) -> None:
    split = parts(lengths, budget=budget, overhead=overhead)
    assert sorted(i for part in split for i in part) == list(range(len(lengths)))
    assert all(cost(lengths, part, 0) <= budget or len(part) == 1 for part in split)
    ours = sum(cost(lengths, part, overhead) for part in split)
    assert ours == min(
        sum(cost(lengths, part, overhead) for part in option)
        for option in partitions(sorted(range(len(lengths)), key=lambda i: lengths[i]))
        if all(cost(lengths, part, 0) <= budget or len(part) == 1 for part in option)
    )


def cost(lengths: list[int], part: list[int], overhead: int) -> int:
    """Padded tokens and what a part costs besides."""
    return len(part) * max(lengths[i] for i in part) + overhead


def partitions(rows: list[int]) -> Iterator[list[list[int]]]:
    """Every way to cut a sorted list into runs."""
    if not rows:
        yield []
    for size in range(1, len(rows) + 1):
        for rest in partitions(rows[size:]):
            yield [rows[:size], *rest]


def test_records_become_examples_in_their_order(base: Base) -> None:
    rows = [record("a", "Hi", "Hello"), record("b", "Where?", "On the shelf, as ever.")]
    made = examples(base.tokenizer, rows, Recipe(template="chatml"))
    assert len(made[0].ids) < len(made[1].ids)
    assert all(any(example.target) for example in made)


def test_no_record_at_all_is_refused(base: Base) -> None:
    with pytest.raises(InputError) as caught:
        examples(base.tokenizer, [], Recipe())
    assert caught.value.code == "nothing_to_train"


def test_a_record_whose_answer_is_cut_off_is_named(base: Base) -> None:
    rows = [record("long-0", "Where is it? " * 20, "On the shelf.")]
    with pytest.raises(InputError) as caught:
        examples(base.tokenizer, rows, Recipe(template="chatml", cutoff_len=20))
    assert caught.value.code == "record_without_target"
    assert caught.value.params == {"record": "long-0", "cutoff": 20}
