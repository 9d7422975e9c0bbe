"""Generated identifiers are valid in form, and none is a documentation value."""

from __future__ import annotations

import random
import re

import phonenumbers
import pytest
from stdnum import iban, luhn
from stdnum.cn import ric, uscc
from stdnum.gb import nhs
from stdnum.iso7064 import mod_11_2
from stdnum.us import ssn

from tunegate.demo.draw import POOLS, Country, Draw, fakers
from tunegate.demo.values import MAKERS, STYLES, Values

NAMES = fakers()
NINO = r"[A-Z]{2} ?\d\d ?\d\d ?\d\d ?[A-D]"


def _made(token: str, country: Country, count: int = 60) -> list[str]:
    rng = random.Random(f"{token}/{country}")
    return [Values(Draw(rng, NAMES, country))(token, "", "").text for _ in range(count)]


@pytest.mark.parametrize(
    ("token", "country", "valid"),
    [
        ("resident_id", "CN", mod_11_2.is_valid),
        ("uscc", "CN", uscc.is_valid),
        ("bank_card", "CN", luhn.is_valid),
        ("card", "GB", luhn.is_valid),
        ("iban", "GB", iban.is_valid),
        ("ssn", "US", ssn.is_valid),
        ("nhs", "GB", nhs.is_valid),
        ("nino", "GB", re.compile(NINO).fullmatch),
        ("passport", "CN", re.compile(r"[EG]\d{8}").fullmatch),
        ("plate", "CN", re.compile(r"[\u4e00-\u9fff][A-Z][A-Z]\d{4}").fullmatch),
    ],
)
def test_checksums(token: str, country: Country, valid: object) -> None:
    assert callable(valid)
    values = _made(token, country)
    assert all(valid(value.replace(" ", "")) for value in values)
    assert len(set(values)) > 50


@pytest.mark.parametrize(
    ("token", "country"),
    [("us_phone", "US"), ("uk_mobile", "GB"), ("mobile", "CN"), ("landline", "CN")],
)
def test_phone_numbers_are_of_assigned_ranges(token: str, country: Country) -> None:
    for value in _made(token, country):
        number = phonenumbers.parse(value, country)
        assert phonenumbers.is_valid_number(number)
        digits = str(number.national_number)
        assert not (country == "US" and digits[3:6] == "555")
        assert not digits.startswith("7700900")


def test_resident_ids_hold_real_regions_and_births() -> None:
    for value in _made("resident_id", "CN"):
        assert value[:6] in POOLS["cn_region"]
        assert 1955 <= ric.get_birth_date(value).year <= 2004


@pytest.mark.parametrize("country", ["US", "GB", "CN"])
def test_emails_are_of_real_domains(country: Country) -> None:
    for value in _made("email", country):
        assert re.fullmatch(r"[a-z0-9._]+@[a-z0-9.]+\.[a-z]+", value)
        assert "example" not in value


def test_a_token_is_one_value_in_a_record_and_a_number_makes_another() -> None:
    values = Values(Draw(random.Random(1), NAMES, "CN"))
    first = values("mobile", "", "")
    assert values("mobile", "", "") == first
    assert values("mobile", "2", "") != first
    assert values("mobile", "", "d344").text.replace("-", "") == first.text
    assert values("mobile", "", "cc").kind == "mobile_number"


def test_styles() -> None:
    assert STYLES["wide"]("138X") == "１３８Ｘ"
    assert STYLES["s344"]("13812345678") == "138 1234 5678"
    assert STYLES["d4"]("6222021234567890123") == "6222-0212-3456-7890-123"
    assert STYLES["d4"]("4539 1461 3063 2766") == "4539-1461-3063-2766"


def test_hard_negatives_have_neither_hazard_nor_kind() -> None:
    assert all(bool(hazard) == bool(kind) for hazard, kind, _ in MAKERS.values())
    assert {"order", "price", "date", "version", "sample_card"} <= {
        token for token, (hazard, _, _) in MAKERS.items() if not hazard
    }
