"""Values of the acceptance corpus: valid in checksum and number range, about nobody.

Own ranges, so that a detector fitted to the other corpora's values gains nothing here.
"""

from __future__ import annotations

import ipaddress
import string
from collections.abc import Mapping
from datetime import date, timedelta

import phonenumbers
from phonenumbers import PhoneNumberFormat
from stdnum import iban, luhn
from stdnum.cn import ric, uscc
from stdnum.us import ssn

from tunegate.demo.draw import Draw
from tunegate.demo.values import Maker

HEX = "0123456789abcdef"
NO_IO = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_REGIONS = [
    "110108",
    "120103",
    "130102",
    "140105",
    "150102",
    "210102",
    "220102",
    "230103",
    "310115",
    "320583",
    "330106",
    "340104",
    "350203",
    "360111",
    "370202",
    "410105",
    "420111",
    "430104",
    "440305",
    "450103",
    "460106",
    "500112",
    "510107",
    "520103",
    "530102",
    "610113",
    "620102",
    "640104",
    "650102",
]
_CN_MOBILE = [
    "130",
    "131",
    "132",
    "133",
    "134",
    "135",
    "136",
    "137",
    "138",
    "139",
    "145",
    "147",
    "150",
    "151",
    "152",
    "153",
    "155",
    "156",
    "157",
    "158",
    "159",
    "166",
    "170",
    "171",
    "172",
    "173",
    "175",
    "176",
    "177",
    "178",
    "180",
    "181",
    "182",
    "183",
    "184",
    "185",
    "186",
    "187",
    "188",
    "189",
    "191",
    "193",
    "195",
    "198",
    "199",
]
_CN_AREAS = ("010", "021", "020", "0755", "0571", "028", "025", "0512", "0592", "0451", "0871")
_CN_BANKS = ("622202", "621700", "622848", "621661", "622588", "622262", "621226", "622700")
_PLATES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川贵云藏陕甘青宁新"
_US_AREAS = ("212", "303", "312", "404", "415", "503", "617", "702", "713", "808", "919", "973")
_MAKES_OF_CARDS = {
    "4": 16, "51": 16, "53": 16, "55": 16, "2223": 16, "2570": 16, "6011": 16, "3530": 16,
    "621": 16, "37": 15, "34": 15,
}  # fmt: skip
_OUIS = ("3C22FB", "F01898", "B827EB", "A4C361", "DCA632", "001B63", "7C9EBD", "E4AAEC", "48A472")
_TACS = ("353912", "356938", "357278", "359405", "864394", "866738", "868932", "990012")
_MAILS: Mapping[str, tuple[str, ...]] = {
    "en": ("gmail.com", "outlook.com", "yahoo.co.uk", "icloud.com", "proton.me", "hey.com",
           "btinternet.com", "comcast.net", "fastmail.com", "gmx.de", "halloway-vets.co.uk"),
    "zh": ("qq.com", "163.com", "126.com", "sina.com", "foxmail.com", "139.com", "aliyun.com",
           "sohu.com", "outlook.com", "mail.sysu.edu.cn", "gmail.com"),
}  # fmt: skip
# Country → starts of numbers that people there really have, and the digits that follow.
_ABROAD: Mapping[str, tuple[tuple[str, int], ...]] = {
    "AU": (("041", 7), ("029", 7)), "IN": (("98", 8), ("70", 8)), "DE": (("0151", 8), ("030", 8)),
    "FR": (("06", 8), ("01", 8)), "SG": (("9", 7), ("6", 7)), "IE": (("087", 7), ("085", 7)),
    "ES": (("61", 7), ("91", 7)), "IT": (("34", 8), ("338", 7)), "BR": (("119", 8),),
    "JP": (("090", 8), ("03", 8)), "KR": (("010", 8),), "NZ": (("021", 7),), "ZA": (("082", 7),),
    "AE": (("050", 7),), "NL": (("06", 8),), "SE": (("070", 7),), "PL": (("60", 7),),
    "CH": (("079", 7),), "HK": (("9", 7), ("6", 7)), "TW": (("09", 8),), "MY": (("012", 7),),
    "PH": (("0917", 7),), "CA": (("416", 7), ("604", 7)), "MX": (("55", 8),),
}  # fmt: skip
_IBAN_BODIES: Mapping[str, tuple[tuple[str, int], ...]] = {
    "GB": (("HBUK4", 13), ("LOYD3", 13), ("MONZ0", 13)), "DE": (("37040044", 10), ("10050000", 10)),
    "NL": (("INGB0", 9), ("RABO0", 9)), "IE": (("AIBK93", 12), ("BOFI90", 12)),
    "AT": (("20111", 11), ("32000", 11)), "CH": (("00762", 12), ("09000", 12)),
    "DK": (("0040", 10),), "LU": (("001", 13),),
}  # fmt: skip


