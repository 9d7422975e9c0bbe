"""Codes that are put together at run time have words too, and the words have their parameters."""

from __future__ import annotations

import string
from typing import Any, get_args

import pytest
from tests.verdict.build import (
    GOOD,
    INTENT,
    TARGET,
    WELL,
    decide,
    leak,
    measured,
    scan,
    with_extraction,
)

from tunegate.decisions import Ruling
from tunegate.intent import Intent
from tunegate.policy import SHIPPED, RouteReason, load
from tunegate.present.catalogue import LANGUAGES, Catalogue
from tunegate.types import Reason, Verdict
from tunegate.verdict import Control

POLICIES = tuple(load(name) for name in SHIPPED)
UNSURE = with_extraction(0.0, 0.2, effect=0.01)
RULINGS = tuple(
    Ruling(who="Li Na", kind=kind, target=target, value=value, reason="pilot")  # type: ignore[arg-type]
    for kind, target, value in (
        ("accept", TARGET, 0.2),
        ("sign", "hazard:special_case", None),
        ("waive", "intent", None),
        ("sign", "proxy", None),
        ("sign", "q1", None),
    )
)
STRONG = measured("exposure", "exposure_bits", "repeats=16", (7.9, 8.0), arm="canaried")
SPOILT: tuple[dict[str, Any], ...] = (
    {},
    {"measurements": ()},
    {"measurements": UNSURE},
    {"measurements": with_extraction(0.1, 0.2), "evidence": (leak(), leak(arm="as_given"))},
    {"measurements": (*WELL, STRONG), "destinations": {"finetune": 6, "scrub": 2, "rag": 1}},
    {"intent": Intent(), "proxy": True, "scan": scan("special_case")},
    {"intent": Intent(), "proxy": True, "scan": scan("special_case"), "rulings": RULINGS},
    {"measurements": UNSURE, "rulings": RULINGS},
    {"void": (Reason(code="limit.power"),), "controls": {}},
    {"controls": {**GOOD, "extraction": Control(positive="missed", null="flagged")}},
    {"controls": {**GOOD, "extraction": Control(positive="caught", null="flagged")}},
    {"measurements": (*WELL[:3], measured("drift", "kl_per_token", "all", (0.9, 1.0)))},
)


def _reasons(of: Verdict) -> list[Reason]:
    answers = [reason for answer in of.questions.values() for reason in answer.findings]
    gates = [gate.reason for gate in of.gates]
    return [*of.reasons, *of.conditions, *of.limits, *of.next_actions, *gates, *answers]


def _check(reason: Reason, lang: str) -> None:
    words = Catalogue.load(lang)
    assert reason.code in words.codes(), reason.code
    named = {name for _, name, _, _ in string.Formatter().parse(words.template(reason.code))}
    assert named - {None} <= set(reason.params), reason.code


@pytest.mark.parametrize("lang", LANGUAGES)
def test_whatever_a_verdict_says_can_be_said(lang: str) -> None:
    for spoilt in SPOILT:
        for reason in _reasons(decide(**{"intent": INTENT, **spoilt})):
            _check(reason, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("interval", [(-1.0, 0.0), (0.0, 9.0), (20.0, 21.0)])
def test_every_shipped_gate_has_a_sentence_for_every_outcome(
    lang: str, interval: tuple[float, float]
) -> None:
    for policy in POLICIES:
        measurements = [
            measured(
                gate.probe,
                gate.metric,
                gate.stratum,
                interval,
                arm="canaried" if gate.probe == "exposure" else "routed",
            )
            for gate in policy.gate.gates
        ]
        for reason in _reasons(decide(policy=policy, measurements=measurements)):
            assert not reason.code.startswith(("gate.other", "gate.not_measured"))
            _check(reason, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_reason_that_a_route_rule_may_give_has_words(lang: str) -> None:
    params: dict[str, str | int | float] = {"rule": "r", "kind": "email", "count": 1}
    for reason in get_args(RouteReason):
        _check(Reason(code=f"route.{reason}", params=params), lang)
    roles = {role for answer in decide().questions.values() for role in answer.sign}
    assert {f"role.{role}" for role in roles} <= Catalogue.load(lang).codes()
