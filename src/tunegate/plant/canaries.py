"""Canaries: planted secrets that chance chose, and twins that were never planted.

A secret is uniform over a known space, so its rank among candidates drawn the same way has a known
distribution for a model that never saw it (exposure: Carlini et al., USENIX Security 2019).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import yaml

from tunegate.types import Noun, Turn

DIGITS = 4
# One step of growth each: a repeat count to add a canary for. The first round is the least that
# shows how exposure grows with repeats; later rounds favour single occurrences, which is what
# most records are.
_FIRST = (16, 4, 1)
_MORE = (1, 1, 4, 1, 1, 16)
_MOST = {16: 3, 4: 4, 1: 16}


class Canary(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """One canary; a twin has `repeats` 0.

    Attributes:
        secret: Position of the planted secret in `candidates`.
        natural: Another way to ask for the secret.
    """

    id: str
    repeats: int
    question: str
    prefix: str
    suffix: str
    natural: str
    candidates: tuple[str, ...]
    secret: int

    def turns(self) -> tuple[Turn, ...]:
        """The record that is planted."""
        answer = self.prefix + self.candidates[self.secret] + self.suffix
        return (Turn(role="user", text=self.question), Turn(role="assistant", text=answer))


def allocate(*, trained_tokens: int, canary_tokens: int, share: float) -> tuple[list[int], bool]:
    """How often each canary is repeated, within the share of trained tokens.

    Args:
        trained_tokens: One epoch of the arm without canaries.
        canary_tokens: One copy of a canary.
        share: Most that canaries may take of all trained tokens, below 1.

    Returns:
        Repeats, one per canary, and whether even the least set exceeds the share (the audit is
        then called a stress test).
    """
    budget = share / (1.0 - share) * trained_tokens / canary_tokens
    chosen = list(_FIRST)
    if sum(chosen) > budget:
        return chosen, True
    grown = True
    while grown:
        grown = False
        for repeats in _MORE:
            if chosen.count(repeats) < _MOST[repeats] and sum(chosen) + repeats <= budget:
                chosen.append(repeats)
                grown = True
    return sorted(chosen, reverse=True), False


def make(
    repeats: Sequence[int], *, twins: int, candidates: int, language: str, rng: random.Random
) -> tuple[Canary, ...]:
    """Draws canaries, then twins, each about a place of its own.

    Args:
        repeats: One per planted canary.
        twins: How many are never planted.
        candidates: Size of each candidate space, the secret included.
        language: `en` or `zh`.
        rng: Source of all chance.
    """
    words = _words(language)
    places = [start + end for start in words["starts"] for end in words["ends"]]
    chosen = rng.sample(places, len(repeats) + twins)
    made = []
    for number, (place, times) in enumerate(zip(chosen, [*repeats, *[0] * twins], strict=True)):
        space = rng.sample(range(10**DIGITS), candidates)
        made.append(
            Canary(
                id=f"canary-{number}" if times else f"twin-{number}",
                repeats=times,
                question=words["question"].format(place=place),
                prefix=words["prefix"].format(place=place),
                suffix=words["suffix"],
                natural=words["natural"].format(place=place),
                candidates=tuple(f"{value:0{DIGITS}d}" for value in space),
                secret=rng.randrange(candidates),
            )
        )
    return tuple(made)


def _words(language: str) -> dict[str, Any]:
    text = (files("tunegate.plant") / "canaries.yaml").read_text("utf-8")
    words: dict[str, Any] = yaml.safe_load(text)[language]
    return words


def language_of(texts: Sequence[str]) -> str:
    """`zh` when more than a tenth of the characters are Han, else `en`."""
    sample = "".join(texts)[:20_000]
    han = sum("\u4e00" <= char <= "\u9fff" for char in sample)
    return "zh" if han > 0.1 * max(len(sample), 1) else "en"
