"""Forward passes: hidden states for a batch, and logits only where somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tunegate.errors import InputError
from tunegate.models.loading import Base

Tensor = Any  # torch is imported lazily, so its types stay out of the signatures

HEAD_ROWS = 256  # rows of logits in memory at once: 256 × 49,152 × 4 bytes = 50 MB


def causal(model: Any) -> Any:
    """The transformers model itself, whether or not an adapter wraps it."""
    unwrap = getattr(model, "get_base_model", None)
    return unwrap() if unwrap else model


def pad(base: Base, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Right-padded ids and attention mask, each of shape (B, L)."""
    import torch

    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), base.tokenizer.pad_token_id, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[number, : len(row)] = 1
    return ids.to(base.device), mask.to(base.device)


def hidden_states(
    base: Base, ids: Tensor, mask: Tensor, *, position_ids: Tensor | None = None
) -> Tensor:
    """Last hidden states, shape (B, L, D); `mask` is (B, L) or an additive (B, 1, L, L)."""
    decoder = causal(base.model).get_decoder()
    return decoder(
        input_ids=ids, attention_mask=mask, position_ids=position_ids, use_cache=False
    ).last_hidden_state


def logprobs(base: Base, states: Tensor) -> Iterator[Tensor]:
    """Log-probabilities over the vocabulary for states of shape (P, D), in chunks of rows."""
    import torch

    head = causal(base.model).get_output_embeddings()
    for start in range(0, states.shape[0], HEAD_ROWS):
        logits = head(states[start : start + HEAD_ROWS]).float()
        yield torch.log_softmax(logits, dim=-1)


def check_head(base: Base) -> None:
    """Makes sure that hidden states times output matrix are the model's own logits.

    Some families scale or cap their logits afterwards; scores computed here would be wrong.

    Raises:
        InputError: They differ.
    """
    import torch

    with torch.inference_mode():
        ids, mask = pad(base, [[1, 2, 3, 4]])
        own = torch.log_softmax(base.model(input_ids=ids).logits.float(), dim=-1)[0]
        ours = torch.cat(list(logprobs(base, hidden_states(base, ids, mask)[0])))
        if not torch.allclose(own, ours, atol=1e-3):
            raise InputError("head_unsupported", model=base.name)


def length_batches(lengths: Sequence[int], *, budget: int) -> list[list[int]]:
    """Groups rows of like length so that rows × longest stays within `budget` tokens.

    Args:
        lengths: One per row.
        budget: Padded tokens in a batch; a longer row stands alone.

    Returns:
        Row numbers, batch by batch: the same for the same lengths, whatever was computed before.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batches: list[list[int]] = []
    for i in order:
        if batches and lengths[batches[-1][0]] * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches
