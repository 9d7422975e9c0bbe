"""Values of the second acceptance corpus: the first's makers, and other usual ways of writing them.

Makers of the same name replace those of `acceptance_values` and draw from them about half the time.
Kinds are the same; `nhs` is new here, for it goes with clinics' texts.
"""

from __future__ import annotations

import string
from collections.abc import Mapping

from benchmarks.scan.acceptance_values import LABELLED as FIRST
from benchmarks.scan.acceptance_values import NO_IO, count, day_between, one
from stdnum import iban, luhn
from stdnum.gb import nhs

from tunegate.demo.draw import Draw
from tunegate.demo.values import Maker

_FIRMS: Mapping[str, tuple[str, ...]] = {
    "US": ("ridgelinefreight.com", "castellano-hvac.com", "northforkdental.org", "k12.millbrook.us",
           "paxtonpay.io"),
    "GB": ("harrowgate-lettings.co.uk", "tidewaycarhire.com", "st-aidans.sch.uk", "bramhall.gov.uk",
           "orbisevents.uk"),
    "CN": ("hengyuan-logistics.com.cn", "jiaxin-medical.cn", "hrs.bluecloud-tech.com",
           "vip.163.com",
           "shunda56.com"),
}  # fmt: skip
_PL_BANKS = ("10901014", "11402004")
_VOWELS = "aeiou"


def _first(name: str) -> Maker:
    return FIRST[name][2]


def _mixed(share: float, new: Maker, name: str) -> Maker:
    """`new` in a share of cases, else as the first corpus writes it."""
    old = _first(name)
    return lambda draw, number: (new if draw.rng.random() < share else old)(draw, number)


def _tel(draw: Draw, number: str) -> str:
    digits = "".join(filter(str.isdigit, _first("tel")(draw, number)))
    if draw.country == "US":
        digits = digits[-10:]
        area, middle, line = digits[:3], digits[3:6], digits[6:]
        return one(
            draw,
            [f"+1 ({area}) {middle}-{line}", f"({area}){middle}-{line}", f"+1{digits}", digits,
             f"1 ({area}) {middle}-{line}", f"{area}/{middle}-{line}",
             f"+1.{area}.{middle}.{line}"],
        )  # fmt: skip
    bare = digits[2:].removeprefix("0") if digits.startswith("44") else digits[1:]
    if bare.startswith("7"):
        return one(
            draw,
            [f"0{bare[:3]} {bare[3:6]} {bare[6:]}", f"+44{bare}", f"0044 {bare[:4]} {bare[4:]}",
             f"0{bare[:4]}-{bare[4:]}", f"0{bare[:4]} {bare[4:7]} {bare[7:]}"],
        )  # fmt: skip
    size = 2 if bare.startswith("2") else 3
    area, rest = bare[:size], bare[size:]
    split = len(rest) - 4
    return one(
        draw,
        [f"(0{area}) {rest[:split]} {rest[split:]}", f"0{area}-{rest[:split]} {rest[split:]}",
         f"+44 {area} {rest[:split]} {rest[split:]}", f"+44{bare}"],
    )  # fmt: skip


def _cell(draw: Draw, number: str) -> str:
    """A Chinese mobile number, grouped or with the country code as often as plain."""
    text = _first("mobile")(draw, number)
    a, b, c = text[:3], text[3:7], text[7:]
    return one(
        draw,
        [text, text, f"{a} {b} {c}", f"{a}-{b}-{c}", f"+86 {text}", f"+86 {a} {b} {c}",
         f"+86-{text}", f"86-{text}", f"(+86){text}"],
    )  # fmt: skip


def _landline(draw: Draw, number: str) -> str:
    text = _first("landline")(draw, number)
    digits = "".join(filter(str.isdigit, text))
    area = digits[:3] if digits[:3] in ("010", "021", "020", "028", "025") else digits[:4]
    body = digits[len(area) :]
    return one(
        draw,
        [f"{area}-{body[:4]} {body[4:]}", f"+86-{area[1:]}-{body}", f"({area}) {body}",
         f"+86 {area[1:]} {body[:4]} {body[4:]}", f"（{area}）{body}", f"{area}－{body}"],
    )  # fmt: skip


