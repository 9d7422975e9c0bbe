"""All pattern rules in one Vectorscan database; candidates are confirmed in Python.

A text is folded (full-width ASCII and odd dashes and spaces become ASCII, one code point for one),
scanned once as UTF-8 bytes, and each candidate is narrowed, checked for context and validated.
Context is what stands near a value and what labels it from afar: see `labels`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import hyperscan

from tunegate.scan.database import compiled
from tunegate.scan.folding import fold
from tunegate.scan.labels import Label, Labels
from tunegate.scan.rules import Boundary, Rule

_RIGHT_WINDOW = 12  # code points behind a candidate that context words are looked for in
_VETO_WINDOW = 32
_CONTEXT_GAIN = 0.75  # share of the remaining doubt that a context word takes away

# Sentinels on both sides let every boundary consume exactly one byte.
_SENTINEL = b"\n"
_BOUNDARIES: Mapping[Boundary, str] = {
    "digit": "[^0-9]",
    "alnum": "[^0-9A-Za-z]",
    "word": "[^0-9A-Za-z_]",
    "none": "",
}
# What may stand between a label and its value.
_LABEL_TAIL = r"(?:号码|编号|号|是|为|numbers?|no|num|nr|id|code|is|was|[\s:：#.,()（）\"'“”=_-])*$"
_CONTINUATION = bytes(range(0x80, 0xC0))
# Two letters before a camel's hump, so that customerPhone is a phone and an iPhone is none
_WORD_START = "(?:(?<![A-Za-z])|(?-i:(?<=[A-Za-z][a-z])(?=[A-Z])))"
_WORD_END = "(?:(?![A-Za-z])|(?-i:(?<=[a-z])(?=[A-Z])))"
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# DOB (d/m/y), Phone / 电话, Passport numbers for the group
_LABEL_PART = re.compile(r"[/／()（）\[\]【】]|(?i:\b(?:for|below|are|of the)\b)|如下|清单|列表")
_NO_LABEL = Label("", 0)


class Candidate(NamedTuple):
    """A span that a pattern hit, in the folded `text`.

    `label` is the head of its column or a label in a line above; `context` says if a context word
    stands near or in the label.
    """

    rule: Rule
    text: str
    start: int
    end: int
    context: bool
    confidence: float
    label: Label = _NO_LABEL

    @property
    def value(self) -> str:
        """The candidate's own text, folded."""
        return self.text[self.start : self.end]

    def before(self, width: int) -> str:
        """Up to `width` code points that stand before it, folded; in a table only of its row."""
        return self.text[max(self.label.floor, self.start - width) : self.start]

    def led_by(self, pattern: re.Pattern[str], width: int) -> bool:
        """Whether `pattern` (which ends in `$`) fits right before it, or its label."""
        return bool(pattern.search(self.before(width))) or self.labelled_by(pattern)

    def labelled_by(self, pattern: re.Pattern[str]) -> bool:
        """Whether `pattern` fits its label, a part of it, or its words (guestDob)."""
        label = self.label.text
        parts = (label, *_LABEL_PART.split(label), _CAMEL.sub(" ", label)) if label else ()
        return any(pattern.search(part.strip()) for part in parts)


class Match(NamedTuple):
    """A confirmed span, in code points of the text as given, end exclusive."""

    rule: Rule
    start: int
    end: int
    value: str
    context: bool
    confidence: float


Validator = Callable[[Candidate], float]
"""Confidence (0 to 1) of a candidate; 0 rejects it. `candidate.confidence` is the rule's own,
already raised by context."""


