"""Values of the third acceptance corpus: those of the first two, and forms that neither has.

Kinds are the same. The look-alikes add masked numbers and those that regulators and standards set
aside for examples.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import phonenumbers
from benchmarks.scan.acceptance2_look_alikes import LOOK_ALIKES as SECOND_LOOK_ALIKES
from benchmarks.scan.acceptance2_values import LABELLED as SECOND
from benchmarks.scan.acceptance_values import HEX, NO_IO, count, day_between, one
from phonenumbers import PhoneNumberFormat

from tunegate.demo.draw import Draw
from tunegate.demo.values import Maker

_WEB_MAILS = ("qq.com", "163.com", "gmail.com", "126.com")


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _tel(draw: Draw, number: str) -> str:
    """As in the second corpus, but never from London's range for film and television."""
    return draw.until(
        lambda text: "2079460" not in _digits(text), lambda: SECOND["tel"][2](draw, number)
    )


def _tel_plus(draw: Draw, number: str) -> str:
    """As programs keep a number: a plus and digits."""
    text = _tel(draw, number).replace("(0)", "")
    parsed = phonenumbers.parse(text, draw.country)
    return phonenumbers.format_number(parsed, PhoneNumberFormat.E164)


def _hong_kong(draw: Draw, _: str) -> str:
    body = draw.until(
        lambda text: phonenumbers.is_valid_number(phonenumbers.parse(text, "HK")),
        lambda: draw.pick("5692", 1) + draw.digits(7),
    )
    spaced = f"{body[:4]} {body[4:]}"
    return one(
        draw, [f"+852 {spaced}", f"00852-{body}", f"852-{body}", f"(852) {spaced}", f"+852-{body}"]
    )


def _ip_short(draw: Draw, _: str) -> str:
    """An address of the sixth version as systems print it, its run of noughts left out."""
    head = one(draw, ["2409:8a55", "2a02:c7f", "2601:647", "2003:e7", "240e:3b4"])
    groups = [draw.pick("123456789abcdef", 1) + draw.pick(HEX, size) for size in (2, 3)]
    tail = draw.pick("123456789abcdef", 1) + draw.pick(HEX, draw.rng.randint(1, 3))
    return str(ipaddress.ip_address(f"{head}:{groups[0]}:{groups[1]}::{tail}"))


def _born_iso(draw: Draw, _: str) -> str:
    return f"{day_between(draw, 1944, 2012):%Y-%m-%d}"


def _born_compact(draw: Draw, _: str) -> str:
    return f"{day_between(draw, 1944, 2012):%Y%m%d}"


def _born_said(draw: Draw, _: str) -> str:
    """As people say it and a transcript writes it down."""
    day = day_between(draw, 1944, 2004)
    if draw.country == "CN":
        said = f"{day.month}月{day.day}号"
        return one(
            draw,
            [f"{day.year}年{said}", f"{day.year}年{day.month}月{day.day}日", f"{day:%y}年{said}"],
        )
    ending = "th" if 10 < day.day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    if draw.country == "US":
        return one(
            draw,
            [f"{day:%B} {day.day}{ending}, {day.year}", f"{day:%B} {day.day}{ending} {day.year}",
             f"{day:%B} {day.day} {day.year}"],
        )  # fmt: skip
    return one(
        draw,
        [f"{day.day}{ending} of {day:%B} {day.year}", f"{day.day}{ending} {day:%B}, {day.year}",
         f"{day.day} {day:%B}, {day.year}"],
    )  # fmt: skip


def _sample_tel(draw: Draw, _: str) -> str:
    """Set aside for films and examples by NANPA and Ofcom."""
    if draw.country == "US":
        area, line = one(draw, ["212", "415", "303", "617", "202"]), f"01{draw.digits(2)}"
        return one(draw, [f"({area}) 555-{line}", f"{area}-555-{line}", f"+1 {area} 555 {line}"])
    return one(
        draw,
        [f"07700 900{draw.digits(3)}", f"020 7946 0{draw.digits(3)}", f"0161 496 0{draw.digits(3)}",
         f"+44 7700 900{draw.digits(3)}"],
    )  # fmt: skip


def _sample_mail(draw: Draw, _: str) -> str:
    local = one(draw, ["jane.doe", "user", "test", "alice", "zhangsan", "demo01", "your.name"])
    return f"{local}@{one(draw, ['example.com', 'example.org', 'example.net', 'example.com'])}"


def _masked_card(draw: Draw, _: str) -> str:
    head, tail = one(draw, ["6222", "6217", "6228", "6214"]), draw.digits(4)
    return one(draw, [f"{head} **** **** {tail}", f"{head}***********{tail}", f"**** {tail}"])


def _masked_mail(draw: Draw, _: str) -> str:
    return f"{draw.pick('lwzxch', 1)}***@{one(draw, _WEB_MAILS)}"


def _semver(draw: Draw, _: str) -> str:
    rng = draw.rng
    number = f"{rng.randint(0, 12)}.{rng.randint(0, 30)}.{rng.randint(0, 19)}"
    return number + one(draw, ["", "", "-rc.1", f"-beta.{rng.randint(2, 9)}"])


def _kind(name: str, make: Maker) -> tuple[str, str, Maker]:
    return SECOND[name][0], SECOND[name][1], make


def _plain(make: Maker) -> tuple[str, str, Maker]:
    return "", "", make


LABELLED: Mapping[str, tuple[str, str, Maker]] = {
    **SECOND,
    "tel": _kind("tel", _tel),
    "tel_plus": _kind("tel", _tel_plus),
    "hong_kong": _kind("abroad", _hong_kong),
    "ip_short": _kind("ip", _ip_short),
    "born_iso": _kind("born", _born_iso),
    "born_compact": _kind("born", _born_compact),
    "born_said": _kind("born", _born_said),
}

LOOK_ALIKES: Mapping[str, tuple[str, str, Maker]] = {
    **SECOND_LOOK_ALIKES,
    "sample_tel": _plain(_sample_tel),
    "sample_mail": _plain(_sample_mail),
    "sample_mac": _plain(lambda draw, _: f"00:00:5E:00:53:{draw.pick('0123456789ABCDEF', 2)}"),
    "masked_mobile": _plain(
        lambda draw, _: f"1{draw.pick('35789', 1)}{draw.digits(1)}****{draw.digits(4)}"
    ),
    "masked_id": _plain(
        lambda draw, _: f"{one(draw, ['3301', '4403', '1101', '5101'])}**********{draw.digits(4)}"
    ),
    "masked_card": _plain(_masked_card),
    "masked_mail": _plain(_masked_mail),
    "semver": _plain(_semver),
    "ticket": _plain(
        lambda draw, _: f"{one(draw, ['INC', 'CASE-', 'REQ', 'T-'])}{count(7)(draw, '')}"
    ),
    "asset": _plain(lambda draw, _: f"{draw.pick(NO_IO, 3)}-{draw.digits(5)}"),
    "amount": _plain(lambda draw, _: f"{draw.rng.uniform(20, 9800):.2f}"),
    # Eleven digits before the point, as a fund's assets are printed without commas.
    "fund_size": _plain(
        lambda draw, _: f"1{draw.pick('3456789', 1)}{draw.digits(9)}.{draw.digits(2)}"
    ),
}