def one(draw: Draw, choices: tuple[str, ...] | list[str]) -> str:
    return draw.rng.choice(choices)


def day_between(draw: Draw, first: int, last: int) -> date:
    return date(first, 1, 1) + timedelta(days=draw.rng.randrange((last - first) * 365))


def count(length: int) -> Maker:
    return lambda draw, _: draw.pick("123456789", 1) + draw.digits(length - 1)


def _resident_id(draw: Draw, _: str) -> str:
    body = (
        f"{one(draw, _REGIONS)}{day_between(draw, 1948, 2014):%Y%m%d}{draw.rng.randint(1, 998):03d}"
    )
    return body + ric.calc_check_digit(body + "0")


def _luhn(body: str) -> str:
    return body + luhn.calc_check_digit(body)


def _bank_card(draw: Draw, _: str) -> str:
    length = draw.rng.choice([16, 19, 19, 19])
    return _luhn(one(draw, _CN_BANKS) + draw.digits(length - 7))


def _payment_card(draw: Draw, _: str) -> str:
    prefix = one(draw, list(_MAKES_OF_CARDS))
    number = _luhn(prefix + draw.digits(_MAKES_OF_CARDS[prefix] - len(prefix) - 1))
    sizes = (4, 6, 5) if len(number) == 15 else (4, 4, 4, 4)
    parts, position = [], 0
    for size in sizes:
        parts.append(number[position : position + size])
        position += size
    return one(draw, ["", " ", " ", "-"]).join(parts)


def _email(draw: Draw, number: str) -> str:
    user = draw.faker.user_name() if draw.country == "CN" else ""
    if draw.country == "CN":
        local = one(
            draw, [draw.pick("123456789", 1) + draw.digits(8), user, f"{user}_{draw.digits(4)}"]
        )
        return f"{local}@{one(draw, _MAILS['zh'])}"
    first, last = (part.lower().replace("'", "") for part in draw.person(number))
    local = one(
        draw,
        [f"{first}.{last}", f"{last}.{first[0]}", f"{first}{last}{draw.digits(2)}",
         f"{first}+{one(draw, ['pets', 'gym', 'flat'])}", f"the_{last}s", f"{first}-{last}"],
    )  # fmt: skip
    return f"{local}@{one(draw, _MAILS['en'])}"


def _valid_phone(draw: Draw, region: str, start: str, digits: int) -> phonenumbers.PhoneNumber:
    while True:
        number = phonenumbers.parse(start + draw.digits(digits), region)
        if phonenumbers.is_valid_number(number):
            return number


def _abroad(draw: Draw, _: str) -> str:
    region = one(draw, list(_ABROAD))
    number = _valid_phone(draw, region, *draw.rng.choice(_ABROAD[region]))
    form = draw.rng.choice([PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164])
    text = phonenumbers.format_number(number, form)
    return "00" + text[1:] if draw.rng.random() < 0.15 else text