class Engine:
    """Finds all rules' matches in a text with one pass over its bytes.

    Picklable, and to be used by one thread at a time: engines of the same patterns share one
    compiled database and its scratch space.

    Args:
        rules: In order of priority; see `Rule`.
        validators: What the rules' `validator` names stand for.

    Raises:
        ValueError: A rule names no validator of `validators`, or its pattern does not compile.
    """

    def __init__(self, rules: Sequence[Rule], validators: Mapping[str, Validator]) -> None:
        self.rules = tuple(rules)
        self.validators = dict(validators)
        self._checks = [_check(rule, self.validators) for rule in self.rules]
        self._narrow = [_narrowing(rule) for rule in self.rules]
        self._context = [_words(rule.context) for rule in self.rules]
        self._veto = [_words(rule.veto, tail=_LABEL_TAIL) for rule in self.rules]
        self._margin = [len(_BOUNDARIES[rule.boundary]) > 0 for rule in self.rules]
        self._database = _compile(self.rules)

    def __reduce__(self) -> tuple[Any, ...]:
        return Engine, (self.rules, self.validators)

    def find(self, text: str) -> list[Match]:
        """The confirmed, non-overlapping matches in `text`, in order of their start."""
        folded = fold(text)
        data = _SENTINEL + folded.encode("utf-8", "surrogatepass") + _SENTINEL
        hits: list[tuple[int, int, int]] = []
        self._database.scan(data, match_event_handler=_collect, context=hits)
        return self._resolve(folded, self._spans(data, hits)) if hits else []

    def _spans(
        self, data: bytes, hits: Iterable[tuple[int, int, int]]
    ) -> list[tuple[int, int, int]]:
        """Hits as (rule, start, end) in code points: boundaries off, narrowed to `value`."""
        spans = []
        for rule, first, last in hits:
            start, end = first + self._margin[rule], last - self._margin[rule]
            if narrow := self._narrow[rule]:
                inner = narrow.fullmatch(data, start, end)
                if inner is None:
                    continue
                start, end = inner.span("value")
            spans.append((rule, start, end))
        point = _code_points(data, {offset for span in spans for offset in span[1:]})
        return [(rule, point[start], point[end]) for rule, start, end in spans]

    def _resolve(self, text: str, spans: list[tuple[int, int, int]]) -> list[Match]:
        """Confirms spans by priority, then leftmost, then longest; a taken span is not reused."""
        taken = bytearray(len(text))
        lower, labels = text.lower(), Labels(text)
        words = {
            index: (_present(self._context[index], lower), _present(self._veto[index], lower))
            for index in {span[0] for span in spans}
        }
        matches = []
        for index, start, end in sorted(set(spans), key=lambda s: (s[0], s[1], -s[2])):
            rule, (context, veto) = self.rules[index], words[index]
            if (rule.context_required and not context) or taken.find(1, start, end) >= 0:
                continue
            label = labels.of(start, end) if context or veto else None
            bare = Candidate(rule, text, start, end, False, rule.confidence, label or _NO_LABEL)
            match = _confirm(bare, context, veto, self._checks[index])
            if match is not None:
                taken[start:end] = b"\1" * (end - start)
                matches.append(match)
        return sorted(matches, key=lambda match: match.start)


def _confirm(
    bare: Candidate, words: _Words | None, veto: _Words | None, check: Validator | None
) -> Match | None:
    rule, text, start, end, _, confidence, label = bare
    right = text[end : end + _RIGHT_WINDOW].partition("\n")[0]
    places = (bare.before(rule.reach), label.text, right) if words else ()
    context = words is not None and any(map(words.stand_in, places))
    if rule.context_required and not context:
        return None
    if veto and any(map(veto.stand_in, (bare.before(_VETO_WINDOW), label.text))):
        return None
    if context and not rule.context_required:
        confidence = 1 - (1 - confidence) * (1 - _CONTEXT_GAIN)
    if check is not None:
        confidence = check(bare._replace(context=context, confidence=confidence))
    if confidence <= 0:
        return None
    return Match(rule, start, end, text[start:end], context, confidence)


def _collect(rule: int, start: int, end: int, _flags: int, hits: Any) -> None:
    hits.append((rule, start, end))


def _compile(rules: Sequence[Rule]) -> Any:
    try:
        return compiled(tuple(_expression(rule) for rule in rules))
    except hyperscan.error as error:
        names = ", ".join(rule.id for rule in rules)
        raise ValueError(f"the patterns of {names} do not compile: {error}") from error


def _expression(rule: Rule) -> bytes:
    edge = _BOUNDARIES[rule.boundary]
    return f"{edge}(?:{rule.pattern}){edge}".encode()


def _check(rule: Rule, validators: Mapping[str, Validator]) -> Validator | None:
    if rule.validator is None:
        return None
    if rule.validator not in validators:
        raise ValueError(f"rule {rule.id}: no validator {rule.validator}")
    return validators[rule.validator]


def _narrowing(rule: Rule) -> re.Pattern[bytes] | None:
    return re.compile(rule.pattern.encode()) if "(?P<value>" in rule.pattern else None


class _Words(NamedTuple):
    """Words to look for: `plain` tells quickly that none is there, `pattern` says where."""

    plain: tuple[str, ...]
    pattern: re.Pattern[str]

    def stand_in(self, text: str) -> bool:
        lower = text.lower()
        return any(word in lower for word in self.plain) and bool(self.pattern.search(text))


def _present(words: _Words | None, lower: str) -> _Words | None:
    """The words that are anywhere in a text at all; None if there are none."""
    plain = tuple(word for word in words.plain if word in lower) if words else ()
    return _Words(plain, words.pattern) if words and plain else None


def _words(words: Sequence[str], *, tail: str = "") -> _Words | None:
    """Any of `words`, then `tail`; Latin words only where none goes on, but for camelCase."""
    if not words:
        return None
    parts = "|".join(
        f"{_WORD_START}{re.escape(word)}{_WORD_END if word[-1].isalpha() else ''}"
        if word.isascii()
        else re.escape(word)
        for word in words
    )
    pattern = re.compile(f"(?:{parts}){tail}", re.IGNORECASE)
    return _Words(tuple(word.lower() for word in words), pattern)


def _code_points(data: bytes, offsets: Iterable[int]) -> dict[int, int]:
    """Byte offsets in the padded `data` as code-point offsets in the text."""
    points: dict[int, int] = {}
    seen, count = len(_SENTINEL), 0
    for offset in sorted(offsets):
        piece = data[seen:offset]
        count += len(piece) if piece.isascii() else len(piece.translate(None, _CONTINUATION))
        seen = offset
        points[offset] = count
    return points
