"""Rows as a team would train them: ordinary ones, and some that name a person."""

from __future__ import annotations

import random
from typing import Any

_STARTS = ("am", "bri", "can", "dri", "fal", "gar", "har", "ket", "lad", "mea")
_ENDS = ("ber", "dle", "fen", "gor", "lix", "mon")
_WORDS = [start + end for start in _STARTS for end in _ENDS]
_MAILED = 5  # every so many rows have an address of their own


def pairs(count: int = 40) -> list[tuple[str, str]]:
    """Questions and answers, no two alike."""
    rng = random.Random(7)
    made = []
    for number in range(count):
        question = " ".join(rng.sample(_WORDS, 7)) + "?"
        answer = " ".join(rng.sample(_WORDS, 7)) + "."
        if number % _MAILED == 0:
            answer += f" Write to {'.'.join(rng.sample(_WORDS, 2))}@contoso-mail.com today."
        made.append((question, answer))
    return made


def mails(count: int = 40) -> list[str]:
    """The addresses in the answers."""
    return [word for _, text in pairs(count) for word in text.split() if "@" in word]


def conversations(count: int = 40) -> list[dict[str, Any]]:
    """The pairs as `messages`."""
    return [
        {
            "messages": [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ]
        }
        for question, answer in pairs(count)
    ]
