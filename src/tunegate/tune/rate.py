"""How much arithmetic training takes, and how much this machine can do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tunegate.models.forward import causal
from tunegate.models.loading import Base
from tunegate.models.template import Encoded

_ROWS = 512  # about the tokens of one training batch


def training_flops(base: Base, examples: Sequence[Encoded]) -> float:
    """Floating-point operations of the large matrix products in one epoch of LoRA training.

    Forward 2 and backward 2 a weight and token (frozen weights need no gradient of their own);
    the output matrix only at targets. Attention scores and the adapter itself are left out.
    """
    head = causal(base.model).get_output_embeddings().weight.numel()
    layers = sum(
        p.numel() for p in causal(base.model).get_decoder().layers.parameters() if p.dim() == 2
    )
    tokens = sum(len(example.ids) for example in examples)
    targets = sum(sum(example.target[1:]) for example in examples)
    return float(4 * (layers * tokens + head * targets))


def matrix_rate(base: Base, *, seconds: float = 0.4) -> float:
    """Operations a second of this machine in products shaped like the model's largest layer."""
    import torch

    weight: Any = max(
        (p for p in causal(base.model).get_decoder().layers[0].parameters() if p.dim() == 2),
        key=lambda p: p.numel(),
    ).detach()
    x = torch.ones((_ROWS, weight.shape[1]), dtype=weight.dtype, device=weight.device)
    done = 0
    start = time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        torch.nn.functional.linear(x, weight)
        if weight.is_cuda:
            torch.cuda.synchronize()
        done += 1
    return float(2 * _ROWS * weight.numel() * done) / spent
