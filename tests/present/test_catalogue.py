from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tunegate
from tunegate.errors import InputError
from tunegate.present.catalogue import LANGUAGES, Catalogue

EN, ZH = Catalogue.load("en"), Catalogue.load("zh")
_CARRIERS = {"Reason", "EstimateRow", "InputError", "VoidError"}


def _params(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def _codes(node: ast.expr) -> Iterator[str]:
    """The literal codes that an expression can become."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _codes(node.body)
        yield from _codes(node.orelse)


def _codes_in_source() -> Iterator[tuple[str, str]]:
    root = Path(tunegate.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id in _CARRIERS:
                given = [word.value for word in node.keywords if word.arg == "code"]
                for expression in (given or node.args)[:1]:
                    for code in _codes(expression):
                        yield f"{path.relative_to(root)}:{node.lineno}", code


def test_both_languages_know_the_same_codes() -> None:
    assert EN.codes() == ZH.codes()
    assert len(EN.codes()) > 200


def test_both_languages_use_the_same_parameters() -> None:
    for code in sorted(EN.codes()):
        assert _params(EN.template(code)) == _params(ZH.template(code)), code


def test_every_code_in_the_source_has_words_in_both_languages() -> None:
    used = list(_codes_in_source())
    assert ("present/catalogue.py", "lang_unknown") in {(w.split(":")[0], c) for w, c in used}
    missing = [(where, code) for where, code in used if code not in EN.codes() & ZH.codes()]
    assert not missing


def test_no_words_are_empty_and_only_plain_names_are_filled_in() -> None:
    for words in (EN, ZH):
        for code in words.codes():
            assert words.template(code).strip(), code
            assert all(name.isidentifier() for name in _params(words.template(code))), code


def test_chinese_is_chinese() -> None:
    latin_only = {
        code
        for code in ZH.codes()
        if not any("\u4e00" <= char <= "\u9fff" for char in ZH.template(code))
        and len(ZH.template(code).split()) > 2
        and "{" not in ZH.template(code)
    }
    assert not latin_only


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        Catalogue.load("fr\u202e")
    assert caught.value.code == "lang_unknown"
    assert caught.value.params["known"] == "en, zh"
    assert "\u202e" not in str(caught.value.params["lang"])


def test_an_unknown_code_is_shown_with_its_parameters() -> None:
    assert EN.text("no.such", {"n": 3}) == "⟨no.such⟩ n=3"


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=3))
def test_missing_and_odd_parameters_never_break_a_sentence(params: dict[str, str]) -> None:
    words = Catalogue("en", {"x": "{a} of {b:.2f} and {c:d}"})
    assert " of " in words.text("x", params)


def test_a_missing_parameter_stays_visible() -> None:
    assert Catalogue("en", {"x": "{n} records"}).text("x") == "{n} records"


def test_words_cannot_reach_into_a_parameter() -> None:
    words = Catalogue("en", {"x": "{a.__class__} {a[0]}"})
    assert words.text("x", {"a": "secret"}) == "{a.__class__} {a[0]}"


def test_our_own_words_are_put_into_words_and_start_a_sentence_well() -> None:
    words = Catalogue("en", {"x": "{hazard} was found", "hazard.identity": "identity"})
    assert words.text("x", {"hazard": "identity"}) == "Identity was found"
    assert words.text("x", {"hazard": "odd"}) == "odd was found"


def test_string_parameters_are_made_inert() -> None:
    assert "\u202e" not in EN.text("lang_unknown", {"lang": "\u202e", "known": "en"})


def test_floats_are_written_on_the_scale_of_the_metric() -> None:
    words = Catalogue("en", {"x": "{value} {p} {tolerance:.2f}"})
    params = {"metric": "leak_rate", "value": 0.0159, "p": 0.25, "tolerance": 0.02}
    assert words.text("x", params) == "1.6% 0.25 0.02"
    assert words.text("x", params | {"metric": "other"}) == "0.0159 0.25 0.02"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_numbers(lang: str) -> None:
    words = Catalogue.load(lang)
    assert words.number(0.0, "percent") == "0.0%"
    assert words.number(0.0001, "percent") == "< 0.1%"
    assert words.number(0.123, "percent") == "12.3%"
    assert words.number(-0.00001, "auc") == "0.000"
    assert words.number(-0.5, "loss") == "−0.500"
    assert words.number(None, "bits") == "–"
    assert words.number(float("nan")) == "–"
    assert words.number(float("inf")) == "∞"
    assert words.number(12345) == "12,345"
    assert words.interval((0.0, 0.05), "percent") == "0.0%\u00a0–\u00a05.0%"
    assert words.interval(None) == "–"
    assert words.p(1e-9) == "< 0.001"
    assert words.change(0.0) == "0"


def test_units_are_words_of_the_language() -> None:
    assert EN.number(2.04, "bits") == "2.0\u00a0bits"
    assert ZH.number(2.04, "bits") == "2.0\u00a0比特"
    assert EN.change(-0.124, "percent") == "−12.4\u00a0pp"
    assert ZH.listed("hazard", ("identity", "secret")).count("、") == 1