def _anglo(draw: Draw, _: str) -> str:
    """A number of the record's country as people there write it."""
    if draw.country == "US":
        exchange = draw.until(lambda text: text != "555", lambda: draw.pick("2346789", 3))
        number = _valid_phone(draw, "US", one(draw, list(_US_AREAS)) + exchange, 4)
        digits = str(number.national_number)
        area, middle, line = digits[:3], digits[3:6], digits[6:]
        return one(
            draw,
            [f"({area}) {middle}-{line}", f"{area}-{middle}-{line}", f"{area}.{middle}.{line}",
             f"+1 {area}-{middle}-{line}", f"1-{area}-{middle}-{line}", f"{area} {middle} {line}"],
        )  # fmt: skip
    start, digits_left = draw.rng.choice(
        [("0740", 7), ("0778", 7), ("0798", 7), ("020794", 5), ("0161483", 4), ("0131556", 4)]
    )
    number = _valid_phone(draw, "GB", start, digits_left)
    national = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
    abroad = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return one(draw, [national, national.replace(" ", ""), abroad, abroad.replace(" ", " (0)", 1)])


def _mobile(draw: Draw, _: str) -> str:
    return str(_valid_phone(draw, "CN", one(draw, _CN_MOBILE), 8).national_number)


def _landline(draw: Draw, _: str) -> str:
    area = one(draw, _CN_AREAS)
    rest = 6 if area == "0592" else 7
    number = _valid_phone(draw, "CN", area + draw.pick("568", 1), rest)
    digits = "0" + str(number.national_number)
    body = digits[len(area) :]
    return one(
        draw,
        [f"{area}-{body}", f"({area}){body}", f"{area} {body[:4]} {body[4:]}", f"{area}{body}"],
    )


def _iban(draw: Draw, _: str) -> str:
    def make() -> str:
        country = one(draw, list(_IBAN_BODIES))
        head, digits = draw.rng.choice(_IBAN_BODIES[country])
        body = head + draw.digits(digits)
        return country + iban.calc_check_digits(f"{country}00{body}") + body

    number = draw.until(iban.is_valid, make)
    return one(draw, [number, iban.format(number), iban.format(number)])


def _ssn(draw: Draw, _: str) -> str:
    number = draw.until(ssn.is_valid, lambda: f"{draw.digits(3)}-{draw.digits(2)}-{draw.digits(4)}")
    return number.replace("-", one(draw, ["-", "-", " "]))


