"""Batched, chunked and packed scores equal a plain loop over the model's own logits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.tiny import chat, plain_logprobs, write_adapter

from tunegate.models import forward
from tunegate.models.adapters import adapted
from tunegate.models.loading import Base
from tunegate.models.queries import TOP_K
from tunegate.models.scoring import ScoreRow, build_tree, candidates, divergence, score
from tunegate.models.template import Encoded, encode

CHATS = [
    chat("Hi", "Hello there, how can I help?"),
    chat("你好", "请在三十天内提交表格。😀", "And then?", "Call 555 0134."),
    chat("Parcel?", "Yes"),
]


@pytest.fixture(scope="module")
def encoded(base: Base) -> list[Encoded]:
    return [encode(base.tokenizer, turns, template="chatml") for turns in CHATS]


@pytest.fixture(params=[forward.HEAD_ROWS, 3])
def rows_at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits in one piece, and in many."""
    monkeypatch.setattr(forward, "HEAD_ROWS", request.param)


def row(one: Encoded) -> ScoreRow:
    target = tuple(i for i, on in enumerate(one.target) if on)
    return ScoreRow(one, (target, tuple(range(len(one.ids))), ()))


@pytest.mark.usefixtures("rows_at_once")
def test_scores_equal_a_plain_loop_in_a_padded_batch(base: Base, encoded: list[Encoded]) -> None:
    answers = score(base, [row(one) for one in encoded])
    for one, answer in zip(encoded, answers, strict=True):
        logp = plain_logprobs(base, one.ids)
        positions = range(1, len(one.ids))
        before = [logp[p - 1] for p in positions]
        own = [float(b[one.ids[p]]) for b, p in zip(before, positions, strict=True)]
        everything, nothing = answer.spans
        assert nothing.logprob == ()
        assert everything.logprob == pytest.approx(own, abs=1e-5)
        means = [float((b.exp() * b).sum()) for b in before]
        assert everything.mean == pytest.approx(means, abs=1e-5)
        spreads = [
            float((b.exp() * (b - m) ** 2).sum().sqrt()) for b, m in zip(before, means, strict=True)
        ]
        assert everything.std == pytest.approx(spreads, abs=1e-4)
        assert everything.greedy == tuple(
            int(b.argmax()) == one.ids[p] for b, p in zip(before, positions, strict=True)
        )
        target = [own[p - 1] for p in range(1, len(one.ids)) if one.target[p]]
        assert answer.target.logprob == pytest.approx(target, abs=1e-5)


def test_top_k_scores_are_those_of_the_truncated_distribution(
    base: Base, encoded: list[Encoded]
) -> None:
    one = encoded[1]
    found = score(base, [row(one)])[0].spans[0].top_k_logprob
    logp = plain_logprobs(base, one.ids)
    assert None in found
    assert any(value is not None for value in found)
    for position, value in enumerate(found, start=1):
        top = logp[position - 1].topk(TOP_K)
        if one.ids[position] not in top.indices.tolist():
            assert value is None
        else:
            own = logp[position - 1][one.ids[position]] - torch.logsumexp(top.values, 0)
            assert value == pytest.approx(float(own), abs=1e-5)


@pytest.mark.usefixtures("rows_at_once")
def test_a_tree_of_candidates_equals_a_loop_over_them(base: Base) -> None:
    sequences = [
        [5, 6, 7, 10, 11],
        [5, 6, 7, 10, 12, 13],
        [5, 6, 7, 14],
        [5, 9, 7, 10, 11],  # leaves the others before the candidate starts
    ]
    others = [[20, 21], [20, 22, 23]]
    starts, other_starts = [3, 3, 3, 2], [1, 1]
    trees = [build_tree(sequences, starts), build_tree(others, other_starts)]
    found = candidates(base, trees)
    for answer, rows, begins in zip(
        found, [sequences, others], [starts, other_starts], strict=True
    ):
        for value, sequence, start in zip(answer.logprobs, rows, begins, strict=True):
            logp = plain_logprobs(base, sequence)
            plain = sum(float(logp[p - 1][sequence[p]]) for p in range(start, len(sequence)))
            assert value == pytest.approx(plain, abs=2e-5)


@given(st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=6), min_size=1, max_size=8))
@settings(max_examples=100)
def test_a_tree_holds_every_beginning_once(sequences: list[list[int]]) -> None:
    tree = build_tree(sequences, [1] * len(sequences))
    paths = []
    for token, parent in zip(tree.tokens, tree.parents, strict=True):
        paths.append((*(paths[parent] if parent >= 0 else ()), token))
    beginnings = {tuple(s[:end]) for s in sequences for end in range(1, len(s))}
    assert len(paths) == len(set(paths))
    assert set(paths) == beginnings
    for sequence, steps in zip(sequences, tree.steps, strict=True):
        assert [token for _, token in steps] == sequence[1:]
        assert [len(paths[node]) for node, _ in steps] == list(range(1, len(sequence)))


@pytest.mark.usefixtures("rows_at_once")
def test_divergence_is_the_kl_of_tuned_from_base(
    base: Base, encoded: list[Encoded], tmp_path: Path
) -> None:
    adapter = write_adapter(base, tmp_path / "adapter")
    plain = [plain_logprobs(base, one.ids) for one in encoded]
    with adapted(base, adapter):
        tuned = [plain_logprobs(base, one.ids) for one in encoded]
        answers = divergence(base, encoded)
    for one, p, q, answer in zip(encoded, tuned, plain, answers, strict=True):
        at = [i - 1 for i, on in enumerate(one.target) if on]
        kl = [float((p[i].exp() * (p[i] - q[i])).sum()) for i in at]
        assert answer.kl == pytest.approx(kl, abs=1e-4)
        assert min(answer.kl) > 0
        assert answer.changed == tuple(int(p[i].argmax()) != int(q[i].argmax()) for i in at)
