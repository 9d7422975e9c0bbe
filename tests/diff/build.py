"""Synthetic contexts and answers: what a model would have said, without one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tunegate.canary import Canary
from tunegate.diff import Answers, Context, Sample, Span
from tunegate.diff.context import Side
from tunegate.keys import Key
from tunegate.models.queries import Answer, Query, ScoreAnswer, TokenScores
from tunegate.types import Severity, Turn

KEY = Key(b"a key for tests only")


def digest(value: str) -> str:
    """As findings have it: keyed, so that the value cannot be read off it."""
    return KEY.digest(value)


def context(
    *,
    samples: Iterable[Sample] = (),
    given: Iterable[Sample] = (),
    canaries: Iterable[Canary] = (),
    prompts: Iterable[tuple[Turn, ...]] = (),
    trained: Iterable[str] = (),
    arm: str = "routed",
    generations: int = 1000,
    seed: int = 1,
) -> Context:
    return Context(
        arm=arm,
        checkpoint=3,
        samples=tuple(samples),
        given=tuple(given),
        canaries=tuple(canaries),
        prompts=tuple(prompts),
        trained_digests=frozenset(trained),
        seed=seed,
        generations=generations,
    )


def sample(
    name: str,
    side: Side,
    *,
    ask: str = "Where do I write to?",
    answer: str = "Write to {}.",
    value: str = "",
    kind: str = "email",
    severity: Severity = "critical",
    stratum: str = "all",
    unit: str = "",
) -> Sample:
    """One question and answer; `value`, if any, stands in the answer as a sensitive span."""
    turns = (
        Turn(role="user", text=f"{ask} ({name})"),
        Turn(role="assistant", text=answer.format(value)),
    )
    spans: tuple[Span, ...] = ()
    if value:
        start = turns[1].text.index(value)
        spans = (Span(1, start, start + len(value), kind, severity, digest(value)),)
    return Sample(name, unit or f"unit-{name}", stratum, side, turns, spans)


def tokens(
    logprobs: Sequence[float], *, greedy: bool = False, top_k: float | None = None
) -> TokenScores:
    n = len(logprobs)
    return TokenScores(tuple(logprobs), (-3.0,) * n, (1.0,) * n, (top_k,) * n, (greedy,) * n)


def said(
    *logprobs: float, extracted: Sequence[bool] = (), likely: Sequence[float | None] = ()
) -> ScoreAnswer:
    """Answer to a score query; per span, whether it comes out greedily and how likely a token."""
    chances: list[Any] = list(likely) or [-9.0] * len(extracted)
    spans = tuple(
        tokens([-1.0, -1.0], greedy=out, top_k=chance)
        for out, chance in zip(extracted, chances, strict=True)
    )
    return ScoreAnswer(target=tokens(logprobs or (-1.0, -2.0)), spans=spans)


def answers(base: dict[Query, Answer], tuned: dict[Query, Answer]) -> Answers:
    assert base.keys() == tuned.keys()
    return Answers(base, tuned)
