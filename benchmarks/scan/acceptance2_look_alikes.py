"""Look-alikes of the second acceptance corpus: the first's and other numbers that name nobody."""

from __future__ import annotations

import string
from collections.abc import Mapping

from benchmarks.scan.acceptance_look_alikes import LOOK_ALIKES as FIRST
from benchmarks.scan.acceptance_values import HEX, NO_IO, count, day_between, one
from stdnum import ean, isin

from tunegate.demo.draw import Draw
from tunegate.demo.values import Maker

_LETTER_VALUES = dict(
    zip(string.ascii_uppercase, (n for n in range(10, 39) if n % 11), strict=True)
)


def _ean(draw: Draw, _: str) -> str:
    body = one(draw, ["690", "692", "697"] if draw.country == "CN" else ["501", "505", "400"])
    body += draw.digits(9)
    return body + ean.calc_check_digit(body)


def _upc(draw: Draw, _: str) -> str:
    body = "0" + draw.pick("678", 1) + draw.digits(9)
    return body + ean.calc_check_digit("0" + body)


def _container(draw: Draw, _: str) -> str:
    body = one(draw, ["MSKU", "TCLU", "CMAU", "OOLU", "HLXU"]) + draw.digits(6)
    total = sum(
        (_LETTER_VALUES[char] if char.isalpha() else int(char)) << place
        for place, char in enumerate(body)
    )
    return f"{body}{total % 11 % 10}"


def _air_waybill(draw: Draw, _: str) -> str:
    serial = count(7)(draw, "")
    return f"{one(draw, ['125', '176', '784', '020', '999'])}-{serial}{int(serial) % 7}"


def _latitude(draw: Draw, _: str) -> str:
    if draw.country == "CN":
        return f"{draw.rng.uniform(22, 41):.6f}"
    return f"{draw.rng.uniform(30, 58):.5f}"


def _longitude(draw: Draw, _: str) -> str:
    if draw.country == "CN":
        return f"{draw.rng.uniform(100, 122):.6f}"
    west, east = (0.1, 4) if draw.country == "GB" else (70, 122)
    return f"-{draw.rng.uniform(west, east):.5f}"


def _cas(draw: Draw, _: str) -> str:
    digits = count(5)(draw, "") + draw.digits(2)
    check = sum(int(d) * (place + 1) for place, d in enumerate(reversed(digits))) % 10
    return f"{digits[:5]}-{digits[5:]}-{check}"


def _isin(draw: Draw, _: str) -> str:
    body = one(draw, ["US", "GB00", "IE00", "LU0"])
    body += draw.pick(NO_IO[:16] + string.digits, 11 - len(body))
    return body + isin.calc_check_digit(body)


def _hs_code(draw: Draw, _: str) -> str:
    head = one(draw, ["8471", "6109", "3926", "9403", "8708"])
    return f"{head}.{draw.digits(2)}.{draw.digits(4)}"


def _part(draw: Draw, _: str) -> str:
    """Numbers of parts; grouped as telephone numbers are."""
    return one(
        draw,
        [f"{draw.digits(3)}-{draw.digits(4)}-{draw.digits(2)}",
         f"0{draw.digits(3)}-{draw.digits(5)}",
         f"{count(4)(draw, '')}-{draw.digits(3)}-{draw.digits(3)}",
         f"{count(3)(draw, '')}.{draw.digits(3)}.{draw.digits(2)}",
         f"{draw.pick(NO_IO, 2)}-{draw.digits(4)}-{draw.digits(4)}"],
    )  # fmt: skip


def _lot(draw: Draw, _: str) -> str:
    day = day_between(draw, 2023, 2026)
    return one(
        draw,
        [
            f"{day:%Y%m%d}{draw.digits(2)}",
            f"L{draw.digits(7)}",
            f"{draw.pick(NO_IO, 2)}{draw.digits(6)}",
        ],
    )


def _firmware(draw: Draw, _: str) -> str:
    rng, day = draw.rng, day_between(draw, 2023, 2026)
    return f"V{rng.randint(1, 9)}.{rng.randint(0, 9)}.{rng.randint(0, 30)}_{day:%y%m%d}"


def _patent(draw: Draw, _: str) -> str:
    kind = one(draw, ["1", "2", "3"])
    return f"ZL{draw.rng.randint(2012, 2023)}{kind}0{draw.digits(6)}.{draw.digits(1)}"


def _plain(make: Maker) -> tuple[str, str, Maker]:
    return "", "", make


LOOK_ALIKES: Mapping[str, tuple[str, str, Maker]] = {
    **FIRST,
    "ean": _plain(_ean),
    "upc": _plain(_upc),
    "container": _plain(_container),
    "awb": _plain(_air_waybill),
    "lat": _plain(_latitude),
    "lon": _plain(_longitude),
    "cas": _plain(_cas),
    "isin": _plain(_isin),
    "hs_code": _plain(_hs_code),
    "part": _plain(_part),
    "lot": _plain(_lot),
    "firmware": _plain(_firmware),
    "patent": _plain(_patent),
    "four": _plain(lambda draw, _: draw.digits(4)),
    "expiry": _plain(lambda draw, _: f"{draw.rng.randint(1, 12):02d}/{draw.rng.randint(27, 31)}"),
    "short_sha": _plain(lambda draw, _: draw.pick(HEX, 7)),
    "reading": _plain(lambda draw, _: draw.digits(5)),
    "ndc": _plain(lambda draw, _: f"{draw.digits(5)}-{draw.digits(4)}-{draw.digits(2)}"),
    "long_order": _plain(lambda draw, _: draw.pick("1234", 1) + draw.digits(18)),
    "trade_no": _plain(
        lambda draw, _: (
            f"{one(draw, ['42000', '20'])}{day_between(draw, 2024, 2026):%Y%m%d}{draw.digits(15)}"
        )
    ),
    "e_invoice": _plain(
        lambda draw, _: (
            f"2{draw.pick('456', 1)}{one(draw, ['11', '31', '44', '33'])}{draw.digits(16)}"
        )
    ),
    "drug_licence": _plain(
        lambda draw, _: (
            f"国药准字{draw.pick('HZS', 1)}{draw.rng.randint(1998, 2023)}{draw.digits(4)}"
        )
    ),
    "icp": _plain(
        lambda draw, _: (
            f"{draw.pick('京沪粤浙', 1)}ICP备{draw.rng.randint(2005, 2023)}{draw.digits(6)}号"
        )
    ),
    "contract": _plain(
        lambda draw, _: (
            f"{one(draw, ['HT', 'CG', 'XS'])}-{day_between(draw, 2023, 2026):%Y%m}-{draw.digits(4)}"
        )
    ),
}
