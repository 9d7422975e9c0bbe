"""Dates of birth: real dates that a label in front or behind says somebody was born on."""

from __future__ import annotations

import datetime
import re

from tunegate.scan.engine import Candidate

_BORN = (1900, 2049)  # fixed, not today's date: the same input always gives the same findings
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LABEL = re.compile(
    r"(?:出生(?:日期|年月日|年月|时间)?|生日"
    # Not 毕业生于…, 先生于…, 发生于…
    r"|(?<![发产诞滋萌衍派丛再往究业学医先考师男女新招众民卫陌终余花后书门务习优监差尖特体艺转插旁])生于"
    r"|(?<![a-z])(?:date[ _-]?of[ _-]?birth|d\.?o\.?b\.?|birth[ _-]?da(?:te|y)"
    r"|born(?: in [a-z][a-z ,]{1,30} on)?)(?![a-z]))"
    r"(?:[\s\"'“,，=*_:：()（）]|是|为|在|于|(?<![a-z])(?:is|was|on|the)(?![a-z])"
    r"|(?:[dmy]{2,4}[/.-]){2}[dmy]{2,4}){0,9}$",
    re.IGNORECASE,
)
_LABEL_BEHIND = re.compile(
    # Not …日生产, …日生效
    r"[日号]?\s?(?:出生(?![产率人])|生(?![产效成活意长物态命火病鲜词变根日])|诞生|降生"
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
    if not (_LABEL.search(candidate.before(64)) or _LABEL_BEHIND.match(behind.lstrip(" "))):
        return 0
    numbers = [int(run) for run in re.findall(r"\d+", candidate.value)]
    named = re.search("|".join(_MONTHS), candidate.value.lower())
    if len(numbers) == 1:
        whole = numbers[0]
        numbers = [whole // 10000, whole // 100 % 100, whole % 100]
    if named:
        numbers.append(_MONTHS.index(named[0]) + 1)
    year = max(numbers)
    rest = list(numbers)
    rest.remove(year)
    a, b = rest
    swapped = "年" not in candidate.value and is_date(year, b, a)
    return candidate.confidence if is_date(year, a, b) or swapped else 0
