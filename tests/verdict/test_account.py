from __future__ import annotations

import shlex
from typing import Any

import msgspec
import pytest
from tests.verdict.build import GOOD, TARGET, WELL, decide, leak, measured, scan, with_extraction

from tunegate.decisions import Ruling, check
from tunegate.intent import Intent
from tunegate.types import Reason, Skipped, Source, Verdict
from tunegate.verdict import Control

UNSURE = with_extraction(0.0, 0.2)


def _codes(reasons: tuple[Reason, ...]) -> list[str]:
    return [reason.code for reason in reasons]


def _ruling(command: str) -> Ruling:
    """What a `tunegate sign` command would record."""
    words = shlex.split(command)
    assert words[:2] == ["tunegate", "sign"]
    options = dict(zip(words[2::2], words[3::2], strict=True))
    kinds = {"--override": "override", "--accept": "accept", "--waive": "waive"}
    kinds["--condition"] = "sign"
    (option,) = kinds.keys() & options.keys()
    target, _, given = options[option].partition("=")
    value = float(given) if option == "--accept" else given or None
    kind = kinds[option]
    return Ruling(who=options["--who"], kind=kind, target=target, value=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        (
            {"measurements": with_extraction(0.0, 0.2, effect=0.01)},
            ["next.accept_bound", "next.depth_full", "next.more_units"],
        ),
        ({"measurements": UNSURE}, ["next.accept_bound", "next.depth_full", "next.report"]),
        ({"scan": scan("special_case")}, ["next.sign_hazard", "next.report", "next.estimate"]),
        ({"intent": Intent()}, ["next.answer_intent", "next.report", "next.estimate"]),
        ({"proxy": True}, ["next.sign_proxy", "next.full_model", "next.report"]),
        (
            {"evidence": (leak(),), "measurements": with_extraction(0.06, 0.2)},
            ["next.reroute_leak", "next.gentler_recipe", "next.stricter_route"],
        ),
        (
            {"void": (Reason(code="v"),), "measurements": UNSURE},
            ["next.plant_again", "next.accept_bound", "next.depth_full"],
        ),
    ],
)
def test_three_cheapest_actions_the_gravest_first(
    changes: dict[str, Any], codes: list[str]
) -> None:
    got = decide(**changes, run="my runs/1/")
    assert _codes(got.next_actions) == codes
    for action in got.next_actions:
        words = shlex.split(str(action.params["command"]))
        assert words[0] == "tunegate"
        assert any(word.startswith("my runs/1") for word in words)


@pytest.mark.parametrize(
    "changes",
    [
        {"measurements": UNSURE},
        {"measurements": with_extraction(0.0, 0.123456789)},
        {"scan": scan("special_case")},
        {"intent": Intent()},
        {"proxy": True},
    ],
)
def test_the_proposed_signature_opens_the_gate(changes: dict[str, Any]) -> None:
    ruling = check(_ruling(str(decide(**changes).next_actions[0].params["command"])))
    got = decide(**changes, rulings=(ruling,))
    assert got.decision == "conditional"
    assert got.next_actions == ()


def test_units_needed_are_named() -> None:
    low = with_extraction(0.0, 0.06, effect=0.0, n=60)
    action = decide(measurements=low).next_actions[2]
    assert (action.code, action.params["needed"]) == ("next.more_units", 72)


def _limits(**changes: Any) -> list[str]:
    return _codes(decide(**changes).limits)


def test_limits_are_always_stated() -> None:
    assert _limits() == ["limit.power", "limit.this_adapter", "limit.sister_arm"]
    skipped = Skipped(source=Source(path="a"), reason=Reason(code="x"))
    scanned = msgspec.structs.replace(scan("raw_dialogue"), skipped=(skipped,))
    assert _limits(scan=scanned, proxy=True, measurements=()) == [
        "limit.power",
        "limit.proxy",
        "limit.hazard_unchecked",
        "limit.skipped",
        "limit.optional_unscored",
    ]
    claims_recipe = tuple(msgspec.structs.replace(one, estimand="recipe") for one in WELL)
    assert "limit.this_adapter" not in _limits(measurements=claims_recipe)


def test_limits_of_controls() -> None:
    assert "limit.control_not_run" in _limits(controls={})
    flagged = {**GOOD, "exposure": Control(positive="caught", null="flagged")}
    assert "limit.null_flagged" in _limits(controls=flagged)


@pytest.mark.parametrize(("units", "stated"), [(71, True), (72, False)])
def test_too_few_units_are_stated_even_without_a_leak(units: int, stated: bool) -> None:
    got = decide(measurements=with_extraction(0.0, 0.04, n=units))
    found = [reason for reason in got.limits if reason.code == "limit.few_units"]
    assert bool(found) == stated
    if found:
        assert found[0].params["needed"] == 72


def _question(got: Verdict, name: str) -> list[str]:
    return _codes(got.questions[name].findings)


def test_the_questions_confront_intent_with_what_was_measured() -> None:
    strong = measured("exposure", "exposure_bits", "repeats=16", (7.9, 8.0), arm="canaried")
    got = decide(
        measurements=(*WELL, strong),
        evidence=(leak(), leak(arm="as_given")),
        destinations={"finetune": 60, "scrub": 20, "rag": 15, "human": 4, "drop": 1},
        scan=scan("special_case"),
    )
    assert got.questions["q1"].intent == ("customers", "chat", "another customer's details")
    assert _question(got, "q1") == [
        "question.q1_leaks_as_given",
        "question.q1_leaks_routed",
        "gate.extraction.greedy_rate.pass",
        "question.q1_one_setting",
    ]
    assert _question(got, "q2") == [
        "question.q2_weights",
        "gate.exposure.exposure_bits.pass",
        "question.q2_exposure",
        "question.q2_unchecked",
    ]
    assert got.questions["q2"].findings[0].params == {
        "weights": 80,
        "scrubbed": 20,
        "outside": 20,
    }
    assert got.questions["q2"].findings[2].params["repeats"] == "16"
    assert got.questions["q3"].intent == ("answers in our tone", "retrieval")
    assert _question(got, "q3") == [
        "gate.utility.heldout_loss.pass",
        "question.q3_outside",
        "question.q3_no_baseline",
    ]
    assert got.questions["q2"].sign == ("data_owner", "privacy_lead")


def test_unanswered_questions_are_shown_and_signed_ones_are_settled() -> None:
    got = decide(intent=Intent(audiences=("staff",)))
    asked = [r.params["intent"] for r in got.questions["q1"].findings if "intent" in r.params]
    assert asked == ["settings", "unacceptable"]
    ruling = Ruling(who="Li Na", kind="sign", target="q1", reason="staff only")
    settled = decide(rulings=(ruling,)).questions["q1"]
    assert settled.sign == ()
    assert settled.findings[-1] == Reason(
        code="question.signed", params={"who": "Li Na", "why": "staff only"}
    )
    assert TARGET.startswith("gate:")
