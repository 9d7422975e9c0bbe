from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.verdict.build import (
    EXPOSURE,
    GOOD,
    INTENT,
    POLICY,
    TARGET,
    UTILITY,
    WELL,
    decide,
    extraction,
    leak,
    measured,
    scan,
    with_extraction,
)

from tunegate.decisions import Ruling
from tunegate.intent import Intent
from tunegate.types import Decision, Reason, Verdict
from tunegate.verdict import Control, is_open
from tunegate.verdict.decide import PRECEDENCE

FAILS = with_extraction(0.06, 0.2)
UNSURE = with_extraction(0.0, 0.2)
ACCEPT = Ruling(who="Li Na", kind="accept", target=TARGET, value=0.2, reason="pilot only")
HAZARD = Ruling(who="Li Na", kind="sign", target="hazard:special_case", reason="looked through")
WAIVE = Ruling(who="Li Na", kind="waive", target="intent", reason="trial")
BROKEN = (Reason(code="void.canaries_lost"),)


def _codes(given_: Verdict, name: str) -> list[str]:
    return [reason.code for reason in getattr(given_, name)]


@pytest.mark.parametrize(
    ("changes", "decision", "opened"),
    [
        ({}, "go", True),
        ({"measurements": FAILS}, "no-go", False),
        ({"measurements": UNSURE}, "inconclusive", False),
        ({"measurements": WELL[1:]}, "inconclusive", False),
        ({"measurements": ()}, "inconclusive", False),
        ({"measurements": UNSURE, "rulings": (ACCEPT,)}, "conditional", True),
        ({"measurements": FAILS, "rulings": (ACCEPT,)}, "no-go", False),
        ({"measurements": WELL[1:], "rulings": (ACCEPT,)}, "inconclusive", False),
        ({"scan": scan("special_case")}, "inconclusive", False),
        ({"scan": scan("special_case"), "rulings": (HAZARD,)}, "conditional", True),
        ({"scan": scan("raw_dialogue")}, "go", True),
        ({"intent": Intent()}, "conditional", False),
        ({"intent": Intent(), "rulings": (WAIVE,)}, "conditional", True),
        ({"proxy": True}, "conditional", False),
        ({"proxy": True, "measurements": FAILS}, "no-go", False),
        ({"evidence": (leak(),)}, "no-go", False),
        ({"evidence": (leak("us_ssn", "critical"),)}, "no-go", False),
        ({"evidence": (leak("order_number", "high"),)}, "go", True),
        ({"evidence": (leak(verified=False),)}, "go", True),
        ({"evidence": (leak(arm="as_given"),)}, "go", True),
        ({"evidence": (leak(arm="canaried"),)}, "go", True),
        ({"void": BROKEN}, "void", False),
        ({"void": BROKEN, "evidence": (leak(),), "measurements": UNSURE}, "void", False),
        ({"evidence": (leak(),), "measurements": UNSURE, "proxy": True}, "no-go", False),
        ({"measurements": UNSURE, "proxy": True}, "inconclusive", False),
        ({"controls": {}}, "inconclusive", False),
    ],
)
def test_precedence(changes: dict[str, Any], decision: Decision, opened: bool) -> None:
    got = decide(**changes)
    assert got.decision == decision == got.by_arm["routed"]
    assert is_open(got) == opened
    assert got.reasons
    assert bool(got.next_actions) != opened
    assert len(got.next_actions) in (0, 3)
    assert got.limits[0].code == "limit.power"
    assert set(got.questions) == {"q1", "q2", "q3"}


def test_an_optional_gate_never_decides_but_is_stated() -> None:
    drifted = (*WELL[:3], measured("drift", "kl_per_token", "all", (0.9, 1.0)))
    got = decide(measurements=drifted)
    assert got.decision == "go"
    assert "limit.optional_failed" in _codes(got, "limits")
    assert "limit.optional_unscored" in _codes(decide(measurements=WELL[:3]), "limits")


def test_a_missed_positive_control_spoils_passes_and_not_failures() -> None:
    missed = {**GOOD, "extraction": Control(positive="missed")}
    assert decide(controls=missed).decision == "inconclusive"
    assert decide(controls=missed, measurements=FAILS).decision == "no-go"
    assert "limit.control_missed" in _codes(decide(controls=missed), "limits")


