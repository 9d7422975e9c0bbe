"""A tiny random Llama with a byte-level tokenizer, written down as a real model's folder is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tunegate.models.loading import Base, load, quiet
from tunegate.models.template import CHATML
from tunegate.types import Recipe, Turn

__all__ = ["base", "tiny_folder"]

CORPUS = [
    "How do I return a parcel? Use the form within 30 days.",
    "The order was sent on Monday and will arrive at the shop.",
    "你好，请问怎么退货？请在三十天内提交表格。",
    "Call 555 0134 or write to help@example.com 😀",
]


def chat(*texts: str) -> tuple[Turn, ...]:
    """User and assistant in turn."""
    return tuple(
        Turn(role="assistant" if i % 2 else "user", text=text) for i, text in enumerate(texts)
    )


def write_tokenizer(folder: Path, *, vocabulary: int = 420) -> None:
    """Trains a byte-level BPE tokenizer on a few lines; digits stand alone, as in SmolLM2's."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.BPE())
    plain.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    plain.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    plain.train_from_iterator(CORPUS, trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=plain,
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        chat_template=CHATML,
    ).save_pretrained(folder)


def write_model(folder: Path, *, hidden: int = 64, layers: int = 2, seed: int = 1) -> Path:
    """A model whose logits differ enough for no two tokens to tie."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    quiet()
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    write_tokenizer(folder)
    tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.15,
        bos_token_id=0,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's folder; tests do not write to it."""
    import torch

    torch.set_num_threads(2)
    return write_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def base(tiny_folder: Path) -> Base:
    """The model loaded in fp32; every test gives it back as it was."""
    return load(str(tiny_folder), dtype="fp32")


def write_adapter(base: Base, folder: Path, *, seed: int = 3, scale: float = 0.2) -> Path:
    """An adapter that changes every answer, as if trained; the base is left alone."""
    import torch

    from tunegate.tune import lora

    model = lora.attach(base, Recipe(lora_rank=4), seed=seed)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=scale)
    lora.save(model, folder)
    lora.detach(base, model)
    return folder


def weights(base: Base) -> dict[str, Any]:
    """A copy of all weights by name."""
    return {name: value.clone() for name, value in base.model.state_dict().items()}


def same_weights(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Bit for bit."""
    import torch

    return list(one) == list(other) and all(torch.equal(one[name], other[name]) for name in one)


def plain_logprobs(base: Base, ids: Sequence[int]) -> Any:
    """Log-probabilities by the model's own forward pass, one sequence alone, shape (L, V)."""
    import torch

    with torch.inference_mode():
        logits = base.model(input_ids=torch.tensor([list(ids)])).logits[0]
    return torch.log_softmax(logits.float(), dim=-1)
