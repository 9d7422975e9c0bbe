"""What labels a value from afar: the head of its column, a label or a question on a line above.

Rows are lines, the inner arrays of JSON or the tuples of SQL; cells are parted by tabs, pipes,
semicolons, commas or gaps of spaces. Within a block of rows the first row of n names heads all
later rows of n cells, so nothing needs to be known about where a table begins or which dialect it
is written in. In a dialogue what one speaker asks for is what the next one's values are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

_LONGEST_ROW = 2000  # code points; bounds the work for one value
_LONGEST_HEAD = 600
_LONGEST_NAME = 40
_MOST_WORDS = 5
_LONGEST_INTRODUCTION = 80
_LONGEST_QUESTION = 300
_LONGEST_ITEM = 160  # a line that is longer is prose, and ends the reach of a label above

_ROW_END = re.compile(
    r'\n|\]\s*+,\s*+(?:"[^"\n]{0,40}"\s*+:\s*+)?+\[(?:\s*+\[)?+'
    r"|\)\s*+(?:,|(?i:values))\s*+\("  # (a, b) VALUES (1, 2), (3, 4)
)
_RULE = re.compile(r"[-=+|:_~\s]*")  # |---|:--:|, ====, +----+
# A comma is apart from a Chinese one, which stands inside the cells of the other kind.
_DELIMITERS = tuple(
    re.compile(mark) for mark in (r"\t", r"[|｜]", ";", "；", ",", "，", r" {2,}|\t+")
)
_QUOTED = re.compile(
    r'(?<![^\t ,;，；|\[])"[^"\n]*(?:""[^"\n]*)*(?:"|$)'
    r"|(?<![^\t ,(\[])'[^'\n]*+(?:''[^'\n]*+)*+'(?=\s*(?:[,)\]]|$))"
)
# No row of names has these; the last is the end of a sentence.
_DATA = re.compile(r"[0-9]{3}|[@。！!]|://|[a-z]{3}[.?]\s*$")
_QUOTE = re.compile("[\"']")
_LETTER = re.compile(r"[^\W\d_]")
# A cell is its value, perhaps with a name or a unit in front; more is a sentence with commas.
_SENTENCE = re.compile(r"(?:[^\W\d_]+[\W\d_]+){3}|.{25}", re.DOTALL)
# {"columns": ["name", …; INSERT INTO t (name, …
_BEFORE_NAMES = re.compile(r'^.*"\s*:\s*\[\s*|^\W*(?i:insert|replace)\s[^()]*\(')
_WRAPPING = " \t\r\"'*_`#<>[]{}:：-"
# What may stand before a value that is alone in its line: a list mark, then a person's name.
_MARK = r"[\s>*•·\-–—\"'`|]*(?:[(（]?[0-9]{1,3}[.)、）]\s*)?"
_BEFORE_ALONE = re.compile(_MARK)
# Not the labels of a form: Order Date, 下单时间
_NO_NAME = (
    r"(?![^\n:：]{0,30}(?:(?:Date|No|Number|Code|ID|Time|Total|Amount|Status|Issued|Expires|Expiry|Ref"
    r"|Type|Created|Updated|Received|Shipped|Due|Valid)\b|[单号码期间额价话址注态数型]\s?[:：]))"
)
_BEFORE_IN_LIST = re.compile(
    rf"{_MARK}(?:{_NO_NAME}(?:(?:[A-Z][\w'’.-]*+\s?+){{1,4}}|[\u4e00-\u9fff]{{2,4}})[\s:：,，–—-]+)?"
)
# [09:14] Agent: …, > **Guest**: …, 客服：…
_TURN = re.compile(
    r"[\s>*#•-]*(?:[\[(（【]?[0-9][0-9:.,/ -]{3,21}(?:[AaPp][Mm])?[\])）】]?[\s-]*)?"
    r"(?P<who>[^\W\d_][\w .'’()（）-]{0,24}?)[*_]{0,2}\s?[:：][*_\s]*"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；])\s*")
_ASKS = re.compile(
    r"[?？]|[吗呢]|请|多少|什么|哪|报一?下|发一?下|告诉|提供|核[对实]|需要"
    r"|(?i:\b(?:please|(?:can|could|may|shall) (?:i|you|we)|what|which|when|give me|tell me|send me"
    r"|(?:i|we)(?:'ll|’ll| will| just| also| would)? need)\b)"
)
# What stands between the beginning of an answer and a value in it.
_BEFORE_ANSWER = re.compile(
    r"(?:.{0,60}(?:[,，、;；.。!！:：/~…]|\b(?:it['’]?s|is|was|that['’]?s|and)\b|[是为]|-)|\s*on)?"
    r"(?:\s*\b(?:the|number|no)\b)*"
    r"[\s\"'`*]*",
    re.IGNORECASE,
)
_AFTER_ANSWER = re.compile(
    r"[\"'`*)）日号]*\s*(?:$|[.,;:!?，。；、！～~/…(（-]|(?:and|or|that['’]?s|for|的|吧|哈|，)(?!\w))",
    re.IGNORECASE,
)
_AFTER_ALONE = re.compile(r"[\s\"'`*|.,;，。；、]*(?:[(（][^()（）\n]{0,40}[)）])?[\s.,;，。；、]*")


class Label(NamedTuple):
    """A label as it was written, without quotes and markup.

    `floor` is where the value's row begins if the label is its column's head: what stands before
    belongs to other rows. 0 for other labels. `asked` says that it is a question, which may ask for
    more than one thing.
    """

    text: str
    floor: int
    asked: bool = False


class _Head(NamedTuple):
    row: int
    names: list[str]


_Heads = dict[tuple[int, int], _Head]  # by number of the delimiter and number of cells


class _Question(NamedTuple):
    who: str
    text: str


_NOTHING = _Question("", "")
_OTHER = "the other"  # speaker


class _Row(NamedTuple):
    start: int
    end: int
    heads: _Heads
    above: str
    asked: _Question


class Labels:
    """The labels in one text, which is read once, when the first value asks.

    Args:
        text: The text.
        asked: What another speaker said right before it.
    """

    def __init__(self, text: str, asked: str = "") -> None:
        self._text = text
        self._before = asked
        self._rows: list[_Row] | None = None
        self._starts: list[int] = []

    def of(self, start: int, end: int) -> Label | None:
        """The label of the value in `text[start:end]`; None where only its surroundings tell."""
        if self._rows is None:
            said = self._before.rstrip().rpartition("\n")[2]
            self._rows = list(_rows(self._text, _question(f"{_OTHER}: {said}")))
            self._starts = [row.start for row in self._rows]
        number = bisect_right(self._starts, start) - 1
        if number < 0 or end > self._rows[number].end:
            return None
        row = self._rows[number]
        return (
            self._column(number, row, start, end)
            or self._above(row, start, end)
            or self._asked(row, start, end)
        )

    def _column(self, number: int, row: _Row, start: int, end: int) -> Label | None:
        if not row.heads:
            return None
        masked = _masked(self._text[row.start : row.end])
        before, after = masked[: start - row.start], masked[end - row.start :]
        for delimiter in sorted({delimiter for delimiter, _ in row.heads}):
            mark = _DELIMITERS[delimiter]
            left = [found.end() for found in mark.finditer(before)]
            first = len(left)
            others = first + len(mark.findall(after))
            # A delimiter inside a value is its own (March 12, 1990) or joins cells (39.9,116.4).
            inside = len(mark.findall(self._text, start, end))
            for width in {1, 1 + inside} if others else ():
                head = row.heads.get((delimiter, others + width))
                if head is not None and head.row < number:
                    own = self._text[row.start + (left[-1] if left else 0) : start]
                    names = head.names[first : first + width]
                    return None if _SENTENCE.match(own) else Label(" ".join(names), row.start)
        return None

    def _above(self, row: _Row, start: int, end: int) -> Label | None:
        if not row.above:
            return None
        listed = row.above.endswith((":", "："))
        alone = (_BEFORE_IN_LIST if listed else _BEFORE_ALONE).fullmatch(
            self._text, row.start, start
        ) and _AFTER_ALONE.fullmatch(self._text, end, row.end)
        return Label(_name(row.above), 0) if alone else None

    def _asked(self, row: _Row, start: int, end: int) -> Label | None:
        if not row.asked.text:
            return None
        turn = _TURN.match(self._text, row.start, start)
        who = turn["who"] if turn else None
        begin = turn.end() if turn else row.start
        answers = (
            who != row.asked.who
            and _BEFORE_ANSWER.fullmatch(self._text, begin, start)
            and _AFTER_ANSWER.match(self._text, end, row.end)
        )
        return Label(row.asked.text, 0, asked=True) if answers else None


def _rows(text: str, asked: _Question) -> Iterator[_Row]:
    """The rows of `text` with the heads of their block, which may also be later rows."""
    heads: _Heads = {}
    above, blank, number = "", 0, 0
    for start, end in _lines(text):
        line = text[start:end]
        if _RULE.fullmatch(line):
            if not line.strip():
                heads, blank = {}, blank + 1
            continue
        if blank > 1 or len(line) > _LONGEST_ITEM:
            above = ""
        if blank > 1:
            asked = _NOTHING
        blank = 0
        if len(line) > _LONGEST_ROW:
            heads = {}
        yield _Row(start, end, heads, above, asked)
        asked = _question(line)
        if len(line) <= _LONGEST_HEAD and not _DATA.search(line):
            _note_heads(heads, number, line)
            above = line.strip() if _is_label(line.strip()) else above
        number += 1


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Where the rows stand, without the marks at their outer edges."""
    start = 0
    for mark in _ROW_END.finditer(text):
        yield _trimmed(text, start, mark.start())
        start = mark.end()
    yield _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start] in " [>{":
        start += 1
    while start < end and text[end - 1] in " \r]}":
        end -= 1
    start += text[start:end].startswith(("|", "｜"))
    end -= text[start:end].endswith(("|", "｜"))
    return start, end


