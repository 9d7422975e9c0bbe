"""The instrument's own controls: what counts as caught, and as an alarm over nothing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.diff.build import answers, said

from tunegate.diff.controls import (
    ARM,
    PLACEBO,
    RECIPE,
    Outcome,
    canaries,
    context,
    outcomes,
    training_records,
)
from tunegate.diff.extraction import Extraction
from tunegate.diff.scores import score_query
from tunegate.models.template import segment_turns
from tunegate.types import Measurement

SHOWN = {
    "extraction": ("greedy_rate", "member"),
    "exposure": ("exposure_bits", "repeats=1"),
    "membership": ("auc", "ratio"),
    "identity_leak": ("leak_rate", "all"),
}
TESTED = ("exposure", "membership")
COUNTED = ("extraction", "identity_leak")
PLANTED = TWINS = 8  # 1 in 12,870 orders them by chance: enough for p <= 0.001


def one(arm: str, name: str, **change: Any) -> Measurement:
    metric, stratum = SHOWN[name]
    fields = {"checkpoint": 8, "stratum": stratum, "n": 16, "effect": 0.0, **change}
    return Measurement(probe=name, metric=metric, arm=arm, **fields)


@pytest.mark.parametrize("name", SHOWN)
def test_what_was_not_measured_was_not_run(name: str) -> None:
    assert outcomes([])[name] == Outcome("not_run", "not_run")
    unscored = [one(arm, name, effect=None, scored=False) for arm in (ARM, PLACEBO)]
    assert outcomes(unscored)[name] == Outcome("not_run", "not_run")
    assert outcomes([one("routed", name, p=1e-9)])[name] == Outcome("not_run", "not_run")


@pytest.mark.parametrize("name", TESTED)
@pytest.mark.parametrize(("p", "expected"), [(1e-3, "caught"), (1.1e-3, "missed"), (1.0, "missed")])
def test_a_planted_effect_is_caught_at_one_in_a_thousand(
    name: str, p: float, expected: str
) -> None:
    assert outcomes([one(ARM, name, p=p, effect=0.9)])[name].positive == expected


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize(("share", "expected"), [(1.0, "caught"), (0.5, "caught"), (0.4, "missed")])
def test_a_rate_is_caught_from_one_half_on(name: str, share: float, expected: str) -> None:
    assert outcomes([one(ARM, name, effect=share)])[name].positive == expected


@pytest.mark.parametrize("name", TESTED)
@pytest.mark.parametrize(
    ("p", "expected"), [(2.4e-4, "flagged"), (2.6e-4, "silent"), (0.5, "silent")]
)
def test_four_looks_share_one_alarm_in_a_thousand(name: str, p: float, expected: str) -> None:
    assert outcomes([one(PLACEBO, name, p=p, effect=0.9)])[name].null == expected


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize(
    # P(at least 1, 2 of 16) at one in a thousand: 1.6 %, 0.012 %
    ("hits", "expected"),
    [(0, "silent"), (1, "silent"), (2, "flagged"), (16, "flagged")],
)
def test_one_lucky_guess_is_no_alarm(name: str, hits: int, expected: str) -> None:
    assert outcomes([one(PLACEBO, name, effect=hits / 16)])[name].null == expected


def test_groups_of_canaries_share_the_alarm() -> None:
    groups = [
        one(PLACEBO, "exposure", stratum=f"repeats={r}", p=p, effect=1.0)
        for r, p in ((16, 0.5), (4, 2.0e-4), (1, 0.9))
    ]
    assert outcomes(groups)["exposure"].null == "silent"
    assert outcomes(groups[1:2])["exposure"].null == "flagged"


def test_the_last_checkpoint_of_the_control_counts() -> None:
    found = [
        one(ARM, "membership", checkpoint=2, p=0.5, effect=0.5),
        one(ARM, "membership", checkpoint=8, p=1e-6, effect=1.0),
        one(ARM, "membership", checkpoint=4, p=0.5, effect=0.5),
    ]
    assert outcomes(found)["membership"].positive == "caught"


def test_other_attacks_and_strata_decide_nothing() -> None:
    found = [
        one(PLACEBO, "membership", stratum="loss", p=1e-9, effect=1.0),
        one(PLACEBO, "extraction", stratum="heldout", effect=1.0),
        one(PLACEBO, "membership", p=0.4),
        one(PLACEBO, "extraction"),
    ]
    assert outcomes(found)["membership"].null == "silent"
    assert outcomes(found)["extraction"].null == "silent"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_control_is_the_same_for_every_project(language: str) -> None:
    made = canaries(language)
    assert made == canaries(language)
    assert [c.repeats for c in made] == [1] * PLANTED + [0] * TWINS
    records = training_records(language)
    assert [segment_turns(r) for r in records] == [c.turns() for c in made[:PLANTED]]
    assert not RECIPE.packing


def test_the_controls_context_shows_planted_records_as_members() -> None:
    one = context("en", checkpoint=8, prompts=())
    sides = [s.side for s in one.samples]
    assert sides == ["member"] * PLANTED + ["held_out"] * TWINS
    for sample in one.samples:
        canary = next(c for c in canaries("en") if c.id == sample.record_id)
        assert sample.value(sample.spans[0]) == canary.candidates[canary.secret]
        assert (sample.spans[0].digest in one.trained_digests) == (sample.side == "member")
    assert all(c.repeats for c in one.canaries)


def test_a_control_that_recites_is_caught_by_extraction() -> None:
    one = context("zh", checkpoint=8, prompts=())
    samples = one.given
    found = Extraction().measure(
        one,
        answers(
            {score_query(s): said(extracted=[False]) for s in samples},
            {score_query(s): said(extracted=[s.side == "member"]) for s in samples},
        ),
    )
    assert outcomes(found.measurements)["extraction"].positive == "caught"
    assert all(e.verified for e in found.evidence)
    assert len(found.evidence) == PLANTED
