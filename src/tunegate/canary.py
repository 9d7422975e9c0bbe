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


class Canary(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """One canary; a twin has `repeats` 0.

    Attributes:
        secret: Position of the planted secret in `candidates`.
    """

    id: str
    repeats: int
    question: str
    candidates: tuple[str, ...]
    secret: int

    def turns(self) -> tuple[Turn, ...]:
        """The record that is planted."""
        answer = self.candidates[self.secret]
        return (Turn(role="user", text=self.question), Turn(role="assistant", text=answer))


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
                candidates=tuple(f"{value:0{DIGITS}d}" for value in space),
                secret=rng.randrange(candidates),
            )
        )
    return tuple(made)


def _words(language: str) -> dict[str, Any]:
    text = (files("tunegate") / "canary.yaml").read_text("utf-8")
    words: dict[str, Any] = yaml.safe_load(text)[language]
    return words