def _nino(draw: Draw, _: str) -> str:
    def make() -> str:
        return draw.pick("ABCEGHJKLMNOPRSTWXYZ", 1) + draw.pick("ABCEGHJKLMNPRSTWXYZ", 1)

    prefix = draw.until(lambda text: text not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ"), make)
    pairs = [draw.digits(2) for _ in range(3)]
    return one(draw, ["", " ", "-"]).join([prefix, *pairs, draw.pick("ABCD", 1)])


def _ip(draw: Draw, _: str) -> str:
    if draw.rng.random() < 0.25:
        head = one(draw, ["2409:8a", "2a02:c7", "2601:64", "240e:3b", "2003:e7"])
        return head + ":".join(
            [draw.pick(HEX, 2), *(draw.pick("123456789abcdef", 4) for _ in range(6))]
        )
    return draw.until(
        lambda text: ipaddress.ip_address(text).is_global,
        lambda: ".".join(str(draw.rng.randint(1, 222)) for _ in range(4)),
    )


def _mac(draw: Draw, _: str) -> str:
    digits = one(draw, _OUIS) + draw.pick("0123456789ABCDEF", 6)
    if draw.rng.random() < 0.2:
        digits = digits.lower()
        return ".".join(digits[i : i + 4] for i in (0, 4, 8))
    pairs = [digits[i : i + 2] for i in range(0, 12, 2)]
    joined = one(draw, [":", ":", "-"]).join(pairs)
    return one(draw, [joined, joined.lower()])


def _imei(draw: Draw, _: str) -> str:
    number = _luhn(one(draw, _TACS) + draw.digits(8))
    return one(draw, [number, number, f"{number[:2]}-{number[2:8]}-{number[8:14]}-{number[14]}"])


def _passport(draw: Draw, _: str) -> str:
    return one(
        draw,
        [draw.pick("45", 1) + draw.digits(8), draw.pick("AY", 1) + draw.digits(8),
         draw.pick("KLMNPRSTUVZ", 1) + draw.pick("1234", 1) + draw.digits(6),
         draw.pick("NPR", 1) + draw.pick("AB", 1) + draw.digits(7)],
    )  # fmt: skip


def _cn_passport(draw: Draw, _: str) -> str:
    return one(
        draw,
        ["E" + draw.digits(8), "E" + draw.pick("ABCDEFGHJ", 1) + draw.digits(7),
         "G" + draw.digits(8)],
    )  # fmt: skip


def _plate(draw: Draw, _: str) -> str:
    head = draw.pick(_PLATES, 1) + draw.pick("ABCDEFG", 1)
    tail = one(
        draw,
        [draw.digits(5), draw.pick(NO_IO, 1) + draw.digits(4),
         draw.digits(3) + draw.pick(NO_IO, 2),
         draw.pick("DF", 1) + draw.pick(NO_IO, 1) + draw.digits(4),
         draw.pick("DF", 1) + draw.digits(5)],
    )  # fmt: skip
    return head + one(draw, ["", "", "", "·"]) + tail


def _uscc(draw: Draw, _: str) -> str:
    letters = string.digits + "ABCDEFGHJKLMNPQRTUWXY"
    body = one(draw, ["91", "92", "52", "12"]) + one(draw, _REGIONS) + "MA" + draw.pick(letters, 7)
    return body + uscc.calc_check_digit(body)


def _born(draw: Draw, _: str) -> str:
    day = day_between(draw, 1946, 2016)
    if draw.country == "CN":
        return one(
            draw,
            [f"{day.year}年{day.month}月{day.day}日", f"{day:%Y-%m-%d}", f"{day:%Y.%m.%d}",
             f"{day:%Y%m%d}", f"{day.year}/{day.month}/{day.day}"],
        )  # fmt: skip
    numeric = f"{day:%m/%d/%Y}" if draw.country == "US" else f"{day:%d/%m/%Y}"
    words = (
        f"{day:%B} {day.day}, {day.year}"
        if draw.country == "US"
        else f"{day.day} {day:%b} {day.year}"
    )
    return one(draw, [numeric, words, f"{day:%Y-%m-%d}"])


def _identity(kind: str, make: Maker) -> tuple[str, str, Maker]:
    return "identity", kind, make


LABELLED: Mapping[str, tuple[str, str, Maker]] = {
    "resident_id": _identity("cn_resident_id", _resident_id),
    "bank_card": _identity("bank_card", _bank_card),
    "card": _identity("payment_card", _payment_card),
    "email": _identity("email", _email),
    "abroad": _identity("phone", _abroad),
    "tel": _identity("phone", _anglo),
    "mobile": _identity("mobile_number", _mobile),
    "landline": _identity("phone", _landline),
    "iban": _identity("iban", _iban),
    "ssn": _identity("us_ssn", _ssn),
    "nino": _identity("uk_nino", _nino),
    "ip": _identity("ip_address", _ip),
    "mac": _identity("mac_address", _mac),
    "imei": _identity("imei", _imei),
    "passport": _identity("passport", _passport),
    "cn_passport": _identity("cn_passport", _cn_passport),
    "permit": _identity(
        "cn_travel_permit",
        lambda draw, _: draw.pick("CHM", 1) + draw.pick("01", 1) + draw.digits(7),
    ),
    "plate": _identity("cn_plate", _plate),
    "uscc": _identity("cn_uscc", _uscc),
    "born": _identity("birth_date", _born),
    "qq": _identity("qq_number", lambda draw, n: count(draw.rng.choice([8, 9, 10]))(draw, n)),
    "wechat": _identity(
        "wechat_id",
        lambda draw, _: draw.faker.user_name() + one(draw, ["_", "-", ""]) + draw.digits(3),
    ),
}
