from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunegate import policy, yamlfile
from tunegate.errors import InputError
from tunegate.types import HAZARDS

TEXT = (policy._FOLDER / "internal.yaml").read_text(encoding="utf-8")


def _parse(text: str) -> policy.Policy:
    return yamlfile.parse(text, policy.Policy, path="p.yaml")


def _line_of(text: str, fragment: str) -> int:
    return text[: text.index(fragment)].count("\n") + 1


@pytest.mark.parametrize("name", policy.SHIPPED)
def test_shipped_policies_load_and_reason_in_both_languages(name: str) -> None:
    shipped = policy.load(name)
    assert shipped.name == name
    assert set(shipped.gate.required_hazards) <= set(HAZARDS)
    explained = [
        shipped.about,
        *(r.why for r in shipped.route),
        *(g.why for g in shipped.gate.gates),
    ]
    for words in explained:
        assert words is not None
        assert words.en.isascii() or "–" in words.en
        assert any("\u4e00" <= char <= "\u9fff" for char in words.zh)


def test_stricter_settings_tolerate_no_more() -> None:
    tolerances = [
        {g.target: (g.tolerance.tau, not g.required) for g in policy.load(name).gate.gates}
        for name in policy.SHIPPED
    ]
    for looser, stricter in itertools.pairwise(tolerances):
        assert looser.keys() == stricter.keys()
        for target, (tau, optional) in stricter.items():
            assert tau <= looser[target][0]
            assert optional <= looser[target][1]


@pytest.mark.parametrize(
    ("given_", "tau"),
    [
        ({"tolerated_leaks": 1, "queries": 20}, 0.05),
        ({"tolerated_leaks": 3, "records": 60}, 0.05),
        ({"tolerated_leaks": 2, "queries": 10, "records": 20}, 0.01),
        ({"tolerated_leaks": 0, "queries": 100}, 0.0),
        ({"search_factor": 8}, 3.0),
        ({"search_factor": 1}, 0.0),
        ({"perplexity_factor": math.e}, 1.0),
    ],
)
def test_tolerance_is_derived(given_: dict[str, float], tau: float) -> None:
    assert policy.Tolerated(**given_).tau == pytest.approx(tau)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"tolerated_leaks": 1, "search_factor": 2},
        {"tolerated_leaks": 5, "queries": 4},
        {"tolerated_leaks": -1},
        {"tolerated_leaks": 1, "queries": 0},
        {"search_factor": 0.5},
        {"search_factor": 0},
        {"perplexity_factor": math.nan},
    ],
)
def test_a_tolerance_that_means_nothing_is_refused(given_: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"tolerated_leaks|factor|queries"):
        policy.Tolerated(**given_)  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.floats(0, 100), st.integers(1, 1000), st.integers(1, 1000))
def test_more_queries_for_the_same_leaks_are_stricter(
    leaks: float, queries: int, records: int
) -> None:
    leaks = min(leaks, queries * records)
    one = policy.Tolerated(tolerated_leaks=leaks, queries=queries, records=records).tau
    two = policy.Tolerated(tolerated_leaks=leaks, queries=queries + 1, records=records).tau
    assert 0 <= two <= one <= 1


@pytest.mark.parametrize(
    ("old", "new", "code", "params"),
    [
        ("hazard: secret", "hazzard: secret", "yaml_key_unknown", {"nearest": "hazard"}),
        ("required_hazards:", "required_hazard:", "yaml_key_unknown", {"key": "required_hazard"}),
        ("tolerated_leaks: 1,", "tolerated_leak: 1,", "yaml_key_unknown", {}),
        ("to: drop", "to: bin", "yaml_value", {"at": "route[0].to"}),
        ("hazard: secret", "exact_copy: false", "yaml_value", {"at": "route[0].when"}),
        ("queries: 1,", "queries: 0,", "yaml_value", {"at": "gate.gates[0].tolerance"}),
        ("required: true", "required: often", "yaml_value", {"at": "gate.gates[0].required"}),
    ],
)
def test_a_mistake_is_named_with_its_line(
    old: str, new: str, code: str, params: dict[str, str]
) -> None:
    text = TEXT.replace(old, new, 1)
    with pytest.raises(InputError) as caught:
        _parse(text)
    assert caught.value.code == code
    assert caught.value.params["line"] == _line_of(text, new)
    assert params.items() <= caught.value.params.items()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "yaml_value"),
        ("[1, 2]", "yaml_value"),
        ("a: [1", "yaml_broken"),
        ("name: a\nname: b", "yaml_key_twice"),
        ("x: !!python/object/apply:os.system [ls]", "yaml_key_unknown"),
        ("name: !!python/object/apply:os.system [ls]", "yaml_broken"),
    ],
)
def test_what_is_no_policy(text: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        _parse(text)
    assert caught.value.code == code


def test_doubles_are_refused() -> None:
    with pytest.raises(InputError, match="same name"):
        _parse(TEXT.replace("name: exact-copies", "name: secrets"))
    with pytest.raises(InputError, match="same probe"):
        _parse(TEXT.replace("metric: np_rate", "metric: greedy_rate"))
    with pytest.raises(InputError, match="required"):
        _parse(TEXT.replace("required: true", "required: false"))


def test_files(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("\ufeff" + TEXT, encoding="utf-8")
    assert policy.load(str(own)) == policy.load("internal")
    with pytest.raises(InputError) as caught:
        policy.load("interal")
    assert caught.value.code == "policy_unknown"
    own.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError) as caught:
        policy.load(str(own))
    assert caught.value.code == "yaml_not_utf8"
    with pytest.raises(InputError) as caught:
        yamlfile.read(tmp_path, policy.Policy)
    assert caught.value.code == "yaml_unreadable"
