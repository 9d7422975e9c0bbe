"""All pattern rules in one Vectorscan database; candidates are confirmed in Python.

A text is folded (full-width ASCII and odd dashes and spaces become ASCII, one code point for one),
scanned once as UTF-8 bytes, and each candidate is narrowed, checked for context and validated.
Context is what stands near a value and what labels it from afar: see `labels`.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import hyperscan

from tunegate.scan.database import compiled
from tunegate.scan.folding import fold
from tunegate.scan.labels import Label, Labels
from tunegate.scan.rules import Boundary, Rule
from tunegate.scan.vocabulary import Vocabulary, Words

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
# What may stand between a label and its value; a stop and a space end a sentence, but for no. 12
_LABEL_TAIL = (
    r"(?:号码|编号|代码|号|是|为|numbers?|no|num|nr|id|code|is|was|\.(?!\s)|(?<=no|nr|ef|um)\.\s"
    r"|[\s:：#,()（）\"'“”=_-])*$"
)
_CONTINUATION = bytes(range(0x80, 0xC0))
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# DOB (d/m/y), Phone / 电话, Passport numbers for the group
# … and of what is asked in a sentence
_LABEL_PART = re.compile(
    r"[/／()（）\[\]【】,，、;；:：?？!！。]|\.\s"
    r"|(?i:\b(?:for|below|are|of the|and|or|please|on|in|to|from|again|as)\b)"
    r"|如下|清单|列表|[和及与]|是?(?:多少|什么|哪|几)|[吗呢吧报发后]|一下"
)
# Scanned forms: 出 生, 电　话
_HAN_GAP = re.compile(r"(?<=[\u4e00-\u9fff]) {1,3}(?=[\u4e00-\u9fff])")
# What stands between the values of a list, which have one label together
_JOINER = re.compile(
    r"(?:\s?[(（][^()（）\n0-9]{1,16}[)）])?\s*"
    r"(?:[,、，/／;；&+|]|(?i:and|or)\b|以及|或者?|[和及与])\s*(?i:(?:and|or|also|on|at|under|try|me|him|her|us)\s+){0,3}"
)
_FURTHEST_IN_LIST = 32
_ALIKE = {"mobile_number": "phone"}
_NO_LABEL = Label("", 0)


class Candidate(NamedTuple):
    """A span that a pattern hit, in the folded `text`.

    `label` is the head of its column, a label in a line above or a question there; `context` says
    if a context word stands near or in the label. `lead` is where the list begins that it goes on.
    """

    rule: Rule
    text: str
    start: int
    end: int
    context: bool
    confidence: float
    label: Label = _NO_LABEL
    lead: int | None = None

    @property
    def value(self) -> str:
        """The candidate's own text, folded."""
        return self.text[self.start : self.end]

    def before(self, width: int) -> str:
        """Up to `width` code points that stand before it, folded; in a table only of its row.

        In a list of values of one kind they stand before the first. Han letters have no gaps.
        """
        start = self.start if self.lead is None else self.lead
        return _tightened(self.text[max(self.label.floor, start - width) : start])

    def led_by(self, pattern: re.Pattern[str], width: int) -> bool:
        """Whether `pattern` (which ends in `$`) fits right before it, or its label."""
        return bool(pattern.search(self.before(width))) or self.labelled_by(pattern)

    def labelled_by(self, pattern: re.Pattern[str]) -> bool:
        """Whether `pattern` fits its label, a part of it, or its words (guestDob)."""
        label = self.label.text
        parts = (label, *_parts(label), _CAMEL.sub(" ", label)) if label else ()
        return any(map(pattern.search, parts))


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
        self._vocabulary = Vocabulary(
            [(rule.context, "") for rule in self.rules]
            + [(rule.veto, _LABEL_TAIL) for rule in self.rules]
        )
        self._margin = [len(_BOUNDARIES[rule.boundary]) > 0 for rule in self.rules]
        self._database = _compile(self.rules)

    def __reduce__(self) -> tuple[Any, ...]:
        return Engine, (self.rules, self.validators)

    def find(self, text: str, asked: str = "") -> list[Match]:
        """The confirmed, non-overlapping matches in `text`, in order of their start.

        `asked` is what another speaker said before it: a question there labels the answer.
        """
        folded = fold(text)
        data = _SENTINEL + folded.encode("utf-8", "surrogatepass") + _SENTINEL
        hits: list[tuple[int, int, int]] = []
        self._database.scan(data, match_event_handler=_collect, context=hits)
        return self._resolve(folded, self._spans(data, hits), fold(asked)) if hits else []

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

    def _resolve(self, text: str, spans: list[tuple[int, int, int]], asked: str) -> list[Match]:
        """Confirms spans by priority, then leftmost, then longest; a taken span is not reused."""
        taken, lists, labels = bytearray(len(text)), _Lists(text), Labels(text, asked)
        there = self._vocabulary.there(_tightened(f"{asked}\n{text}" if asked else text))
        words = {
            index: [self._vocabulary.words(n, there) for n in (index, len(self.rules) + index)]
            for index in {span[0] for span in spans}
        }
        matches = []
        for index, start, end in sorted(set(spans), key=lambda s: (s[0], s[1], -s[2])):
            rule, (context, veto) = self.rules[index], words[index]
            if (rule.context_required and not context) or taken.find(1, start, end) >= 0:
                continue
            label, lead = _NO_LABEL, None
            if context or veto:
                label = labels.of(start, end) or _NO_LABEL
                lead = None if label.text else lists.lead(rule.kind, start)
            bare = Candidate(rule, text, start, end, False, rule.confidence, label, lead)
            match = _confirm(bare, context, veto, self._checks[index])
            if match is not None:
                taken[start:end] = b"\1" * (end - start)
                lists.add(bare)
                matches.append(match)
        return sorted(matches, key=lambda match: match.start)


