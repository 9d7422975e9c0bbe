"""Answers in the model's own words, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

from tunegate.models.loading import Base
from tunegate.models.queries import Generate, GenerateAnswer


def generate(base: Base, prompts: Sequence[str], query: Generate) -> list[GenerateAnswer]:
    """Continues B rendered prompts under the decoding settings of `query`.

    Sampling is seeded for the batch, so the same batch always gives the same answers.
    """
    import torch

    tokenizer = base.tokenizer
    rows = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in prompts]
    longest = max(map(len, rows))
    padding = [longest - len(row) for row in rows]
    # Left padding: the last token of every row is the one that the model goes on from.
    ids = [[tokenizer.pad_token_id] * n + row for n, row in zip(padding, rows, strict=True)]
    mask = [[0] * n + [1] * len(row) for n, row in zip(padding, rows, strict=True)]
    sampling = (
        {"do_sample": True, "temperature": query.temperature, "top_k": 0, "top_p": 1.0}
        if query.temperature > 0
        else {"do_sample": False, "temperature": None, "top_k": None, "top_p": None}
    )
    torch.manual_seed(query.seed)
    with torch.inference_mode():
        out = base.model.generate(
            input_ids=torch.tensor(ids, device=base.device),
            attention_mask=torch.tensor(mask, device=base.device),
            max_new_tokens=query.max_new_tokens,
            pad_token_id=tokenizer.pad_token_id,
            **sampling,
        )
    texts = tokenizer.batch_decode(out[:, longest:], skip_special_tokens=True)
    return [GenerateAnswer(text=text) for text in texts]
