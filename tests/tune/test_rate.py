"""Arithmetic of training, counted."""

from __future__ import annotations

import pytest
from tests.models.tiny import chat

from tunegate.models.loading import Base
from tunegate.models.template import encode
from tunegate.tune.rate import matrix_rate, training_flops


def test_only_targets_pay_for_the_output_matrix(base: Base) -> None:
    one = encode(base.tokenizer, chat("Where is it?", "There."), template="chatml")
    every = encode(
        base.tokenizer, chat("Where is it?", "There."), template="chatml", train_on_prompt=True
    )
    hidden, inner, layers = 64, 128, 2
    kv = hidden // 2
    layer = 2 * hidden * hidden + 2 * hidden * kv + 3 * hidden * inner
    head = hidden * len(base.tokenizer)
    length, targets = len(one.ids), sum(one.target[1:])
    expected = 4 * (layers * layer * length + head * targets)
    assert training_flops(base, [one]) == pytest.approx(expected)
    more = training_flops(base, [every]) - training_flops(base, [one])
    assert more == pytest.approx(4 * head * (length - 1 - targets))
    assert training_flops(base, [one] * 3) == pytest.approx(3 * expected)


def test_the_matrix_rate_is_measured(base: Base) -> None:
    assert 1e7 < matrix_rate(base, seconds=0.02) < 1e15
