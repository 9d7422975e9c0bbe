"""Every example once an epoch, in an order that the seed alone decides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.models.tiny import chat

from tunegate.errors import InputError
from tunegate.models.loading import Base
from tunegate.tune.batches import epoch_batches, examples
from tunegate.types import Recipe, Record, Segment, Source

LENGTHS = st.lists(st.integers(1, 500), max_size=200)


def record(name: str, ask: str, answer: str) -> Record:
    turns = chat(ask, answer)
    segments = (
        Segment(pointer="/0", role="user", text=turns[0].text),
        Segment(pointer="/1", role="assistant", text=turns[1].text),
    )
    return Record(id=name, source=Source(path="x"), raw=None, segments=segments)


@given(lengths=LENGTHS, size=st.integers(1, 9), seed=st.integers(0, 2**40))
def test_an_epoch_is_a_permutation_in_full_batches(
    lengths: list[int], size: int, seed: int
) -> None:
    batches = epoch_batches(lengths, size=size, seed=seed)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    sizes = sorted(map(len, batches), reverse=True)
    assert sizes == [size] * (len(lengths) // size) + [len(lengths) % size] * bool(
        len(lengths) % size
    )
    assert batches == epoch_batches(lengths, size=size, seed=seed)


def test_another_seed_gives_another_order() -> None:
    lengths = list(range(40))
    one, other = (epoch_batches(lengths, size=4, seed=seed) for seed in (1, 2))
    assert one != other


def test_batches_hold_examples_of_like_length() -> None:
    lengths = [(37 * i) % 101 + 1 for i in range(128)]
    batches = epoch_batches(lengths, size=8, seed=0)
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    assert padded < 1.15 * sum(lengths)
    firsts = [lengths[batch[0]] for batch in batches]
    assert firsts != sorted(firsts)  # and yet long and short ones alternate


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
