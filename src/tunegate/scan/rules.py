"""Pattern rules as data: what a rule is, and how the YAML lists in `patterns/` are read."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Literal

import msgspec

from tunegate.types import Hazard, Noun, Severity

Boundary = Literal["digit", "alnum", "word", "none"]


class Rule(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One pattern and what a hit of it means.

    `pattern` is matched on UTF-8 bytes by Vectorscan: no look-around, no back-references, and no
    Han character inside a bracketed class (write alternatives). Full-width ASCII has been folded
    to ASCII before. A group named `value` narrows the span to itself. Of the starts that share an
    end only the leftmost is seen, so a pattern's optional parts belong at its end where they can.

    `boundary` names what may not touch the whole match on either side: an ASCII `digit`, an ASCII
    letter or digit (`alnum`), one of those or an underscore (`word`), or `none` for no condition.
    Han characters never count, so that a number glued to Chinese text is found.

    `context` words near the span (`reach` code points before it, or a few behind) or in the head of
    its column raise the confidence, or are needed where `context_required`; a `veto` word that
    directly labels the value (`order no.: …`) silences the hit.
    Order in the list is priority: where spans overlap, the earlier rule has it.
    """

    id: str
    hazard: Hazard
    kind: str
    severity: Severity
    confidence: float
    pattern: str
    boundary: Boundary = "alnum"
    validator: str | None = None
    context: tuple[str, ...] = ()
    context_required: bool = False
    reach: int = 24
    veto: tuple[str, ...] = ()
    standards: tuple[str, ...] = ()
    examples: tuple[str, ...]
    counterexamples: tuple[str, ...]


class RuleFile(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of rules; its word lists are quoted in `context`, `veto` and each other as `$name`."""

    words: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    rules: tuple[Rule, ...]


@functools.cache
def load_rules(name: str) -> tuple[Rule, ...]:
    """Reads `patterns/<name>.yaml` of this package, with quoted word lists put in.

    Raises:
        msgspec.ValidationError: A rule has an unknown or a missing field.
        KeyError: A rule quotes a word list that the file does not have.
    """
    file = msgspec.yaml.decode(_read(name), type=RuleFile)
    return tuple(
        msgspec.structs.replace(
            rule, context=_words(rule.context, file.words), veto=_words(rule.veto, file.words)
        )
        for rule in file.rules
    )


def load_words(name: str) -> dict[str, frozenset[str]]:
    """Reads `patterns/<name>.yaml` of this package: a file of word lists and nothing else."""
    return msgspec.yaml.decode(_read(name), type=dict[str, frozenset[str]])


def _read(name: str) -> bytes:
    return resources.files("tunegate.scan").joinpath("patterns", f"{name}.yaml").read_bytes()


def _words(quoted: tuple[str, ...], lists: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    words: list[str] = []
    for word in quoted:
        words.extend(_words(lists[word[1:]], lists) if word.startswith("$") else (word,))
    return tuple(words)
