"""Where structured text stands in a text: JSON-like, XML, tables, field lists, and blocks of lines.

Each finder passes over the text once and keeps a stack at most as deep as the text is long, so
that unbalanced or deeply nested input costs linear time. Nothing is parsed: what a payload is
worth is judged by its field names, which a truncated or single-quoted payload has too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

_JSON_TOKEN = re.compile(r'"(?:[^"\\\n]++|\\.)*+"|[{}\[\]]', re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_TAG = re.compile(r"<(/?)([A-Za-z_][\w.:-]{0,63})(?:\s[^<>]{0,400})?(/?)>")
_HTML = re.compile(
    r"a|abbr|b|blockquote|body|br|button|center|code|dd|div|dl|dt|em|font|footer|form|h[1-6]|head"
    r"|header|hr|html|i|iframe|img|input|label|li|link|main|meta|nav|ol|option|p|pre|script"
    r"|section|select|small|span|strong|style|sub|sup|svg|table|tbody|td|template|textarea|th"
    r"|thead|title|tr|u|ul|video|path|g|rect|circle|think|tool_call",
    re.IGNORECASE,
)
_NAME = r"[A-Za-z_][\w.-]{0,63}|[\u4e00-\u9fff]{2,8}"
_FIELD = re.compile(rf"(?<![\w\u4e00-\u9fff.])({_NAME})[\"'`]?\s?[:=：](?![/=]|[ \t\r]*\n)")
_CELL = re.compile(rf"(?:^|[|,(])[ \t]*[`\"]?({_NAME})[`\"]?[ \t\r]*(?=[|,)]|$)")
_DATA = re.compile(
    r"\{\s*(?:\"[^\"\n]{1,80}\"|'[^'\n]{1,80}'|[\w\u4e00-\u9fff]{1,64})\s*:(?!:)"
    r"|\[\s*[\[{\"']"
)
# How a trace's own first line begins, wherever in the line that is
_TRACE_START = re.compile(r"Traceback \(most recent|Exception in thread |Caused by: |panic: ")
_TRACE_HEAD = re.compile(
    r"(?:Uncaught |Unhandled |panic: |fatal error: )"
    r"|(?<![\w.$])(?:(?:[\w$]+\.)+[\w$]*(?:Exception|Error|Throwable)\b"
    r"|[\w$]*(?:Exception|Error)(?=:|[ \t\r]*$))",
    re.ASCII | re.MULTILINE,
)
_TRACE_TAIL = re.compile(r"(?:\n[ \t]+\S[^\n]*)*(?:\nexit status \d+)?")
_PYTHON_TAIL = re.compile(
    r"(?:\n[ \t]+\S[^\n]*)*"
    r"(?:\n(?:\w+\.)*(?:\w*(?:Error|Exception|Exit|Interrupt|Warning|Iteration|Timeout|Group)\b"
    r"|\w*[A-Z]\w*(?=:|[ \t\r]*(?:\n|$)))[^\n]*)?",
    re.ASCII,
)
_ELEMENT = re.compile(rf"</({_NAME})>")
_RULE = re.compile(r"[ \t]*[|+]?[ \t]*:?-{2,}:?(?:[ \t]*[|+][ \t]*:?-{2,}:?)*[ \t]*[|+]?[ \t\r]*$")
_VALUE_END = re.compile(r"[^\n,;,；。}]{0,80}")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[\u4e00-\u9fff]+")
_FIELD_GAP = 100  # code points from one field of a list to the next
_MOST_NAMES = 400  # distinct field names looked at in one payload


class Span(NamedTuple):
    """A payload's place, in code points."""

    start: int
    end: int


def json_spans(text: str) -> list[Span]:
    """Outermost balanced `{…}` and `[…]`, and a last one that was cut off before its end.

    Quoted strings are skipped, brackets that close nothing are ignored, and what an opening
    bracket without an end holds is found all the same.
    """
    stack: list[tuple[int, str]] = []
    closed: list[Span] = []
    position = 0
    # Outside all brackets quotes mean nothing: an inch sign must not swallow a payload.
    while token := (_JSON_TOKEN if stack else _OPENING).search(text, position):
        position, mark = token.end(), token[0]
        if mark in "{[":
            stack.append((token.start(), mark))
        elif mark in "}]" and stack[-1][1] == ("{" if mark == "}" else "["):
            start = stack.pop()[0]
            while closed and closed[-1].start > start:
                closed.pop()
            if _DATA.match(text, start, start + 200):
                closed.append(Span(start, position))
    if stack and (cut := _cut_off(text, stack)) is not None:
        closed = [span for span in closed if span.start < cut.start]
        closed.append(cut)
    return closed


def _cut_off(text: str, stack: list[tuple[int, str]]) -> Span | None:
    for start, mark in stack[:64]:
        if mark == "{" and _DATA.match(text, start, start + 200):
            return Span(start, len(text.rstrip()))
    return None