def _email(draw: Draw, number: str) -> str:
    firm = one(draw, _FIRMS[draw.country])
    if draw.country == "CN":
        given = draw.pick(string.ascii_lowercase, 1) + one(draw, ["wei", "an", "ing", "ao", "un"])
        family = one(draw, ["zhao", "liu", "chen", "huang", "xu", "guo"])
        return one(
            draw,
            [f"{family}.{given}@{firm}", f"{given}{family}@{firm}", f"{family}{given}-hr@{firm}",
             f"{_first('mobile')(draw, number)}@{one(draw, ['139.com', '163.com', '189.cn'])}"],
        )  # fmt: skip
    first, last = (part.lower().replace("'", "") for part in draw.person(number))
    return one(
        draw,
        [f"{first[0]}{last}@{firm}", f"{first}.{last}@{firm}", f"{first}_{last}@{firm}",
         f"{first.capitalize()}.{last.capitalize()}@{firm}",
         f"{last}{first[0]}{draw.digits(2)}@aol.com",
         f"{first[0]}.{last}@mail.{firm}", f"{first}{last[0]}.{draw.digits(4)}@hotmail.co.uk"],
    )  # fmt: skip


def _born(draw: Draw, _: str) -> str:
    day = day_between(draw, 1941, 2019)
    if draw.country == "CN":
        return one(
            draw,
            [f"{day:%Y}年{day:%m}月{day:%d}日", f"{day.year}-{day.month}-{day.day}",
             f"{day.year}.{day.month}.{day.day}", f"{day:%Y/%m/%d}",
             f"{day.year}年{day.month}月{day.day}号"],
        )  # fmt: skip
    if draw.country == "US":
        return one(
            draw,
            [f"{day.month}/{day.day}/{day.year}",
             f"{day:%b} {day.day}, {day.year}", f"{day:%m-%d-%Y}",
             f"{day:%d-%b-%Y}", f"{day:%Y/%m/%d}"],
        )  # fmt: skip
    ending = "th" if 10 < day.day < 14 else {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10, "th")
    return one(
        draw,
        [f"{day.day}/{day.month}/{day.year}", f"{day.day} {day:%B} {day.year}", f"{day:%d.%m.%Y}",
         f"{day.day}{ending} {day:%B} {day.year}", f"{day:%d-%b-%Y}", f"{day:%d-%m-%Y}"],
    )  # fmt: skip


def _born_short(draw: Draw, _: str) -> str:
    """As in hurried notes: the year's last two digits."""
    day = day_between(draw, 1941, 2000)
    if draw.country == "CN":
        return f"{day:%y}.{day.month}.{day.day}"
    if draw.country == "US":
        return one(draw, [f"{day.month}/{day.day}/{day:%y}", f"{day:%m-%d-%y}"])
    return one(draw, [f"{day.day}/{day.month}/{day:%y}", f"{day:%d.%m.%y}"])


def _born_boxed(draw: Draw, _: str) -> str:
    """As read off a paper form with boxes for day, month and year."""
    day = day_between(draw, 1941, 2019)
    if draw.country == "CN":
        return f"{day:%Y} 年 {day:%m} 月 {day:%d} 日"
    return (
        f"{day:%m} / {day:%d} / {day:%Y}"
        if draw.country == "US"
        else f"{day:%d} / {day:%m} / {day:%Y}"
    )


def _iban(draw: Draw, _: str) -> str:
    def make() -> str:
        country = one(draw, ["FR", "ES", "BE", "PL", "PT", "FI"])
        if country == "FR":
            bank, branch, account = (
                one(draw, ["30004", "20041", "30003"]),
                draw.digits(5),
                draw.digits(11),
            )
            key = 97 - (89 * int(bank) + 15 * int(branch) + 3 * int(account)) % 97
            body = f"{bank}{branch}{account}{key:02d}"
        elif country == "BE":
            head = one(draw, ["001", "363", "731"]) + draw.digits(7)
            body = f"{head}{int(head) % 97 or 97:02d}"
        elif country == "PT":
            head = one(draw, ["0033", "0035", "0010"]) + draw.digits(15)
            body = f"{head}{98 - int(head + '00') % 97:02d}"
        elif country == "PL":
            body = one(draw, _PL_BANKS) + draw.digits(16)
        elif country == "FI":
            head = "1" + draw.digits(12)
            body = head + luhn.calc_check_digit(head)
        else:
            body = one(draw, ["2100", "0049", "0182"]) + draw.digits(16)
        return country + iban.calc_check_digits(f"{country}00{body}") + body

    number = draw.until(iban.is_valid, make)
    return one(draw, [number, iban.format(number)])


def _nhs(draw: Draw, _: str) -> str:
    number = draw.until(nhs.is_valid, lambda: draw.pick("467", 1) + draw.digits(9))
    spaced = f"{number[:3]} {number[3:6]} {number[6:]}"
    return one(draw, [number, spaced, spaced, spaced.replace(" ", "-")])


def _check(text: str) -> str:
    """The check digit of a passport's number, as ICAO reckons it (Germany prints it too)."""
    values = (int(char, 36) * (7, 3, 1)[place % 3] for place, char in enumerate(text))
    return str(sum(values) % 10)


