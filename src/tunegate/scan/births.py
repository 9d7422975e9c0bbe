"""Dates of birth: real dates that a label in front or behind says somebody was born on."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from tunegate.scan.engine import Candidate

_BORN = (1900, 2049)  # fixed, not today's date: the same input always gives the same findings
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = re.compile(rf"({'|'.join(_MONTHS)})[a-z]*", re.IGNORECASE)
_NUMERIC = re.compile(r"[\d /.-]+")
_NOUN = (
    r"生年月日|出生(?:日期|年月日|年月|时间|日)?|(?<![养卫])(?:生日|生辰)(?:日期)?"
    # Not 毕业生于…, 先生于…, 发生于…
    r"|(?<![发产诞滋萌衍派丛再往究业学医先考师男女新招众民卫陌终余花后书门务习优监差尖特体艺转插旁])生于"
    r"|(?<![a-z])(?:dates?[ _-]?(?:(?:of[ _-]?)?birth|born)|d[./ _]?o[./ _]?b(?:s|\.)?"
    r"|birth(?:[ _-]?|:\n\s+)(?:da(?:te|y)s?|dt)|bdate|b-?day"
    r"|born(?: in [a-z][a-z ,]{1,30} on)?)(?![a-z])|(?:^|[^a-z\s])\s*birth(?![a-z])"
    r"|[(（,，]\s?b\."
)
# Who was born: … of the applicant, for Anna Smith, Anna's
_WHOM = (
    r"(?-i:[A-Z][\w’'.-]+)|applicant|patient|client|customer|insured|member|guest|passenger|employee"
    r"|student|tenant|holder|policyholder|caller|driver|child|son|daughter|mother|father|wife|husband"
)
# What a sentence puts between label and date, and what says where it is written down.
_FILLER = (
    r"is|was|be|as|on|in|of|for|to|the|a|an|his|her|their|your|our|my|you|we|i|he|she|they|have|has"
    r"|had|should|would|which|that|it|file|records?|recorded|listed|given|gave|shown|shows?|stated"
    r"|states?|registered|entered|provided|supplied|confirmed|reads?|says?|per|system|forms?|profile"
    r"|account|accounts|passport|id|card|licen[cs]e|certificate|here|currently|correct|correctly|still"
)
_LABEL = re.compile(
    rf"(?:{_NOUN})"
    r"(?:(?:[dmy]{1,4}[ /.-]){2}[dmy]{1,4}|['’]s(?![a-z])|(?:\. ?){2,}"
    r"|(?!\n\s*[\w ]{1,20}[:：])[\s\"'“”,，=*_:：?？()（）|·…>→-]"
    rf"|(?<![a-z])(?:{_FILLER}|{_WHOM})(?![a-z])"
    r"|[是为在于应写填录入成了的上里显示预留身份证护照户口本系统登记阳历公农新必选]){0,24}+$",
    re.IGNORECASE,
)
_DATED = re.compile(r"(?<![0-9])(?:19|20)[0-9]{2}(?![0-9])|[0-9][/.][0-9]")
_COMMA = re.compile(r"[,，]\s*$")
_LABEL_BEHIND = re.compile(
    # Not …日生产, …日生效
    r"[日号]? ?(?:出生(?![产率人])|生(?![产效成活意长物态命火病鲜词变根日])|诞生|降生"
    r"|[(（,，]\s?(?:出生日期|出生|生日|date of birth|dob|born|birthday)[)）])",
    re.IGNORECASE,
)


def is_date(year: int, month: int, day: int) -> bool:
    """Whether it is in the calendar, and somebody alive may be born on it."""
    try:
        date = datetime.date(year, month, day)
    except ValueError:
        return False
    return _BORN[0] <= date.year <= _BORN[1]


def birth_date(candidate: Candidate) -> float:
    """A real date since 1900, labelled, in year-first, day-first or month-first order."""
    behind = candidate.text[candidate.end : candidate.end + 24]
    line = candidate.before(60).rpartition("\n")[2]
    if candidate.label.asked and _DATED.search(line):
        return 0  # of the dates in an answer the first
    if candidate.lead is not None and _COMMA.search(
        candidate.text[candidate.start - 3 : candidate.start]
    ):
        return 0  # DOB 3/5/1990, 4/3/2024 admitted
    if not (candidate.led_by(_LABEL, 80) or _LABEL_BEHIND.match(behind.lstrip(" "))):
        return 0
    return candidate.confidence if any(is_date(*date) for date in _readings(candidate.value)) else 0


def _readings(value: str) -> Iterator[tuple[int, int, int]]:
    """What year, month and day `value` may mean; of two-digit years both centuries."""
    if "年" in value:
        value = value.replace(" ", "")  # forms with a box for every digit
    runs = re.findall(r"\d+", _MONTH.sub(_month_number, value))
    if _NUMERIC.fullmatch(value) and len(set(map(str.strip, re.findall(r"\D+", value)))) > 1:
        return  # 4 12/03 are pieces of two things
    if len(runs) == 1:
        whole = runs[0]
        yield int(whole[:4]), int(whole[4:6]), int(whole[6:])
        runs = [whole[:2], whole[2:4], whole[4:]]
    a, b, c = map(int, runs)
    orders = [(a, b, c)]
    if "年" not in value:
        orders += [(a, c, b), (c, b, a), (c, a, b)]
    for year, month, day in orders:
        yield year, month, day
        if year < 100 and max(a, b, c) < 100:
            yield 1900 + year, month, day
            yield 2000 + year, month, day


def _month_number(name: re.Match[str]) -> str:
    return f" {_MONTHS.index(name[1].lower()) + 1} "
