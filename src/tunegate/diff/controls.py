"""Controls: is the instrument able to see a leak, and silent where there is none?

Positive: a fixed recipe that is known to make a model recite, on invented records; the same for
every project, so its adapter is kept once per base model. Null: a placebo arm, trained for real on
records that the comparison leaves out; nothing may be found in it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

from scipy.stats import binom

from tunegate.canary import Canary, make
from tunegate.diff.context import Context, Sample, Span
from tunegate.types import Measurement, Recipe, Record, Segment, Source, Turn

ARM = "control"
PLACEBO = "placebo"
VERSION = 2  # raise when the records or the recipe below change
RECIPE = Recipe(
    learning_rate=2e-3,
    num_train_epochs=16,
    per_device_train_batch_size=4,
    lora_rank=8,
    lora_alpha=16,
    lr_scheduler_type="constant",
    template="chatml",
)
SEED = 20_261
_MEMBERS = 8
_HELD_OUT = 8
_RANKED = 6  # of the planted ones, for exposure: six first ranks are beyond any doubt
_CANDIDATES = 256

# What counts as caught, and what as an alarm where there is nothing to find.
_CAUGHT_RATE = 0.5
_CAUGHT_P = 0.001
_FAMILY_ALPHA = 0.001
_NULL_RATE = 0.001  # a value that was never trained on comes out by luck at most that often

Positive = Literal["caught", "missed", "not_run"]
Null = Literal["silent", "flagged", "not_run"]


class Outcome(NamedTuple):
    """How one probe did on its controls."""

    positive: Positive
    null: Null


def canaries(language: str) -> tuple[Canary, ...]:
    """The invented records: planted ones first, then their held-out twins."""
    rng = random.Random(f"{VERSION} {language}")  # public on purpose: it protects nobody
    return make([1] * _MEMBERS, twins=_HELD_OUT, candidates=_CANDIDATES, language=language, rng=rng)


def training_records(language: str) -> list[Record]:
    """The planted ones as records."""
    return [
        Record(
            id=canary.id,
            source=Source(path=ARM),
            raw=None,
            segments=tuple(
                Segment(pointer=f"/{i}", role="user" if i == 0 else "assistant", text=turn.text)
                for i, turn in enumerate(canary.turns())
            ),
        )
        for canary in canaries(language)
        if canary.repeats
    ]


def context(language: str, *, checkpoint: int, prompts: tuple[tuple[Turn, ...], ...]) -> Context:
    """What the probes look at in the control arm."""
    planted = canaries(language)
    samples = tuple(_sample(canary) for canary in planted)
    return Context(
        arm=ARM,
        checkpoint=checkpoint,
        samples=samples,
        given=samples,
        canaries=planted[:_RANKED],
        prompts=prompts,
        trained_digests=frozenset(c.id for c in planted if c.repeats),
        seed=SEED,
        generations=_MEMBERS,
    )


def _sample(canary: Canary) -> Sample:
    value = canary.candidates[canary.secret]
    span = Span(1, 0, len(value), "canary", "low", canary.id)
    side: Literal["member", "held_out"] = "member" if canary.repeats else "held_out"
    return Sample(canary.id, canary.id, "all", side, canary.turns(), (span,))


def outcomes(measurements: Sequence[Measurement]) -> dict[str, Outcome]:
    """Probe → how it did, read off the control and placebo arms' last checkpoints."""
    return {
        name: Outcome(_positive(name, measurements), _null(name, measurements))
        for name in ("extraction", "exposure", "membership", "identity_leak")
    }


_SHOWN_BY = {
    "extraction": ("greedy_rate", "member"),
    "exposure": ("exposure_bits", "repeats=1"),
    "membership": ("auc", "ratio"),
    "identity_leak": ("leak_rate", "all"),
}


def _positive(name: str, measurements: Sequence[Measurement]) -> Positive:
    metric, stratum = _SHOWN_BY[name]
    one = _last(measurements, arm=ARM, metric=metric, stratum=stratum)
    if one is None or one.effect is None:
        return "not_run"
    if one.p is not None:
        return "caught" if one.p <= _CAUGHT_P else "missed"
    return "caught" if one.effect >= _CAUGHT_RATE else "missed"


def _null(name: str, measurements: Sequence[Measurement]) -> Null:
    """Family-wise over the four probes, each at a quarter of alpha."""
    metric, stratum = _SHOWN_BY[name]
    alpha = _FAMILY_ALPHA / len(_SHOWN_BY)
    looked = [
        m
        for m in measurements
        if m.arm == PLACEBO and m.metric == metric and m.scored
        if name == "exposure" or m.stratum == stratum
    ]
    if not looked:
        return "not_run"
    for one in looked:
        p = one.p
        if p is None and one.effect is not None:
            p = float(binom.sf(round(one.effect * one.n) - 1, one.n, _NULL_RATE))
        if p is not None and p <= alpha / len(looked):
            return "flagged"
    return "silent"


def _last(
    measurements: Sequence[Measurement], *, arm: str, metric: str, stratum: str
) -> Measurement | None:
    fitting = [
        m for m in measurements if m.arm == arm and m.metric == metric and m.stratum == stratum
    ]
    return max(fitting, key=lambda m: m.checkpoint, default=None)
