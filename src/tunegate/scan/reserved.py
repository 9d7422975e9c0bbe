"""The surrogate space: values that look right, belong to nobody, and scan as clean.

Each kind has values that no authority gives out. `surrogate` draws from them and `is_reserved`
recognises them, so that a scrubbed record scans clean. Why each space is safe:

- `mobile_number`: 11 digits from 11…; mainland mobile numbers begin with 13 to 19, and no area
  code begins with 11 (106… is avoided: gateways use it for texts).
- `phone`: 555-0100 to 555-0199 (NANPA, fiction), Ofcom's drama numbers, subscriber numbers from 1
  for mainland landlines (none is given out), country codes from +89 (ITU E.164: unassigned); 000…
  for other lengths without a country.
- `cn_resident_id`: province 80 (GB/T 2260 has none). `cn_uscc`: category 0 (GB 32100 has none).
- `bank_card`, `payment_card`, `imei`: the Luhn digit is wrong. `iban`: check digits 00, which
  ISO 7064 MOD 97-10 never gives.
- `us_ssn`: area 666 (SSA). `uk_nino`: prefix QQ (HMRC). `uk_nhs`: from 999 (kept for tests).
- passports and permits: serials from 000; ours, not an authority's: one real document in a
  thousand may fall into it.
- `cn_plate`: a serial with I or O (GA 36 uses neither). `email`: RFC 2606 domains.
- `ip_address`: not globally routed (RFC 6890). `mac_address`: group addresses, which name no
  device (IEEE 802). `coordinates`: off the globe, or within a degree of 0, 0 in the open sea.
- `birth_date`: before 1900, or zeros: nobody alive. `qq_number`: from 0. `wechat_id`: from `test`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from random import Random

import stdnum.luhn

from tunegate.scan.folding import compact, fold, refill, restyle

_DIGITS = "0123456789"
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_RESERVED_DOMAIN = re.compile(
    r"(?:^|[@.])(?:example\.(?:com|net|org|edu|cn|com\.cn)|[^.@]+\.(?:test|example|invalid|localhost))$",
    re.IGNORECASE,
)
_OFCOM = ("7700900", "2079460", "1632960", "3069990", "8081570", "9098790", "2890180", "2920180")
_OFCOM_LOCAL = re.compile(r"1(?:13|14|15|16|17|18|21|31|41|51|61)4960|1914980|2896496")
_UNASSIGNED = re.compile(r"\(?(?:\+|00) ?8[^0-9]{0,2}9")  # a country code from 89
_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def is_reserved(kind: str, value: str) -> bool:
    """Says if `value` lies in the space of `kind` that belongs to nobody."""
    check = _CHECKS.get(kind)
    return check is not None and check(fold(value))


def surrogate(kind: str, value: str, rng: Random) -> str:
    """A value of the same kind, length, separators and width that belongs to nobody.

    The parity of a resident number's sex digit is kept; nothing else of the person is. Of cards the
    first digits, of IBANs the country and of plates the province stay. One exception to the length:
    an e-mail domain shorter than `a.test` becomes that.

    Args:
        kind: A kind of the `identity` hazard that has structured values.
        value: As it stands in the text.
        rng: Seeded by the caller, so that one person's value has one surrogate everywhere.

    Raises:
        KeyError: `kind` has no surrogate space.
    """
    return restyle(_MAKERS[kind](fold(value), rng), like=value)


def _draw(rng: Random, count: int, alphabet: str = _DIGITS) -> str:
    return "".join(rng.choice(alphabet) for _ in range(count))


def _alike(value: str, rng: Random) -> str:
    """Random characters of the same classes; the rest stays."""
    out = []
    for char in value:
        if char.isdigit():
            out.append(rng.choice(_DIGITS))
        elif char.isascii() and char.isalpha():
            letter = rng.choice(_LETTERS)
            out.append(letter.lower() if char.islower() else letter)
        else:
            out.append(char)
    return "".join(out)


def _split_prefix(digits: str, prefixes: tuple[str, ...], rest: int) -> tuple[str, str]:
    """A dialling prefix and the national number of `rest` digits."""
    for prefix in prefixes:
        if digits.startswith(prefix) and len(digits) == len(prefix) + rest:
            return prefix, digits[len(prefix) :]
    return "", digits


# Telephone numbers


def _mobile(value: str, rng: Random) -> str:
    prefix, number = _split_prefix(compact(value), ("0086", "86"), 11)
    return refill(value, prefix + "11" + _draw(rng, len(number) - 2))


def _mobile_reserved(value: str) -> bool:
    number = _split_prefix(compact(value), ("0086", "86"), 11)[1]
    return len(number) == 11 and number.startswith("11")


def without_extension(value: str) -> str:
    """A telephone number without the `x123` or `ext. 123` that may follow it."""
    return re.split(r" ?[xe]", value, maxsplit=1)[0]


def _phone(whole: str, rng: Random) -> str:
    value = without_extension(whole)
    extension = re.sub("[0-9]", lambda _: _draw(rng, 1), whole[len(value) :])
    digits = compact(value)
    if value.startswith(("+", "00", "(+", "(00")):
        zeros = "" if "+" in value else "00"
        return refill(value, zeros + _international(digits[len(zeros) :], rng)) + extension
    return refill(value, _national(digits, rng)) + extension


def _international(digits: str, rng: Random) -> str:
    if digits.startswith("1") and len(digits) == 11:
        return "1" + _nanp(rng, first="2")
    if digits.startswith("44") and len(digits) == 12:
        return "44" + _drama(digits[2:], rng)
    return "89" + _draw(rng, len(digits) - 2)


def _national(digits: str, rng: Random) -> str:
    if len(digits) not in ((10, 11, 12) if digits[0] == "0" else (10, 11)):  # of no known country
        return "000" + _draw(rng, len(digits) - 3)
    if digits[0] != "0":
        trunk = digits[:-10]
        return trunk + _nanp(rng, first="2" if trunk else "23456789")
    if len(digits) == 11 and digits.startswith(("01", "07", "020")) and digits[:3] != "010":
        return "0" + _drama(digits[1:], rng)
    # Mainland area codes: three digits (010, 02x), else four; 06… keeps clear of British numbers.
    if len(digits) == 10 or (digits.startswith(("010", "02")) and len(digits) == 11):
        return rng.choice(("010", "021", "022", "025", "027")) + "1" + _draw(rng, len(digits) - 4)
    return "06" + _draw(rng, 2) + "1" + _draw(rng, len(digits) - 5)


def _nanp(rng: Random, *, first: str) -> str:
    """An area code and 555-01xx; after a 1, an area from 2 keeps clear of mainland mobiles."""
    area = rng.choice(first) + rng.choice("012345678") + _draw(rng, 1)
    return area + "55501" + _draw(rng, 2)


def _drama(national: str, rng: Random) -> str:
    start = {"7": "7700900", "2": "2079460"}.get(national[0], "1632960")
    return start + _draw(rng, 3)


def _phone_reserved(whole: str) -> bool:
    value = without_extension(whole)
    digits = compact(value)
    if _UNASSIGNED.match(value) or digits.startswith("000"):
        return True
    national = digits.removeprefix("00").removeprefix("44").removeprefix("0")
    if len(national) == 10 and (national.startswith(_OFCOM) or _OFCOM_LOCAL.match(national)):
        return True
    if re.fullmatch(r"0(?:10|2[1257]|6\d\d)1\d{6,7}", digits):
        return True
    return len(digits) in (10, 11, 13) and digits[-7:-2] == "55501"


# Numbers with a check digit


def _luhn_wrong(digits: str, rng: Random) -> str:
    """`digits` with a last digit that the Luhn check refuses."""
    right = stdnum.luhn.calc_check_digit(digits[:-1])
    return digits[:-1] + rng.choice(_DIGITS.replace(right, ""))


def _card(value: str, rng: Random) -> str:
    digits = compact(value)
    # A month or a century from 9 keeps 15 and 18 digits from being a resident number.
    body = digits[:4] + _draw(rng, 2) + "9" + _draw(rng, 1) + "9" + _draw(rng, len(digits) - 9)
    if len(body) > 16:  # written in groups, its first sixteen digits must not be a card either
        body = _luhn_wrong(body[:16], rng) + body[16:]
    return refill(value, _luhn_wrong(body, rng))


def _luhn_reserved(value: str) -> bool:
    return not stdnum.luhn.is_valid(compact(value))


def _resident(value: str, rng: Random) -> str:
    old = compact(value)
    sex = old[-2] if len(old) == 18 else old[-1]
    parity = rng.choice("13579" if sex in "13579" else "02468")
    day = f"{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
    body = "80" + _draw(rng, 4)
    if len(old) == 15:
        body += f"{rng.randint(40, 99)}" + day
        fresh = body + _draw(rng, 2) + parity
        while stdnum.luhn.is_valid(fresh):  # no device or card number either
            fresh = body + _draw(rng, 2) + parity
        return refill(value, fresh)
    body += f"{rng.randint(1940, 2010)}" + day + _draw(rng, 2) + parity
    return refill(value, body + resident_check_digit(body))


def resident_check_digit(body: str) -> str:
    """The 18th character of a resident number (GB 11643-1999, ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * weight for digit, weight in zip(body, _RESIDENT_WEIGHTS, strict=True))
    return "10X98765432"[total % 11]