def _note_heads(heads: _Heads, number: int, line: str) -> None:
    masked = _masked(line)
    for delimiter, mark in enumerate(_DELIMITERS):
        cuts = [(0, 0), *(found.span() for found in mark.finditer(masked)), (len(line),) * 2]
        if len(cuts) < 3:
            continue
        names = [_name(line[a:b]) for (_, a), (b, _) in pairwise(cuts)]
        if sum(map(bool, names)) > 1 and all(map(_is_short, names)):
            heads.setdefault((delimiter, len(names)), _Head(number, names))


def _name(cell: str) -> str:
    """A cell as the name of a column; empty if it has no letter."""
    bare = _BEFORE_NAMES.sub("", cell).strip(_WRAPPING)
    return bare if _LETTER.search(bare) else ""


def _is_short(name: str) -> bool:
    words = re.split("[(（]", name)[0].split()
    return len(name) <= _LONGEST_NAME and len(words) <= _MOST_WORDS


def _is_label(line: str) -> bool:
    introduces = line.endswith((":", "："))
    longest = _LONGEST_INTRODUCTION if introduces else _LONGEST_NAME
    digits = sum(char.isdigit() for char in line)  # - 12 MAR 90
    return len(line) <= longest and digits < 4 and _LETTER.search(line) is not None


def _question(line: str) -> _Question:
    """What `line` asks for and who asks it, if it does."""
    if len(line) > _LONGEST_QUESTION or not _ASKS.search(line):
        return _NOTHING
    turn = _TURN.match(line)
    sentences = _SENTENCE_END.split(line[turn.end() if turn else 0 :].rstrip())
    if not (turn or sentences[-1].endswith(("?", "？"))):
        return _NOTHING
    asking = [sentence for sentence in sentences if _ASKS.search(sentence)]
    return _Question(turn["who"] if turn else "", asking[-1]) if asking else _NOTHING


def _masked(row: str) -> str:
    """`row` with blots for what is quoted: no delimiter in there parts cells. The length stays."""
    return _QUOTED.sub(lambda quoted: "x" * len(quoted[0]), row) if _QUOTE.search(row) else row
