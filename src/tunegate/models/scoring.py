"""Teacher-forced scoring: answers, spans, candidates that share a prompt, and divergence.

Candidates are packed into one sequence as a tree: every token attends to its own ancestors only,
so a shared beginning is computed once and the last token of a candidate never.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tunegate.models.adapters import adapter_off
from tunegate.models.forward import Tensor, hidden_states, logprobs, pad
from tunegate.models.loading import Base
from tunegate.models.queries import (
    TOP_K,
    CandidatesAnswer,
    DivergenceAnswer,
    ScoreAnswer,
    TokenScores,
)
from tunegate.models.template import Encoded


class ScoreRow(NamedTuple):
    """An encoded conversation and the token positions to score, group by group (target first)."""

    encoded: Encoded
    groups: tuple[tuple[int, ...], ...]


def score(base: Base, rows: Sequence[ScoreRow]) -> list[ScoreAnswer]:
    """Scores one padded batch.

    Args:
        base: The model, with or without an adapter on.
        rows: B conversations. Position 0 has no prediction and is left out.
    """
    import torch

    ids, mask = pad(base, [row.encoded.ids for row in rows])
    wanted = [sorted({p for group in row.groups for p in group if p > 0}) for row in rows]
    index = [(b, p) for b, positions in enumerate(wanted) for p in positions]
    with torch.inference_mode():
        states = hidden_states(base, ids, mask)
        where = torch.tensor(index, dtype=torch.long, device=ids.device).reshape(-1, 2)
        tokens = ids[where[:, 0], where[:, 1]]
        columns = _token_columns(base, states[where[:, 0], where[:, 1] - 1], tokens)
    at = {key: i for i, key in enumerate(index)}
    answers = []
    for b, row in enumerate(rows):
        groups = [_pick(columns, [at[b, p] for p in group if (b, p) in at]) for group in row.groups]
        answers.append(ScoreAnswer(target=groups[0], spans=tuple(groups[1:])))
    return answers


def _token_columns(base: Base, states: Tensor, tokens: Tensor) -> list[list[Any]]:
    """The five columns of `TokenScores` for P states and the P tokens that follow them."""
    import torch

    columns: list[list[Any]] = [[], [], [], [], []]
    done = 0
    for logp in logprobs(base, states):
        token = tokens[done : done + logp.shape[0], None]
        done += logp.shape[0]
        own = logp.gather(1, token)[:, 0]
        prob = logp.exp()
        mean = (prob * logp).sum(1)
        variance = (prob * logp.square()).sum(1) - mean.square()
        top = logp.topk(min(TOP_K, logp.shape[1]), dim=1).values
        top_own = own - torch.logsumexp(top, dim=1)
        inside = own >= top[:, -1]
        columns[0] += own.tolist()
        columns[1] += mean.tolist()
        columns[2] += variance.clamp_min(0).sqrt().tolist()
        columns[3] += [
            v if ok else None for v, ok in zip(top_own.tolist(), inside.tolist(), strict=True)
        ]
        columns[4] += (own >= top[:, 0]).tolist()
    return columns


def _pick(columns: list[list[Any]], rows: Sequence[int]) -> TokenScores:
    picked = [tuple(column[r] for r in rows) for column in columns]
    return TokenScores(*picked)


class Tree(NamedTuple):
    """Candidates as a prefix tree without its leaves.

    Attributes:
        tokens: Token of each node, length N, parents before children.
        parents: Parent of each node; -1 for the root.
        steps: Per candidate, the (node, next token) pairs whose log-probabilities it sums.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    steps: tuple[tuple[tuple[int, int], ...], ...]


def build_tree(sequences: Sequence[Sequence[int]], starts: Sequence[int]) -> Tree:
    """Merges token sequences that begin alike.

    Args:
        sequences: One per candidate: prompt, beginning of the answer, candidate.
        starts: Per candidate, the position of its first scored token (1 or more).
    """
    nodes: dict[tuple[int, int], int] = {}
    tokens: list[int] = []
    parents: list[int] = []
    steps: list[tuple[tuple[int, int], ...]] = []
    for sequence, start in zip(sequences, starts, strict=True):
        node = -1
        taken: list[tuple[int, int]] = []
        for position, token in enumerate(sequence):
            if position >= start:
                taken.append((node, token))
            if position == len(sequence) - 1:
                break
            child = nodes.get((node, token))
            if child is None:
                child = nodes[node, token] = len(tokens)
                tokens.append(token)
                parents.append(node)
            node = child
        steps.append(tuple(taken))
    return Tree(tuple(tokens), tuple(parents), tuple(steps))


