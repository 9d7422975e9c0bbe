"""Generated values: valid in form (checksums, number ranges), about nobody in particular.

They stand for real ones, so nothing here is a documentation value (no 555 numbers, no
`example.com`) except the makers whose name starts with `sample_`, which are hard negatives.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import phonenumbers
from stdnum import iban, luhn
from stdnum.cn import ric, uscc
from stdnum.gb import nhs
from stdnum.us import ssn

from tunegate.demo.draw import BASE62, POOLS, Country, Draw
from tunegate.demo.fill import Value

_ALL_WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}


def _name(draw: Draw, number: str) -> str:
    first, last = draw.person(number)
    return last + first if draw.country == "CN" else f"{first} {last}"


def _email(draw: Draw, number: str) -> str:
    domain = draw.rng.choice(POOLS[f"mail_{draw.country.lower()}"])
    if draw.country == "CN":
        local = draw.rng.choice(
            [draw.digits(9).replace("0", "7"), draw.faker.user_name() + draw.digits(2)]
        )
        return f"{local}@{domain}"
    first, last = (part.lower().replace("'", "") for part in draw.person(number))
    local = draw.rng.choice([f"{first}.{last}", f"{first[0]}{last}", f"{first}_{last}", last])
    return f"{local}{draw.rng.randint(2, 98)}@{domain}"


def is_number(text: str, region: str) -> bool:
    """Whether `text` is in a range that `region` really assigns."""
    return phonenumbers.is_valid_number(phonenumbers.parse(text, region))


def _us_phone(draw: Draw, _: str) -> str:
    number = draw.until(
        lambda text: text[3:6] != "555" and is_number(text, "US"),
        lambda: draw.rng.choice(POOLS["us_area"]) + draw.pick("23456789", 1) + draw.digits(6),
    )
    area, exchange, line = number[:3], number[3:6], number[6:]
    return draw.rng.choice(
        [f"({area}) {exchange}-{line}", f"{area}-{exchange}-{line}", f"+1 {area} {exchange} {line}"]
    )


def _uk_mobile(draw: Draw, _: str) -> str:
    number = draw.until(
        lambda text: not text.startswith("07700900") and is_number(text, "GB"),
        lambda: "07" + draw.pick("4789", 1) + draw.digits(8),
    )
    return draw.rng.choice(
        [f"{number[:5]} {number[5:]}", number, f"+44 {number[1:5]} {number[5:]}"]
    )


def _cn_mobile(draw: Draw, _: str) -> str:
    return draw.until(
        lambda text: is_number(text, "CN"),
        lambda: draw.rng.choice(POOLS["cn_mobile"]) + draw.digits(8),
    )


def _cn_landline(draw: Draw, _: str) -> str:
    return draw.until(
        lambda text: is_number(text, "CN"),
        lambda: f"{draw.rng.choice(POOLS['cn_landline'])}-{draw.pick('2568', 1)}{draw.digits(7)}",
    )


def _day(draw: Draw, first: date, last: date) -> date:
    return first + timedelta(days=draw.rng.randrange((last - first).days))


def _resident_id(draw: Draw, _: str) -> str:
    # Numbers were first issued in 1984, also to those born long before: no birth is ruled out.
    born = _day(draw, date(1955, 1, 1), date(2005, 1, 1))
    body = f"{draw.rng.choice(POOLS['cn_region'])}{born:%Y%m%d}{draw.rng.randint(1, 999):03d}"
    return body + ric.calc_check_digit(body + "0")


def _luhn(draw: Draw, prefix: str, length: int) -> str:
    body = prefix + draw.digits(length - len(prefix) - 1)
    return body + luhn.calc_check_digit(body)


def _bank_card(draw: Draw, _: str) -> str:
    return _luhn(draw, draw.rng.choice(POOLS["cn_bank"]), 19)


def _payment_card(draw: Draw, _: str) -> str:
    prefix = draw.rng.choice(["4539", "4716", "4929", "5243", "5356", "5482"])
    number = _luhn(draw, prefix, 16)
    return draw.rng.choice([number, " ".join(number[i : i + 4] for i in range(0, 16, 4))])


def _iban(draw: Draw, _: str) -> str:
    bank = draw.rng.choice(["NWBK", "BARC", "LOYD", "MIDL"])
    number = f"GB00{bank}{draw.digits(14)}"
    return draw.rng.choice([iban.format, iban.compact])(
        f"GB{iban.calc_check_digits(number)}{number[4:]}"
    )


def _ssn(draw: Draw, _: str) -> str:
    return draw.until(ssn.is_valid, lambda: f"{draw.digits(3)}-{draw.digits(2)}-{draw.digits(4)}")


def _nino(draw: Draw, _: str) -> str:
    prefix = draw.rng.choice(["AB", "CE", "HJ", "JN", "KL", "NR", "PX", "SG", "TW", "YZ"])
    pairs = [draw.digits(2) for _ in range(3)]
    return draw.rng.choice(["", " "]).join([prefix, *pairs, draw.pick("ABCD", 1)])


def _nhs(draw: Draw, _: str) -> str:
    number = draw.until(nhs.is_valid, lambda: draw.pick("46", 1) + draw.digits(9))
    return draw.rng.choice([number, f"{number[:3]} {number[3:6]} {number[6:]}"])


def _uscc(draw: Draw, _: str) -> str:
    body = "91" + draw.rng.choice(POOLS["cn_region"]) + draw.pick(string.digits + "ABCDEFGH", 9)
    return body + uscc.calc_check_digit(body)


def _plate(draw: Draw, _: str) -> str:
    letter = draw.pick("ABCDEFGH", 1)
    return (
        draw.rng.choice(POOLS["cn_plate"])
        + letter
        + draw.pick("ABCDEFGHJKLMNPQRSTUVWXYZ", 1)
        + draw.digits(4)
    )


def _address(draw: Draw, _: str) -> str:
    fake: Any = draw.faker  # the methods of single locales are untyped
    rng = draw.rng
    if draw.country == "CN":
        return (
            f"{fake.province()}{fake.city()}{fake.district()}区{rng.choice(POOLS['cn_street'])}"
            f"{rng.randint(1, 398)}号{rng.randint(1, 28)}栋"
            f"{rng.randint(1, 26)}0{rng.randint(1, 6)}室"
        )
    if draw.country == "GB":
        return f"{rng.randint(1, 190)} {fake.street_name()}, {fake.city()} {fake.postcode()}"
    state = rng.choice(POOLS["us_state"])
    return f"{fake.street_address()}, {fake.city()}, {state} {fake.postcode()}"


def _api_key(draw: Draw, _: str) -> str:
    return draw.rng.choice(
        [
            "AKIA" + draw.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16),
            "sk_live_" + draw.pick(BASE62, 24),
            "ghp_" + draw.pick(BASE62, 36),
            f"xoxb-{draw.digits(12)}-{draw.digits(12)}-{draw.pick(BASE62, 24)}",
        ]
    )


def _password(draw: Draw, _: str) -> str:
    word = draw.rng.choice(POOLS["word"])
    return draw.rng.choice(
        [
            f"{word}!{draw.digits(4)}",
            f"{draw.pick(BASE62, 5)}#{draw.pick(BASE62, 5)}7",
            f"{word}@{draw.digits(3)}x",
        ]
    )


def _host(draw: Draw, _: str) -> str:
    language = "zh" if draw.country == "CN" else "en"
    service = draw.rng.choice(POOLS[f"service_{language}"])
    zone = draw.rng.choice(POOLS[f"zone_{language}"])
    return f"{service}-{draw.rng.randint(1, 19):02d}.{zone}"


def _private_address(draw: Draw, _: str) -> str:
    rng = draw.rng
    tail = f"{rng.randint(0, 254)}.{rng.randint(2, 253)}"
    return rng.choice(
        [f"10.{rng.randint(1, 250)}.{tail}", f"172.{rng.randint(16, 31)}.{tail}", f"192.168.{tail}"]
    )


def _trace_id(draw: Draw, _: str) -> str:
    return draw.pick("0123456789abcdef", 32)


def _date(draw: Draw, _: str) -> str:
    day = _day(draw, date(2023, 1, 1), date(2026, 6, 1))
    if draw.country == "CN":
        return draw.rng.choice([f"{day:%Y-%m-%d}", f"{day.year}年{day.month}月{day.day}日"])
    return draw.rng.choice([f"{day:%Y-%m-%d}", f"{day.day} {day:%B} {day.year}", f"{day:%d/%m/%Y}"])


def _moment(draw: Draw, _: str) -> str:
    day = _day(draw, date(2023, 1, 1), date(2026, 6, 1))
    hour, minute, second = (draw.rng.randint(6, 22), *draw.rng.choices(range(60), k=2))
    return f"{day:%Y-%m-%d}T{hour:02d}:{minute:02d}:{second:02d}Z"


def _order(draw: Draw, _: str) -> str:
    day = _day(draw, date(2023, 1, 1), date(2026, 6, 1))
    if draw.country == "CN":
        return f"{draw.rng.choice(['QH', 'DD', ''])}{day:%Y%m%d}{draw.digits(8)}"
    return draw.rng.choice([f"LF-{day:%y%m}-{draw.digits(6)}", f"#{draw.digits(7)}"])


def _price(draw: Draw, _: str) -> str:
    amount = draw.rng.randint(19, 1890) + draw.rng.choice([0.0, 0.5, 0.99])
    sign = {"US": "${}", "GB": "£{}", "CN": "{}元"}[draw.country]
    return sign.format(f"{amount:.2f}" if amount % 1 else f"{amount:.0f}")


def _tracking(draw: Draw, _: str) -> str:
    if draw.country == "CN":
        return draw.rng.choice(["SF", "YT", "JDVC"]) + draw.digits(13)
    return draw.rng.choice(
        [
            f"1Z{draw.pick(string.ascii_uppercase, 3)}{draw.digits(13)}",
            f"{draw.pick(string.ascii_uppercase, 2)}{draw.digits(9)}GB",
        ]
    )


def _hotline(draw: Draw, _: str) -> str:
    if draw.country == "CN":
        return draw.rng.choice([f"400-{draw.digits(3)}-{draw.digits(4)}", f"95{draw.digits(3)}"])
    if draw.country == "US":
        return f"1-800-{draw.pick('23456789', 3)}-{draw.digits(4)}"
    return f"0800 {draw.digits(3)} {draw.digits(4)}"


Maker = Callable[[Draw, str], str]

# token → (hazard, kind, maker); an empty hazard marks a hard negative, which is not labelled.
MAKERS: Mapping[str, tuple[str, str, Maker]] = {
    "name": ("identity", "person_name", _name),
    "first": ("identity", "person_name", lambda draw, number: draw.person(number)[0]),
    "address": ("identity", "address", _address),
    "email": ("identity", "email", _email),
    "us_phone": ("identity", "phone", _us_phone),
    "uk_mobile": ("identity", "mobile_number", _uk_mobile),
    "mobile": ("identity", "mobile_number", _cn_mobile),
    "landline": ("identity", "phone", _cn_landline),
    "resident_id": ("identity", "cn_resident_id", _resident_id),
    "bank_card": ("identity", "bank_card", _bank_card),
    "card": ("identity", "payment_card", _payment_card),
    "iban": ("identity", "iban", _iban),
    "ssn": ("identity", "us_ssn", _ssn),
    "nino": ("identity", "uk_nino", _nino),
    "nhs": ("identity", "uk_nhs", _nhs),
    "uscc": ("identity", "cn_uscc", _uscc),
    "plate": ("identity", "cn_plate", _plate),
    "passport": ("identity", "cn_passport", lambda draw, _: draw.pick("EG", 1) + draw.digits(8)),
    "api_key": ("secret", "api_key", _api_key),
    "password": ("secret", "password", _password),
    "internal_host": ("internal_return", "internal_host", _host),
    "private_address": ("internal_return", "private_address", _private_address),
    "trace_id": ("internal_return", "trace_id", _trace_id),
    "date": ("", "", _date),
    "moment": ("", "", _moment),
    "order": ("", "", _order),
    "price": ("", "", _price),
    "tracking": ("", "", _tracking),
    "hotline": ("", "", _hotline),
    "version": (
        "",
        "",
        lambda draw, _: (
            f"{draw.rng.randint(1, 9)}.{draw.rng.randint(0, 20)}.{draw.rng.randint(0, 40)}"
        ),
    ),
    "serial": ("", "", lambda draw, _: draw.pick(string.ascii_uppercase, 2) + draw.digits(8)),
    "claim": ("", "", lambda draw, _: "C" + draw.digits(7)),
    "sample_card": ("", "", lambda *_: "4111 1111 1111 1111"),
    "sample_email": (
        "",
        "",
        lambda draw, _: draw.rng.choice(["name@example.com", "test@example.org"]),
    ),
    "sample_phone": (
        "",
        "",
        lambda draw, _: f"({draw.rng.choice(POOLS['us_area'])}) 555-01{draw.digits(2)}",
    ),
}

# What a token means by country.
_BY_COUNTRY: Mapping[str, Mapping[Country, str]] = {
    "phone": {"US": "us_phone", "GB": "uk_mobile", "CN": "mobile"},
    "national_id": {"US": "ssn", "GB": "nino", "CN": "resident_id"},
}


def _bare(text: str) -> str:
    return text.replace(" ", "").replace("-", "")


def _grouped(sizes: tuple[int, ...], separator: str) -> Callable[[str], str]:
    def group(text: str) -> str:
        text = _bare(text)
        parts, position, turn = [], 0, 0
        while position < len(text):
            size = sizes[min(turn, len(sizes) - 1)]
            parts.append(text[position : position + size])
            position, turn = position + size, turn + 1
        return separator.join(parts)

    return group


STYLES: Mapping[str, Callable[[str], str]] = {
    "": lambda text: text,
    "wide": lambda text: text.translate(_ALL_WIDE),
    "lower": str.lower,
    "upper": str.upper,
    "bare": _bare,
    "cc": lambda text: f"+86 {text}",
    "ccglued": lambda text: f"+86{text}",
    "intl": lambda text: phonenumbers.format_number(
        phonenumbers.parse(text, "GB"), phonenumbers.PhoneNumberFormat.INTERNATIONAL
    ),
    "s344": _grouped((3, 4, 4), " "),
    "d344": _grouped((3, 4, 4), "-"),
    "s4": _grouped((4,), " "),
    "d4": _grouped((4,), "-"),
}


class Values:
    """The values of one record: a token always gives the same value within it.

    Args:
        draw: The record's randomness.
        fixed: Values that the whole corpus shares, by token.
        makers: What each token is made by.
    """

    def __init__(
        self,
        draw: Draw,
        *,
        fixed: Mapping[str, Value] | None = None,
        makers: Mapping[str, tuple[str, str, Maker]] = MAKERS,
    ) -> None:
        self._draw = draw
        self._fixed = fixed or {}
        self._makers = makers
        self._made: dict[tuple[str, str], Value] = {}

    def __call__(self, name: str, number: str, style: str) -> Value:
        """The value of one token, in its style."""
        if name in self._fixed:
            return self._fixed[name]
        name = _BY_COUNTRY[name][self._draw.country] if name in _BY_COUNTRY else name
        if (name, number) not in self._made:
            hazard, kind, make = self._makers[name]
            self._made[name, number] = Value(make(self._draw, number), hazard, kind)
        value = self._made[name, number]
        return value._replace(text=STYLES[style](value.text))