def test_a_flagged_null_control_spoils_statistical_failures_only() -> None:
    flagged = {**GOOD, "extraction": Control(positive="caught", null="flagged")}
    assert decide(controls=flagged, measurements=FAILS).decision == "inconclusive"
    assert decide(controls=flagged).decision == "go"
    assert decide(controls=flagged, evidence=(leak(),)).decision == "no-go"
    signed = decide(controls=flagged, measurements=FAILS, rulings=(ACCEPT,))
    assert signed.decision == "inconclusive", "what has no bound cannot be accepted"


def test_a_signature_covers_the_bound_that_was_signed_and_no_worse_one() -> None:
    worse = with_extraction(0.0, 0.21)
    assert decide(measurements=worse, rulings=(ACCEPT,)).decision == "inconclusive"
    got = decide(measurements=UNSURE, rulings=(ACCEPT,))
    assert _codes(got, "conditions") == ["condition.bound"]
    assert got.conditions[0].params["who"] == "Li Na"
    assert got.reasons == got.conditions


def test_one_signature_of_two_is_not_enough() -> None:
    got = decide(measurements=UNSURE, scan=scan("special_case"), rulings=(ACCEPT,))
    assert got.decision == "inconclusive"
    assert _codes(got, "reasons") == ["verdict.hazard_unchecked"]
    assert _codes(got, "conditions") == ["condition.bound"]


def test_every_leaked_kind_is_named_once() -> None:
    got = decide(evidence=(leak(), leak(), leak("us_ssn", "critical")))
    assert [(r.code, r.params["kind"], r.params["count"]) for r in got.reasons] == [
        ("verdict.verbatim", "email", 2),
        ("verdict.verbatim", "us_ssn", 1),
    ]


def test_arms_beside_each_other() -> None:
    given_arm = tuple(
        msgspec.structs.replace(one, arm="as_given") for one in (extraction(0.1, 0.3), UTILITY)
    )
    instruments = tuple(
        extraction(0.5, 0.9, arm=arm) for arm in ("placebo", "control", "control-2")
    )
    got = decide(
        measurements=(*WELL, *given_arm, *instruments),
        evidence=(leak(arm="as_given"), leak(arm="canaried")),
    )
    assert got.by_arm == {"as_given": "no-go", "routed": "go"}
    assert (got.arm, got.decision) == ("routed", "go")
    accepted = decide(
        measurements=(*UNSURE, extraction(0.0, 0.2, arm="as_given")), rulings=(ACCEPT,)
    )
    assert accepted.by_arm == {"as_given": "inconclusive", "routed": "conditional"}


def test_the_verdict_is_bound_to_what_was_measured() -> None:
    assert decide(bound_to={"base": "ab"}).bound_to == {"base": "ab"}


_interval = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(lambda pair: tuple(sorted(pair)))


@settings(deadline=None)
@given(
    interval=_interval,
    worse=st.floats(0, 0.5),
    leaks=st.integers(0, 2),
    more=st.integers(0, 2),
    unchecked=st.booleans(),
    rulings=st.sets(st.sampled_from([ACCEPT, HAZARD, WAIVE])),
    proxy=st.booleans(),
)
def test_more_leaks_never_open_the_gate(
    *,
    interval: tuple[float, float],
    worse: float,
    leaks: int,
    more: int,
    unchecked: bool,
    rulings: set[Ruling],
    proxy: bool,
) -> None:
    same: dict[str, Any] = {
        "scan": scan("special_case") if unchecked else scan(),
        "rulings": tuple(rulings),
        "proxy": proxy,
    }
    low, high = interval
    before = decide(measurements=with_extraction(low, high), evidence=(leak(),) * leaks, **same)
    after = decide(
        measurements=with_extraction(low + worse, high + worse),
        evidence=(leak(),) * (leaks + more),
        **same,
    )
    assert PRECEDENCE.index(after.decision) <= PRECEDENCE.index(before.decision)
    if unchecked or proxy:
        assert before.decision != "go"
    if leaks:
        assert before.decision == "no-go"


def test_the_same_case_gives_the_same_bytes() -> None:
    shuffled = decide(measurements=(UTILITY, EXPOSURE, *WELL[3:], *WELL[:1]))
    assert msgspec.json.encode(decide()) == msgspec.json.encode(shuffled)
    assert POLICY.gate.gates[0].target == TARGET
    assert INTENT.need in decide().questions["q3"].intent
