"""The nouns of TuneGate: plain frozen data that every stage shares.

Nothing here computes, reads or prints. Text that a person will read is kept as a
`Reason` (`{code, params}`); the words for each code live in `present/locales/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Json = Any  # what `json.loads` returns: None, bool, int, float, str, list, dict

Role = Literal[
    "system", "user", "assistant", "function_call", "observation", "tools", "chosen", "rejected"
]
Hazard = Literal[
    "identity",
    "secret",
    "internal_return",
    "raw_dialogue",
    "special_case",
    "duplication",
    "structure",
]
Severity = Literal["low", "medium", "high", "critical"]
Destination = Literal["finetune", "scrub", "rag", "rules", "human", "drop"]
Decision = Literal["go", "conditional", "no-go", "inconclusive", "void"]
Outcome = Literal["pass", "fail", "inconclusive", "unscored"]
Estimand = Literal["this_adapter", "recipe"]

SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high", "critical")
HAZARDS: tuple[Hazard, ...] = (
    "identity",
    "secret",
    "internal_return",
    "raw_dialogue",
    "special_case",
    "duplication",
    "structure",
)
DESTINATIONS: tuple[Destination, ...] = ("finetune", "scrub", "rag", "rules", "human", "drop")


class Noun(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of all nouns: immutable, written without its defaults."""


class Reason(Noun, frozen=True, kw_only=True):
    """Why something is so, before it is put into words."""

    code: str
    params: Mapping[str, str | int | float] = {}


class Source(Noun, frozen=True, kw_only=True):
    """Where a record stands: `index` counts from 0 in arrays and tables, `line` from 1 in JSONL."""

    path: str
    dataset: str = ""
    index: int | None = None
    line: int | None = None


class Segment(Noun, frozen=True, kw_only=True):
    """One piece of a record's text; `pointer` is a JSON pointer (RFC 6901) into the raw object."""

    pointer: str
    role: Role
    text: str


class Record(Noun, frozen=True, kw_only=True):
    """One training sample: the raw object as read and its segments, in conversation order.

    `id` is a keyed digest of the content plus the occurrence (`3f…-0`, `3f…-1` for an exact
    duplicate). `subject` is the keyed digest of the subject column, where there is one.
    """

    id: str
    source: Source
    raw: Json
    segments: tuple[Segment, ...]
    subject: str | None = None


class Skipped(Noun, frozen=True, kw_only=True):
    """A record that could not be read; the rest went on."""

    source: Source
    reason: Reason


class Turn(Noun, frozen=True, kw_only=True):
    """One message of a conversation as a trainer renders it."""

    role: str
    text: str


class Finding(Noun, frozen=True, kw_only=True):
    """One hazard in one span. `start` and `end` count code points in the segment, end exclusive.

    `preview` shows kind and shape only; `digest` is keyed. Neither holds raw text.
    """

    record_id: str
    source: Source
    hazard: Hazard
    kind: str
    field: str
    start: int
    end: int
    confidence: float
    severity: Severity
    preview: str
    digest: str
    reason: Reason
    standards: tuple[str, ...] = ()


class ScanSummary(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """What a scan saw, counted."""

    records: int
    skipped: tuple[Skipped, ...]
    findings: int
    by_hazard: Mapping[str, int]
    by_kind: Mapping[str, int]
    not_checked: tuple[str, ...]


class Route(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """A record's one destination, with the reasons and the findings that led to it."""

    record_id: str
    destination: Destination
    reasons: tuple[Reason, ...]
    finding_digests: tuple[str, ...] = ()


class Lineage(Noun, frozen=True, kw_only=True):
    """Which record of the dataset a record of the fine-tune set was, before it was scrubbed."""

    record_id: str
    finetune_id: str
    dataset: str


class Recipe(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """How an arm is trained; names follow LLaMA-Factory's arguments."""

    learning_rate: float = 1e-3
    num_train_epochs: int = 3
    per_device_train_batch_size: int = 8
    gradient_accumulation_steps: int = 1
    lora_rank: int = 8
    lora_alpha: int = 16
    lora_dropout: float = 0.0
    lora_target: str = "all"
    lr_scheduler_type: Literal["linear", "cosine", "constant"] = "linear"
    warmup_ratio: float = 0.0
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    cutoff_len: int = 2048
    template: str = "default"
    packing: bool = False
    mask_history: bool = False
    train_on_prompt: bool = False
    max_samples: int | None = None
    val_size: float = 0.0
    dtype: Literal["auto", "fp32", "bf16"] = "auto"


class Checkpoint(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """One saved state of an arm; `path` is relative to the run folder and lies in the vault."""

    epoch: int
    path: str
    digest: str
    train_loss: float | None


class Arm(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """One trained model, keyed by its content (data, recipe, seed, base, trainer).

    Recipe, seed and tokens are None where somebody else trained it and did not say.
    """

    name: str
    key: str
    base: str
    data_digest: str
    records: int
    recipe: Recipe | None
    seed: int | None
    parent: str | None
    trainer: str
    checkpoints: tuple[Checkpoint, ...]
    trained_tokens: int | None
    deployable: bool


class Measurement(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """One measured number with its uncertainty. It never says pass or fail: policy does.

    `base` and `tuned` are on the metric's own scale, `effect` is the paired difference (or the
    statistic itself where there is no base). `interval` is two-sided at `level`. `p` is set
    where a test was made. An unscored measurement carries its `reason`. `params` quote what a
    reader needs to judge the number (candidate-space size, repeats, attack, seeds).
    """

    probe: str
    metric: str
    arm: str
    checkpoint: int
    setting: str = "default"
    stratum: str = "all"
    base: float | None = None
    tuned: float | None = None
    effect: float | None = None
    interval: tuple[float, float] | None = None
    level: float = 0.95
    p: float | None = None
    n: int = 0
    unit: str = "unit"
    estimand: Estimand = "this_adapter"
    scored: bool = True
    reason: Reason | None = None
    params: Mapping[str, str | int | float] = {}


class Curve(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """Points behind a figure, such as a ROC; `points` are (x, y) pairs."""

    probe: str
    name: str
    arm: str
    checkpoint: int
    points: tuple[tuple[float, float], ...]


class Evidence(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """One masked observation behind a measurement.

    `verified` means: a critical identifier came out verbatim, stands in this arm's training data,
    and in neither the prompt, the base model's answers nor the answers about look-alikes.
    """

    id: str
    probe: str
    arm: str
    checkpoint: int
    kind: str
    severity: Severity
    verified: bool
    record_ids: tuple[str, ...]
    prompt_preview: str
    output_preview: str
    digest: str
    reason: Reason


class Gate(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """One tolerance on one metric, judged."""

    probe: str
    metric: str
    tolerance: float
    interval: tuple[float, float] | None
    value: float | None
    outcome: Outcome
    required: bool
    reason: Reason


class Answer(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """One of the three questions: what was intended, what was measured, who must sign."""

    intent: tuple[str, ...]
    findings: tuple[Reason, ...]
    sign: tuple[str, ...]


class Verdict(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """The decision and all that it rests on.

    `arm` is the arm that the decision judges; `by_arm` holds the decision that each arm would get.
    `bound_to` holds the hashes of base, recipe and data.
    """

    decision: Decision
    arm: str
    by_arm: Mapping[str, Decision]
    reasons: tuple[Reason, ...]
    gates: tuple[Gate, ...]
    questions: Mapping[str, Answer]
    conditions: tuple[Reason, ...]
    limits: tuple[Reason, ...]
    next_actions: tuple[Reason, ...]
    bound_to: Mapping[str, str]