def _uscc(value: str, rng: Random) -> str:
    old = compact(value)
    return refill(value, old[0] + "0" + _draw(rng, 6) + "M" + _draw(rng, len(old) - 9))


def _iban(value: str, rng: Random) -> str:
    old = compact(value)
    # Groups of four from 10: none of them begins a card or a telephone number.
    fresh = "".join(
        "10"[place % 4] if place % 4 < 2 and char.isdigit() else char
        for place, char in enumerate(_alike(old[4:], rng))
    )
    return refill(value, old[:2] + "00" + fresh)


# Documents and other national numbers


def _document(value: str, rng: Random) -> str:
    old = compact(value)
    serial = len(old) - len(old.lstrip(_LETTERS + "IO"))
    return refill(value, _alike(old[:serial], rng) + "000" + _draw(rng, len(old) - serial - 3))


def _document_reserved(value: str) -> bool:
    return compact(value).lstrip(_LETTERS + "IO").startswith("000")


def _nino(value: str, rng: Random) -> str:
    return refill(value, "QQ" + _draw(rng, 6) + rng.choice("ABCD"))


def _plate(value: str, rng: Random) -> str:
    old = compact(value)
    serial = list(_alike(old[2:], rng))
    serial[rng.randrange(4)] = rng.choice("IO")  # the fifth may be a class: 挂, 学, 警
    return refill(value, old[0] + rng.choice("ABCDEFGH") + "".join(serial))