def xml_spans(text: str) -> list[Span]:
    """Outermost elements that are not HTML's and hold others."""
    stack: list[tuple[int, str]] = []
    open_names: dict[str, int] = {}
    closed: list[Span] = []
    for tag in _TAG.finditer(text) if "</" in text else ():
        closing, name, empty = tag[1], tag[2], tag[3]
        if _HTML.fullmatch(name) or empty:
            continue
        if not closing:
            stack.append((tag.start(), name))
            open_names[name] = open_names.get(name, 0) + 1
        elif open_names.get(name):
            while True:
                start, other = stack.pop()
                open_names[other] -= 1
                if other == name:
                    break
            while closed and closed[-1].start > start:
                closed.pop()
            closed.append(Span(start, tag.end()))
    return [span for span in closed if text.count("</", span.start, span.end) > 1]


def table_spans(text: str) -> list[Span]:
    """Runs of three or more lines with column bars, one of them a rule (`|---|`, `---+---`)."""
    if "|" not in text or "--" not in text:
        return []
    spans: list[Span] = []
    run: list[Span] = []
    ruled = False
    for line in chain(lines(text), [Span(len(text), len(text))]):
        row = text[line.start : line.end]
        is_rule = ("|" in row or "+" in row) and bool(_RULE.match(row))
        if is_rule or "|" in row:
            run.append(line)
            ruled |= is_rule
        else:
            if len(run) >= 3 and ruled:
                spans.append(Span(run[0].start, run[-1].end))
            run, ruled = [], False
    return spans


def lines(text: str) -> Iterator[Span]:
    """The lines of `text`, without their ends."""
    start = 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield Span(start, end)
        start = end + 1


def blocks(text: str, marked: Iterable[int], *, gap: int) -> list[tuple[Span, int]]:
    """Lines that hold a marked offset, joined when at most `gap` other lines stand between.

    Args:
        text: The text that the offsets point into.
        marked: Ascending offsets.
        gap: Unmarked lines that a block may hold between two marked ones.

    Returns:
        Each block and the number of its marked lines.
    """
    found: list[tuple[Span, int]] = []
    for offset in marked:
        if found and offset < found[-1][0].end:
            continue
        start = text.rfind("\n", found[-1][0].end if found else 0, offset) + 1
        start = start or (found[-1][0].end if found else 0)
        end = text.find("\n", offset)
        line = Span(start, len(text) if end < 0 else end)
        if found and text.count("\n", found[-1][0].end, line.start) <= gap + 1:
            found[-1] = (Span(found[-1][0].start, line.end), found[-1][1] + 1)
        else:
            found.append((line, 1))
    return found


def field_lists(text: str) -> list[Span]:
    """Runs of three or more `name: value` or `name=value` that follow closely on one another."""
    spans: list[Span] = []
    run: list[re.Match[str]] = []
    for field in chain(_FIELD.finditer(text), [None]):
        if run and (field is None or field.start() - run[-1].end() > _FIELD_GAP):
            if len(run) >= 3:
                end = _VALUE_END.match(text, run[-1].end())
                spans.append(Span(run[0].start(), end.end() if end else run[-1].end()))
            run = []
        if field is not None:
            run.append(field)
    return spans


def whole_trace(text: str, span: Span) -> Span:
    """A stack trace's marked lines from its own first words to the exception's last line."""
    line_end = text.find("\n", span.start, span.end)
    line_end = span.end if line_end < 0 else line_end
    head = _TRACE_START.search(text, span.start, line_end)
    if head is None:
        before = text.rfind("\n", 0, max(span.start - 1, 0)) + 1
        if before < span.start and not text[before : span.start].strip():  # go: a blank line
            before = text.rfind("\n", 0, max(before - 1, 0)) + 1
        head = _TRACE_HEAD.search(text, before, line_end)
    python = any(text.find(mark, span.start, span.end) >= 0 for mark in ('File "', "Traceback"))
    tail = (_PYTHON_TAIL if python else _TRACE_TAIL).match(text, span.end)
    return Span(head.start() if head else span.start, tail.end() if tail else span.end)


def field_names(text: str) -> set[str]:
    """Keys and elements in a payload, as lower-case words."""
    return _names(chain(_FIELD.finditer(text), _ELEMENT.finditer(text)))


def column_names(text: str) -> set[str]:
    """Column heads in a table's first row, or in the column list of an SQL insert."""
    head = next((text[s.start : s.end] for s in lines(text) if "|" in text[s.start : s.end]), text)
    return _names(_CELL.finditer(head))


def _names(matches: Iterable[re.Match[str]]) -> set[str]:
    names: set[str] = set()
    for match in matches:
        names.add(" ".join(_WORDS.findall(match[1])).lower())
        if len(names) >= _MOST_NAMES:
            break
    return names