def _passport(draw: Draw, _: str) -> str:
    german = draw.pick("CFGHJK", 1) + draw.pick("0123456789CFGHJKLMNPRTVWXYZ", 7)
    return one(
        draw,
        [german + _check(german), draw.digits(2) + draw.pick(NO_IO, 2) + draw.digits(5),
         draw.pick("ACGHJP", 1) + draw.pick(NO_IO, 1) + draw.digits(6),
         draw.pick("135", 1) + draw.digits(8)],
    )  # fmt: skip


def _cn_passport(draw: Draw, _: str) -> str:
    return one(
        draw,
        ["E" + draw.pick("EFGHJKLMN", 1) + draw.digits(7), "E" + draw.digits(8),
         draw.pick("PS", 1) + "E" + draw.digits(7)],
    )  # fmt: skip


def _permit_out(draw: Draw, _: str) -> str:
    return "C" + one(draw, [draw.digits(8), draw.pick("ABCDEFGH", 1) + draw.digits(7)])


def _permit_home(draw: Draw, _: str) -> str:
    return (
        draw.pick("HHM", 1) + draw.pick("01", 1) + draw.digits(7) + one(draw, ["", "", "00", "01"])
    )


def _plate(draw: Draw, number: str) -> str:
    text = _first("plate")(draw, number).replace("·", "")
    return text[:2] + one(draw, [" ", "·", "•", "-"]) + text[2:]


def _trailer(draw: Draw, _: str) -> str:
    return draw.pick("鲁冀豫皖苏粤", 1) + draw.pick("ABCDEFGH", 1) + draw.digits(4) + "挂"


def _wechat(draw: Draw, _: str) -> str:
    syllable = one(draw, ["xiao", "lin", "jing", "da", "mei", "tang"])
    other = one(draw, ["yu", "feng", "bao", "shan", "zi"])
    return one(
        draw,
        ["wxid_" + draw.pick(string.ascii_lowercase + string.digits, 14),
         f"{syllable}{other}{draw.digits(4)}",
         f"{syllable.capitalize()}-{other}{draw.digits(2)}", f"{syllable}_{other}_{draw.digits(2)}",
         f"{other}{draw.pick(_VOWELS, 1)}{draw.digits(6)}"],
    )  # fmt: skip


def _ipv_four(draw: Draw, number: str) -> str:
    return draw.until(lambda text: ":" not in text, lambda: _first("ip")(draw, number))


def _mac_bare(draw: Draw, number: str) -> str:
    text = _first("mac")(draw, number)
    bare = "".join(char for char in text if char.isalnum())
    return one(draw, [bare.upper(), bare.lower()])


def _imei_spaced(draw: Draw, number: str) -> str:
    text = "".join(filter(str.isdigit, _first("imei")(draw, number)))
    return one(
        draw,
        [
            f"{text[:2]} {text[2:8]} {text[8:14]} {text[14]}",
            f"{text[:6]} {text[6:8]} {text[8:14]} {text[14]}",
        ],
    )


def _resident_spaced(draw: Draw, number: str) -> str:
    text = _first("resident_id")(draw, number)
    return f"{text[:6]} {text[6:14]} {text[14:]}"


def _kind(name: str, make: Maker) -> tuple[str, str, Maker]:
    return FIRST[name][0], FIRST[name][1], make


LABELLED: Mapping[str, tuple[str, str, Maker]] = {
    **FIRST,
    "tel": _kind("tel", _mixed(0.5, _tel, "tel")),
    "cell": _kind("mobile", _cell),
    "landline": _kind("landline", _mixed(0.5, _landline, "landline")),
    "email": _kind("email", _mixed(0.6, _email, "email")),
    "born": _kind("born", _mixed(0.6, _born, "born")),
    "born_short": _kind("born", _born_short),
    "born_boxed": _kind("born", _born_boxed),
    "iban": _kind("iban", _mixed(0.5, _iban, "iban")),
    "passport": _kind("passport", _mixed(0.5, _passport, "passport")),
    "cn_passport": _kind("cn_passport", _mixed(0.4, _cn_passport, "cn_passport")),
    "permit_out": _kind("permit", _permit_out),
    "permit_home": _kind("permit", _permit_home),
    "permit_tw": _kind("permit", count(8)),
    "plate": _kind("plate", _mixed(0.3, _plate, "plate")),
    "trailer": _kind("plate", _trailer),
    "wechat": _kind("wechat", _mixed(0.6, _wechat, "wechat")),
    "ipv_four": _kind("ip", _ipv_four),
    "mac_bare": _kind("mac", _mac_bare),
    "imei_spaced": _kind("imei", _imei_spaced),
    "resident_spaced": _kind("resident_id", _resident_spaced),
    "nhs": ("identity", "uk_nhs", _nhs),
}