# Addresses on networks


def _email(value: str, rng: Random) -> str:
    local, _, domain = value.rpartition("@")
    # Digits from 000: a local part that was a telephone number must not be one again.
    local = re.sub(
        r"\d+", lambda run: ("000" + _draw(rng, len(run[0])))[: len(run[0])], _alike(local, rng)
    )
    label = _draw(rng, max(1, len(domain) - len(".test")), _LETTERS.lower())
    if len(domain) == len("example.com"):
        return f"{local}@example.{rng.choice(('com', 'net', 'org'))}"
    if len(domain) > len("x.example.com"):
        return f"{local}@{label[: len(domain) - len('.example.com')]}.example.com"
    return f"{local}@{label}.test"


def _ip(value: str, rng: Random) -> str:
    if ":" in value:
        first, _, rest = value.partition(":")
        return "fd" + _draw(rng, len(first) - 2, "0123456789abcdef") + ":" + _hex(rest, rng)
    head, *tail = value.split(".")
    first = {1: "0", 2: "10"}.get(len(head), str(rng.randint(240, 254)))
    return ".".join([first, *(_octet(len(part), rng) for part in tail)])


def _octet(width: int, rng: Random) -> str:
    return str(rng.randint({1: 1, 2: 10, 3: 100}[width], {1: 9, 2: 99, 3: 254}[width]))


def _ip_reserved(value: str) -> bool:
    try:
        return not ipaddress.ip_address(value).is_global
    except ValueError:
        return False


def _hex(value: str, rng: Random) -> str:
    return re.sub(r"[0-9A-Fa-f]", lambda _: rng.choice("123456789abcdef"), value)


def _mac(value: str, rng: Random) -> str:
    # A letter after each digit: no run of digits is a number of another kind.
    return refill(value, "".join(rng.choice("123456789") + rng.choice("bdf") for _ in range(6)))


