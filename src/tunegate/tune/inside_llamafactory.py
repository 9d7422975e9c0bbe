"""Run by LLaMA-Factory's own interpreter, never by ours: tells how it encodes a dataset.

Usage: python inside_llamafactory.py TRAIN.yaml ANSWER.json

The answer holds its version, its template as a chat template, the largest token id, the rows of
the model's embedding, and a digest of every example's tokens and targets.
"""

from __future__ import annotations

import hashlib
import json
import sys
from importlib import metadata
from pathlib import Path

import yaml
from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
from llamafactory.hparams import get_train_args
from llamafactory.model import load_tokenizer
from transformers import AutoConfig

IGNORED = -100


def main(settings: str, answer: str) -> None:
    """Encodes as a training by these settings would."""
    keys = yaml.safe_load(Path(settings).read_text("utf-8"))
    model, data, training, _, _ = get_train_args(keys)
    module = load_tokenizer(model)
    tokenizer = module["tokenizer"]
    template = get_template_and_fix_tokenizer(tokenizer, data)
    rows = get_dataset(template, model, data, training, stage="sft", **module)["train_dataset"]
    digests, largest = [], 0
    for row in rows:
        ids, labels = row["input_ids"], row["labels"]
        targets = "".join("0" if label == IGNORED else "1" for label in labels)
        text = f"{','.join(map(str, ids))} {targets}"
        digests.append(hashlib.sha256(text.encode()).hexdigest())
        largest = max(largest, *ids)
    told = {
        "version": metadata.version("llamafactory"),
        "chat_template": chat_template(template, tokenizer),
        "largest_id": largest,
        "vocabulary": AutoConfig.from_pretrained(model.model_name_or_path).vocab_size,
        "examples": digests,
    }
    Path(answer).write_text(json.dumps(told), "utf-8")


def chat_template(template: object, tokenizer: object) -> str:
    """The template as Jinja; empty where it cannot be written so."""
    try:
        return str(template._get_jinja_template(tokenizer))  # type: ignore[attr-defined]
    except (AttributeError, ValueError):
        return ""


if __name__ == "__main__":
    main(*sys.argv[1:])
