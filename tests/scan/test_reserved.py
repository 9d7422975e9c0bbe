"""Surrogates look like what they replace, belong to nobody and are found by no identity rule."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunegate.scan.engine import Engine
from tunegate.scan.folding import compact, fold
from tunegate.scan.reserved import is_reserved, surrogate
from tunegate.scan.rules import load_rules
from tunegate.scan.validators import VALIDATORS

ENGINE = Engine(load_rules("identity"), VALIDATORS)
FOUND = [
    (match.rule.kind, example, example[match.start : match.end])
    for rule in ENGINE.rules
    for example in rule.examples
    for match in ENGINE.find(example)
]


def marks(value: str) -> str:
    return "".join("#" if char.isalnum() else char for char in fold(value))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**63))
def test_a_surrogate_scans_clean_where_its_original_stood(seed: int) -> None:
    rng = random.Random(seed)
    for kind, example, value in FOUND:
        fresh = surrogate(kind, value, rng)
        assert is_reserved(kind, fresh), (kind, fresh)
        for text in (
            example.replace(value, fresh),
            f"客户{example.replace(value, fresh)}请查收",
            f"我的手机号{fresh}，银行卡身份证号",
            f"order {fresh} call my phone {fresh}.",
        ):
            hits = [(hit.rule.id, hit.value) for hit in ENGINE.find(text)]
            assert not hits, (kind, value, text)


@pytest.mark.parametrize(("kind", "example", "value"), FOUND)
def test_a_surrogate_keeps_the_form(kind: str, example: str, value: str) -> None:
    fresh = surrogate(kind, value, random.Random(example))
    assert fresh != value
    assert not is_reserved(kind, value)
    if kind == "email" and len(value.rpartition("@")[2]) < len("a.test"):
        return
    assert len(fresh) == len(value)
    if kind not in ("email", "wechat_id"):
        assert marks(fresh) == marks(value)
        assert [char.isascii() for char in fresh] == [char.isascii() for char in value]


def test_full_width_and_separators_stay() -> None:
    fresh = surrogate("mobile_number", "＋８６ 139-1234-5678", random.Random(1))
    assert fresh.startswith("＋８６ 11")
    assert fresh[6] == "-" or fresh[7] == "-"
    wide = surrogate("mobile_number", "１３９１２３４５６７８", random.Random(1))
    assert wide.startswith("１１")
    assert not any(char.isascii() for char in wide)


@pytest.mark.parametrize("value", ["11010519491231002X", "440308199901011517", "110105491231002"])
def test_the_sex_digit_keeps_its_parity_and_the_birth_date_does_not_stay(value: str) -> None:
    place = -2 if len(value) == 18 else -1
    drawn = [surrogate("cn_resident_id", value, random.Random(seed)) for seed in range(50)]
    assert {int(fresh[place]) % 2 for fresh in drawn} == {int(value[place]) % 2}
    assert len({fresh[6:-4] for fresh in drawn}) > 25


def test_one_seed_gives_one_surrogate_and_other_seeds_others() -> None:
    one = [surrogate("mobile_number", "13912345678", random.Random(seed)) for seed in range(200)]
    again = [surrogate("mobile_number", "13912345678", random.Random(seed)) for seed in range(200)]
    assert one == again
    assert len(set(one)) > 195


def test_published_samples_are_reserved_and_real_forms_are_not() -> None:
    assert is_reserved("email", "jane@example.com")
    assert is_reserved("email", "jane@mail.example.org")
    assert not is_reserved("email", "jane@myexample.com")
    assert is_reserved("phone", "(212) 555-0143")
    assert is_reserved("phone", "+44 7700 900123")
    assert is_reserved("phone", "07700 900123")
    assert not is_reserved("phone", "(415) 867-5309")
    assert is_reserved("ip_address", "203.0.113.7")
    assert is_reserved("uk_nino", "QQ 12 34 56 C")
    assert is_reserved("uk_nhs", "999 012 3456")
    assert is_reserved("phone", "+8 (912) 345-67-89")
    assert not is_reserved("person_name", "whoever")


def test_a_kind_without_a_space_is_refused() -> None:
    with pytest.raises(KeyError):
        surrogate("person_name", "Ann", random.Random(1))


def test_compact_keeps_letters_and_digits_only() -> None:
    assert compact("de89 3704-0044") == "DE8937040044"
