"""Look-alikes of the acceptance corpus: numbers that name nobody, and carry no label."""

from __future__ import annotations

import string
from collections.abc import Mapping

from benchmarks.scan.acceptance_values import HEX, NO_IO, count, day_between, one
from stdnum import ean, luhn

from tunegate.demo.draw import Draw
from tunegate.demo.values import Maker


def _isbn(draw: Draw, _: str) -> str:
    body = (
        f"9787{draw.digits(8)}"
        if draw.country == "CN"
        else f"978{draw.pick('01', 1)}{draw.digits(8)}"
    )
    number = body + ean.calc_check_digit(body)
    return one(
        draw, [number, f"{number[:3]}-{number[3]}-{number[4:7]}-{number[7:12]}-{number[12]}"]
    )


def _not_luhn(draw: Draw, prefix: str, length: int) -> str:
    return draw.until(
        lambda text: not luhn.is_valid(text), lambda: prefix + draw.digits(length - len(prefix))
    )


def _stamp(draw: Draw, _: str) -> str:
    hour, minute, second = (draw.rng.randrange(limit) for limit in (24, 60, 60))
    return f"{day_between(draw, 2024, 2026):%Y%m%d}{hour:02d}{minute:02d}{second:02d}"


def _order_no(draw: Draw, _: str) -> str:
    return one(
        draw,
        [f"{_stamp(draw, '')}{draw.digits(6)}",
         f"{one(draw, ['TG', 'B', 'PO-', 'R-'])}{draw.digits(9)}",
         f"{draw.digits(3)}-{draw.digits(7)}-{draw.digits(7)}"],
    )  # fmt: skip


def _clock(draw: Draw, _: str) -> str:
    return f"{draw.rng.randint(6, 22):02d}:{draw.rng.randint(0, 59):02d}"


def _uuid(draw: Draw, _: str) -> str:
    return "-".join(draw.pick(HEX, size) for size in (8, 4, 4, 4, 12))


def _parcel(draw: Draw, _: str) -> str:
    if draw.country == "CN":
        return one(
            draw,
            ["SF" + draw.digits(13), "YT" + draw.digits(13), "ZTO" + draw.digits(12),
             "JT" + draw.digits(13), "4" + draw.digits(14)],
        )  # fmt: skip
    return one(
        draw,
        ["1Z" + draw.pick(string.ascii_uppercase + string.digits, 16), "94" + draw.digits(20),
         f"{draw.pick('RCEL', 1)}{draw.pick(NO_IO, 1)}{draw.digits(9)}{one(draw, ['US', 'DE'])}",
         "JD" + draw.digits(16)],
    )  # fmt: skip


def _free_line(draw: Draw, _: str) -> str:
    if draw.country == "CN":
        short = one(draw, ["95588", "95533", "95555", "95338", "10086", "10010", "12306", "12345"])
        return one(draw, [f"400-{draw.digits(3)}-{draw.digits(4)}", f"400{draw.digits(7)}", short])
    if draw.country == "US":
        return f"1-{one(draw, ['800', '888', '877'])}-{draw.pick('23456789', 3)}-{draw.digits(4)}"
    return f"{one(draw, ['0800', '0808'])} {count(3)(draw, '')} {draw.digits(4)}"


def _sample_ip(draw: Draw, _: str) -> str:
    return f"{one(draw, ['192.0.2', '198.51.100', '203.0.113'])}.{draw.rng.randint(1, 254)}"


def _plain(make: Maker) -> tuple[str, str, Maker]:
    return "", "", make


LOOK_ALIKES: Mapping[str, tuple[str, str, Maker]] = {
    "isbn": _plain(_isbn),
    "stamp": _plain(_stamp),
    "order_no": _plain(_order_no),
    "clock": _plain(_clock),
    "uuid": _plain(_uuid),
    "parcel": _plain(_parcel),
    "free_line": _plain(_free_line),
    "sample_ip": _plain(_sample_ip),
    "sha": _plain(lambda draw, _: draw.pick(HEX, 40)),
    "md": _plain(lambda draw, _: draw.pick(HEX, 32)),
    "millis": _plain(lambda draw, _: "17" + draw.digits(11)),
    "seconds": _plain(lambda draw, _: "17" + draw.digits(8)),
    "bad_card": _plain(lambda draw, _: _not_luhn(draw, "", 16)),
    "bad_imei": _plain(lambda draw, _: _not_luhn(draw, "35", 15)),
    "bad_id": _plain(
        lambda draw, _: f"99{draw.digits(4)}{draw.pick('3456789', 4)}{draw.digits(8)}"
    ),
    "flight": _plain(
        lambda draw, _: (
            one(draw, ["CA", "MU", "CZ", "HU", "BA", "UA", "LH"])
            + count(draw.rng.choice([3, 4]))(draw, "")
        )
    ),
    "train": _plain(lambda draw, _: draw.pick("GDCKZT", 1) + count(3)(draw, "")),
    "zip": _plain(count(5)),
    "uk_postcode": _plain(
        lambda draw, _: (
            f"{one(draw, ['SW', 'LS', 'EH', 'BS'])}{draw.pick('123456789', 1)} "
            f"{draw.digits(1)}{draw.pick('ABDEFGHJLNPQRSTUWXYZ', 2)}"
        )
    ),
    "cn_zip": _plain(lambda draw, _: draw.pick("123456", 1) + draw.digits(3) + "00"),
    "invoice": _plain(count(8)),
    "tax_code": _plain(lambda draw, _: "0" + draw.digits(11)),
    "score": _plain(lambda draw, _: str(draw.rng.randint(320, 748))),
    "port": _plain(lambda draw, _: str(draw.rng.randint(1024, 65000))),
    "room": _plain(lambda draw, _: f"{draw.rng.randint(2, 28)}{draw.rng.randint(1, 20):02d}"),
    "people": _plain(lambda draw, _: f"{draw.rng.randint(1000, 9_999_999):,}"),
    "percent": _plain(lambda draw, _: f"{draw.rng.uniform(0.5, 99):.2f}%"),
    "money": _plain(lambda draw, _: f"{draw.rng.uniform(1000, 99_999_999):,.2f}"),
    "small": _plain(lambda draw, _: str(draw.rng.randint(2, 97))),
    "code": _plain(count(6)),
    "ten": _plain(count(10)),
    "twelve": _plain(count(12)),
    "seat": _plain(lambda draw, _: f"{draw.rng.randint(3, 58)}{draw.pick('ABCDEFHJK', 1)}"),
    "locator": _plain(lambda draw, _: draw.pick(NO_IO, 6)),
    "build_no": _plain(
        lambda draw, _: (
            f"{draw.rng.randint(5, 14)}.{draw.rng.randint(0, 30)}."
            f"{draw.rng.randint(0, 99)}.{draw.rng.randint(300, 9000)}"
        )
    ),
    "stock": _plain(lambda draw, _: one(draw, ["600", "000", "300"]) + draw.digits(3)),
    "chip": _plain(lambda draw, _: "9" + draw.pick("0145678", 2) + draw.digits(12)),
}