def candidates(base: Base, trees: Sequence[Tree]) -> list[CandidatesAnswer]:
    """Total log-probability of every candidate of every tree, one padded batch."""
    import torch

    ids, _ = pad(base, [tree.tokens for tree in trees])
    mask, depth = _tree_masks(base, trees, ids.shape[1])
    sums: list[list[float]] = []
    with torch.inference_mode():
        states = hidden_states(base, ids, mask, position_ids=depth)
        for b, tree in enumerate(trees):
            asked = sorted({step for taken in tree.steps for step in taken})
            nodes = sorted({node for node, _ in asked})
            row_of = {node: row for row, node in enumerate(nodes)}
            logp = torch.cat(list(_gathered(base, states[b, nodes], asked, row_of)))
            value = dict(zip(asked, logp.double().tolist(), strict=True))
            sums.append([sum(value[step] for step in taken) for taken in tree.steps])
    return [CandidatesAnswer(logprobs=tuple(row)) for row in sums]


def _gathered(
    base: Base, states: Tensor, asked: Sequence[tuple[int, int]], row_of: dict[int, int]
) -> Any:
    """Log-probabilities of the asked (node, token) pairs, in their sorted order."""
    import torch

    done = 0
    for logp in logprobs(base, states):
        here = [
            (row_of[node] - done, token)
            for node, token in asked
            if done <= row_of[node] < done + logp.shape[0]
        ]
        done += logp.shape[0]
        index = torch.tensor(here, dtype=torch.long, device=logp.device)
        yield logp[index[:, 0], index[:, 1]]


def _tree_masks(base: Base, trees: Sequence[Tree], longest: int) -> tuple[Tensor, Tensor]:
    """Additive attention masks (B, 1, L, L) and depths (B, L) of nodes."""
    import torch

    kind = next(base.model.parameters()).dtype
    seen = torch.eye(longest, dtype=torch.bool).repeat(len(trees), 1, 1)
    depth = torch.zeros((len(trees), longest), dtype=torch.long)
    for b, tree in enumerate(trees):
        for node, parent in enumerate(tree.parents):
            if parent >= 0:
                seen[b, node] |= seen[b, parent]
                depth[b, node] = depth[b, parent] + 1
    mask = torch.zeros(seen.shape, dtype=kind).masked_fill_(~seen, torch.finfo(kind).min)
    return mask[:, None].to(base.device), depth.to(base.device)


def divergence(base: Base, encoded: Sequence[Encoded]) -> list[DivergenceAnswer]:
    """KL(tuned ‖ base) at the targets of one padded batch; an adapter must be on."""
    import torch

    ids, mask = pad(base, [row.ids for row in encoded])
    index = [
        (b, p - 1) for b, row in enumerate(encoded) for p, on in enumerate(row.target) if on and p
    ]
    where = torch.tensor(index, dtype=torch.long, device=ids.device).reshape(-1, 2)
    kl: list[float] = []
    changed: list[bool] = []
    with torch.inference_mode():
        tuned = hidden_states(base, ids, mask)[where[:, 0], where[:, 1]]
        with adapter_off(base):
            plain = hidden_states(base, ids, mask)[where[:, 0], where[:, 1]]
        for ours, theirs in zip(logprobs(base, tuned), logprobs(base, plain), strict=True):
            kl += (ours.exp() * (ours - theirs)).sum(1).clamp_min(0).tolist()
            changed += (ours.argmax(1) != theirs.argmax(1)).tolist()
    answers = []
    for b in range(len(encoded)):
        rows = [i for i, (row, _) in enumerate(index) if row == b]
        answers.append(
            DivergenceAnswer(kl=tuple(kl[i] for i in rows), changed=tuple(changed[i] for i in rows))
        )
    return answers