def _mac_reserved(value: str) -> bool:
    return int(compact(value)[:2], 16) % 2 == 1


# Dates, places, handles


def _birth_date(value: str, rng: Random) -> str:
    def part(run: re.Match[str]) -> str:
        year = f"18{rng.randint(50, 99)}"
        if len(run[0]) == 8:
            return f"{year}{rng.randint(1, 12):02d}{rng.randint(1, 28):02d}"
        return {4: year, 2: f"{rng.randint(1, 12):02d}"}.get(len(run[0]), str(rng.randint(1, 9)))

    dated = re.search(r"\d{4}", value)  # a year of two digits has no century to be moved into
    return re.sub(r"\d+", part, value) if dated else re.sub(r"\d", "0", value)


def _birth_date_reserved(value: str) -> bool:
    years = re.findall(r"\d{4}", value)  # eight digits in one are also read as day, month, year
    return all(int(year) < 1900 for year in years) if years else not re.search("[1-9]", value)


_COORDINATE = re.compile(r"(\d{1,3})\.(\d+)")


def _coordinates(value: str, rng: Random) -> str:
    narrow = min(len(part[1]) for part in _COORDINATE.finditer(value))

    def off(part: re.Match[str]) -> str:
        width = len(part[1])
        off_globe = width == 3 or (width == 2 and narrow == 2)
        whole = "9" + _draw(rng, width - 1, "123456789") if off_globe else "0" * width
        return f"{whole}.{_draw(rng, len(part[2]))}"

    return _COORDINATE.sub(off, value)


def _coordinates_reserved(value: str) -> bool:
    sizes = [float(part[0]) for part in _COORDINATE.finditer(value)]
    return bool(sizes) and (min(sizes) > 90 or max(sizes) > 180 or max(sizes) < 1)


def _wechat(value: str, rng: Random) -> str:
    return "test" + _alike(value[4:], rng)


def _qq(value: str, rng: Random) -> str:
    zeros = "000" if len(value) > 6 else "00"
    return zeros + _draw(rng, len(value) - len(zeros))


_MAKERS: Mapping[str, Callable[[str, Random], str]] = {
    "cn_resident_id": _resident,
    "mobile_number": _mobile,
    "phone": _phone,
    "bank_card": _card,
    "payment_card": _card,
    "imei": _card,
    "email": _email,
    "iban": _iban,
    "us_ssn": lambda value, rng: refill(value, "666" + _draw(rng, 6)),
    "uk_nino": _nino,
    "uk_nhs": lambda value, rng: refill(value, "999" + rng.choice("01") + _draw(rng, 6)),
    "cn_passport": _document,
    "cn_travel_permit": _document,
    "passport": _document,
    "cn_uscc": _uscc,
    "cn_plate": _plate,
    "ip_address": _ip,
    "mac_address": _mac,
    "birth_date": _birth_date,
    "coordinates": _coordinates,
    "wechat_id": _wechat,
    "qq_number": _qq,
}

_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "cn_resident_id": lambda value: compact(value).startswith("80"),
    "mobile_number": _mobile_reserved,
    "phone": _phone_reserved,
    "bank_card": _luhn_reserved,
    "payment_card": _luhn_reserved,
    "imei": _luhn_reserved,
    "email": lambda value: bool(_RESERVED_DOMAIN.search(value)),
    "iban": lambda value: compact(value)[2:4] == "00",
    "us_ssn": lambda value: value.startswith("666"),
    "uk_nino": lambda value: value.upper().startswith("QQ"),
    "uk_nhs": lambda value: value.startswith("999"),
    "cn_passport": _document_reserved,
    "cn_travel_permit": _document_reserved,
    "passport": _document_reserved,
    "cn_uscc": lambda value: compact(value)[1:2] == "0",
    "cn_plate": lambda value: bool(re.search("[IO]", compact(value)[2:])),
    "ip_address": _ip_reserved,
    "mac_address": _mac_reserved,
    "birth_date": _birth_date_reserved,
    "coordinates": _coordinates_reserved,
    "wechat_id": lambda value: value.casefold().startswith("test"),
    "qq_number": lambda value: value.startswith("0") or _mobile_reserved(value),
}