def _confirm(
    bare: Candidate, words: Words | None, veto: Words | None, check: Validator | None
) -> Match | None:
    rule, text, start, end, _, confidence, label, _ = bare
    right = text[end : end + _RIGHT_WINDOW].partition("\n")[0]
    places = (bare.before(rule.reach), label.text, right) if words else ()
    context = words is not None and any(map(words.stand_in, places))
    if rule.context_required and not context:
        return None
    if veto and (veto.stand_in(bare.before(_VETO_WINDOW)) or _is_other(bare, words, veto)):
        return None
    if context and not rule.context_required:
        confidence = 1 - (1 - confidence) * (1 - _CONTEXT_GAIN)
    if check is not None:
        confidence = check(bare._replace(context=context, confidence=confidence))
    if confidence <= 0:
        return None
    return Match(rule, start, end, text[start:end], context, confidence)


@functools.lru_cache(256)  # a column's values share their head
def _parts(label: str) -> tuple[str, ...]:
    """What a label names, one by one: Phone / order no., your name and date of birth?"""
    return tuple([part.strip() for part in _LABEL_PART.split(label)]) if label else ()


def _is_other(bare: Candidate, words: Words | None, veto: Words) -> bool:
    """Whether its label names something else, and nothing that the rule looks for beside it."""
    parts = _parts(bare.label.text)
    others = [veto.find(part) for part in parts]
    rest = [part[: other and other.start()] for part, other in zip(parts, others, strict=True)]
    return any(others) and not (words and any(map(words.stand_in, rest)))


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


class _Lists:
    """Where lists of values of one kind begin: Call 020 7219 3000 or 07911 123456."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts: dict[int, tuple[str, int]] = {}  # by the end of a value
        self._ends: list[int] = []

    def add(self, value: Candidate) -> None:
        """Notes a value that has been found."""
        start = value.start if value.lead is None else value.lead
        self._starts[value.end] = _ALIKE.get(value.rule.kind, value.rule.kind), start
        insort(self._ends, value.end)

    def lead(self, kind: str, start: int) -> int | None:
        """Where the list begins that goes on at `start`; None if none does."""
        last = bisect_right(self._ends, start) - 1
        if last < 0 or self._ends[last] < start - _FURTHEST_IN_LIST:
            return None
        end = self._ends[last]
        known, lead = self._starts[end]
        alike = known == _ALIKE.get(kind, kind)
        return lead if alike and _JOINER.fullmatch(self._text, end, start) else None


def _tightened(text: str) -> str:
    return text if text.isascii() or " " not in text else _HAN_GAP.sub("", text)


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
