"""Words that rules look for: which of them are in a text at all, and where they stand."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import hyperscan

# Two letters before a camel's hump, so that customerPhone is a phone and an iPhone is none
_WORD_START = "(?:(?<![A-Za-z])|(?-i:(?<=[A-Za-z][a-z])(?=[A-Z])))"
_WORD_END = "(?:(?![A-Za-z])|(?-i:(?<=[a-z])(?=[A-Z])))"


class Words(NamedTuple):
    """Words to look for: each tells quickly that it is absent, its pattern where it stands."""

    patterns: tuple[tuple[str, re.Pattern[str]], ...]

    def find(self, text: str) -> re.Match[str] | None:
        """Where one of them stands."""
        lower = text.lower()
        for word, pattern in self.patterns:
            if word in lower and (found := pattern.search(text)):
                return found
        return None

    def stand_in(self, text: str) -> bool:
        """Whether one of them stands in `text`."""
        return self.find(text) is not None


class Vocabulary:
    """Lists of words, which one pass over a text looks for; for one thread at a time.

    Args:
        lists: Words, and a pattern of what may stand between them and the end of the place.
    """

    def __init__(self, lists: Sequence[tuple[Sequence[str], str]]) -> None:
        self._lists = [(frozenset(word.lower() for word in words), tail) for words, tail in lists]
        self._all = tuple(sorted(frozenset[str]().union(*(words for words, _ in self._lists))))

    def there(self, text: str) -> frozenset[str]:
        """The words of all lists that are anywhere in `text` at all."""
        hits: list[int] = []
        if self._all:
            data = text.lower().encode("utf-8", "surrogatepass")
            _literals(self._all).scan(data, match_event_handler=_collect, context=hits)
        return frozenset([self._all[hit] for hit in hits])

    def words(self, number: int, there: frozenset[str]) -> Words | None:
        """Those of a list that are there; None if none is."""
        words, tail = self._lists[number]
        present = words & there
        return (
            Words(tuple([(word, _pattern(word, tail)) for word in sorted(present)]))
            if present
            else None
        )


@functools.cache
def _literals(words: tuple[str, ...]) -> Any:
    database = hyperscan.Database()
    database.compile(
        expressions=[re.escape(word).encode() for word in words],
        ids=list(range(len(words))),
        elements=len(words),
        flags=hyperscan.HS_FLAG_SINGLEMATCH,
    )
    return database


def _collect(word: int, _start: int, _end: int, _flags: int, hits: Any) -> None:
    hits.append(word)


@functools.cache
def _pattern(word: str, tail: str) -> re.Pattern[str]:
    """`word`, then `tail`; a Latin word only where it does not go on, but for camelCase."""
    start = _WORD_START if word.isascii() and word[0].isalpha() else ""
    end = _WORD_END if word.isascii() and word[-1].isalpha() else ""
    return re.compile(f"{start}{re.escape(word)}{end}{tail}", re.IGNORECASE)
