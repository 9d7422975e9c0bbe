"""Batches by length, and the check that hidden states times head are the model's logits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunegate.errors import InputError
from tunegate.models.forward import check_head, length_batches, pad
from tunegate.models.loading import Base


@given(
    lengths=st.lists(st.integers(1, 60), max_size=40),
    budget=st.integers(1, 200),
)
def test_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = length_batches(lengths, budget=budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= budget
    flat = [lengths[i] for batch in batches for i in batch]
    assert flat == sorted(flat, reverse=True)


def test_padding_is_on_the_right_and_masked(base: Base) -> None:
    ids, mask = pad(base, [[4, 5, 6], [7]])
    filler = base.tokenizer.pad_token_id
    assert ids.tolist() == [[4, 5, 6], [7, filler, filler]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_a_plain_head_is_accepted(base: Base) -> None:
    check_head(base)


def test_a_family_that_scales_its_logits_is_refused(base: Base) -> None:
    from transformers import GraniteConfig, GraniteForCausalLM

    config = GraniteConfig(
        vocab_size=len(base.tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        initializer_range=0.5,
        logits_scaling=8.0,
    )
    with pytest.raises(InputError) as caught:
        check_head(replace(base, model=GraniteForCausalLM(config).eval()))
    assert caught.value.code == "head_unsupported"
