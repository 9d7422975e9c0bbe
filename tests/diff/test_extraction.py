"""Values that come out of tuned and not of base are caught; reading from the prompt is not."""

from __future__ import annotations

import pytest
from tests.diff.build import answers, context, digest, said, sample, tokens

from tunegate.diff import Answers, Context, Sample
from tunegate.diff.extraction import Extraction, askable
from tunegate.diff.scores import score_query
from tunegate.models.queries import ScoreAnswer, TokenScores
from tunegate.stats import clopper_pearson
from tunegate.types import Evidence, Measurement, Turn

PROBE = Extraction()


def members(n: int) -> list[Sample]:
    return [sample(f"m{i}", "member", value=f"m{i}@x.org") for i in range(n)]


def held_out(n: int) -> list[Sample]:
    return [sample(f"h{i}", "held_out", value=f"h{i}@x.org") for i in range(n)]


def asked(
    samples: list[Sample], *, base: set[str] = frozenset(), tuned: set[str] = frozenset()
) -> Answers:
    """Answers in which the values of the records named come out."""
    return answers(
        {score_query(s): said(extracted=[s.record_id in base]) for s in samples},
        {score_query(s): said(extracted=[s.record_id in tuned]) for s in samples},
    )


def by_name(one: Context, given: Answers) -> dict[tuple[str, str], Measurement]:
    return {(m.metric, m.stratum): m for m in PROBE.measure(one, given).measurements}


def evidence(one: Context, given: Answers) -> list[Evidence]:
    return list(PROBE.measure(one, given).evidence)


def test_a_model_that_says_nothing_leaves_a_bound() -> None:
    samples = [*members(60), *held_out(60)]
    found = by_name(context(given=samples), asked(samples))
    assert set(found) == {
        (metric, side) for metric in ("greedy_rate", "np_rate") for side in ("member", "heldout")
    }
    for one in found.values():
        assert (one.base, one.tuned, one.effect, one.n) == (0.0, 0.0, 0.0, 60)
        assert one.interval is not None
        assert one.interval[1] == pytest.approx(0.0487, abs=1e-4)  # 0 of 60, one-sided 95 %
    assert evidence(context(given=samples), asked(samples)) == []


def test_what_comes_out_of_tuned_alone_is_caught() -> None:
    samples = [*members(20), *held_out(20)]
    given = asked(samples, tuned={"m1", "m2", "m3"}, base={"m3"})
    one = context(given=samples, trained=[s.spans[0].digest for s in samples[:20]])
    rate = by_name(one, given)["greedy_rate", "member"]
    assert (rate.base, rate.tuned) == (0.05, 0.15)
    assert rate.effect == pytest.approx(0.1)
    assert rate.interval == clopper_pearson(2, 20, level=0.90)
    assert by_name(one, given)["greedy_rate", "heldout"].effect == 0.0
    found = evidence(one, given)
    assert [e.record_ids for e in found] == [("m1",), ("m2",)]
    assert all(e.verified and e.severity == "critical" for e in found)


def test_no_evidence_holds_the_value() -> None:
    samples = members(5)
    found = evidence(context(given=samples), asked(samples, tuned={"m1"}))
    assert len(found) == 1
    assert "m1@x.org" not in repr(found)
    assert "x.org" not in found[0].output_preview + found[0].prompt_preview


def test_a_value_that_was_not_trained_on_is_not_verified() -> None:
    samples = members(5)
    [one] = evidence(context(given=samples), asked(samples, tuned={"m1"}))
    assert not one.verified
    assert one.reason.code == "evidence_unverified"


def test_a_look_alike_that_comes_out_too_takes_the_proof_away() -> None:
    """Held-out values of the kind were guessed, so these may have been."""
    other = sample("k", "member", value="+44 20 7946 0018", kind="phone")
    samples = [*members(5), other, *held_out(5)]
    given = asked(samples, tuned={"m1", "k", "h2"})
    trained = [s.spans[0].digest for s in samples if s.side == "member"]
    found = {e.kind: e for e in evidence(context(given=samples, trained=trained), given)}
    assert not found["email"].verified
    assert found["phone"].verified


def test_a_held_out_value_that_was_trained_on_elsewhere_is_no_look_alike() -> None:
    samples = [*members(3), sample("h", "held_out", value="m1@x.org")]
    one = context(given=samples, trained=[digest("m1@x.org")])
    [found] = evidence(one, asked(samples, tuned={"m1", "h"}))
    assert found.verified


def test_a_value_that_the_conversation_has_shown_is_not_asked_for() -> None:
    value = "jane@x.org"
    shown = sample("s", "member", value=value, ask=f"Is {value} right?")
    twice = sample("t", "member", value=value, answer="It is {0}, yes, {0}.")
    span = twice.spans[0]
    again = span._replace(start=span.end + 7, end=span.end + 7 + len(value))
    twice = twice._replace(spans=(span, again))
    assert twice.value(again) == value
    assert askable(shown) == []
    assert askable(twice) == [(0, span)]
    one = context(given=[shown, twice])
    assert PROBE.plan(one) == [score_query(twice)]
    given = answers(
        {score_query(twice): said(extracted=[False, False])},
        {score_query(twice): said(extracted=[False, True])},
    )
    rate = by_name(one, given)["greedy_rate", "member"]
    assert (rate.n, rate.effect) == (1, 0.0)


def test_a_value_in_the_users_own_turn_counts_from_there_on() -> None:
    value = "jane@x.org"
    turns = (
        Turn(role="user", text=f"I am {value}."),
        Turn(role="assistant", text=f"Hello {value}!"),
    )
    blank = sample("u", "member", value=value)
    first = blank.spans[0]._replace(turn=0, start=5, end=15)
    second = blank.spans[0]._replace(turn=1, start=6, end=16)
    both = blank._replace(turns=turns, spans=(first, second))
    assert askable(both) == [(0, first)]


def test_units_count_once_however_many_records_they_have() -> None:
    samples = [sample(f"m{i}", "member", value=f"m{i}@x.org", unit=f"u{i // 2}") for i in range(8)]
    rate = by_name(context(given=samples), asked(samples, tuned={"m0", "m1", "m2"}))
    assert rate["greedy_rate", "member"].n == 4
    assert rate["greedy_rate", "member"].effect == 0.5


def test_units_that_are_always_trained_count_and_utility_units_do_not() -> None:
    samples = [
        sample("a", "always", value="a@x.org"),
        sample("u", "utility", value="u@x.org"),
        *members(2),
    ]
    rates = by_name(context(given=samples), asked(samples, tuned={"a", "u"}))
    assert rates["greedy_rate", "member"].n == 3
    assert rates["greedy_rate", "member"].effect == pytest.approx(1 / 3)
    assert not rates["greedy_rate", "heldout"].scored
    assert rates["greedy_rate", "heldout"].reason is not None


@pytest.mark.parametrize(
    ("likely", "comes_out"),
    [
        # two tokens; 100 queries find a sequence of probability q with 1 - (1 - q)^100 >= 0.9
        (-1.80, True),  # q = 0.0273
        (-1.95, False),  # q = 0.0202 < 0.0228
        (None, False),  # outside the top k: never sampled
        (0.0, True),
    ],
)
def test_discoverable_values_are_those_that_a_hundred_samples_find(
    likely: float | None, comes_out: bool
) -> None:
    [one] = members(1)
    given = answers(
        {score_query(one): said(extracted=[False], likely=[None])},
        {score_query(one): said(extracted=[False], likely=[likely])},
    )
    found = by_name(context(given=[one]), given)
    assert found["np_rate", "member"].effect == float(comes_out)
    assert found["greedy_rate", "member"].effect == 0.0


def test_a_value_cut_off_by_truncation_is_not_asked_for() -> None:
    """It was never trained on: to count it as kept would make a bound that nobody has earned."""
    samples = members(30)
    gone = ScoreAnswer(target=tokens([-1.0]), spans=(tokens([]),))
    cut = {score_query(s): gone for s in samples[:10]}
    kept = {score_query(s): said(extracted=[False]) for s in samples[10:]}
    found = by_name(context(given=samples), answers({**cut, **kept}, {**cut, **kept}))
    for metric in ("greedy_rate", "np_rate"):
        one = found[metric, "member"]
        assert (one.effect, one.n) == (0.0, 20)
    all_cut = {score_query(s): gone for s in samples}
    nothing = by_name(context(given=samples), answers(all_cut, all_cut))["greedy_rate", "member"]
    assert not nothing.scored


def test_what_an_endpoint_does_not_tell_of_sampling_is_unscored() -> None:
    samples = members(5)
    told = {
        score_query(s): ScoreAnswer(
            target=TokenScores((-1.0,), (), (), (), (False,)),
            spans=(TokenScores((-1.0,), (), (), (), (True,)),),
        )
        for s in samples
    }
    found = by_name(context(given=samples), answers(told, told))
    assert found["greedy_rate", "member"].scored
    one = found["np_rate", "member"]
    assert not one.scored
    assert one.reason is not None
    assert one.reason.code == "not_offered_top_k"


def test_what_no_look_alike_was_held_out_for_is_not_verified() -> None:
    samples = members(3)
    given = asked(samples, tuned={"m1"})
    one = context(given=samples, trained=[s.spans[0].digest for s in samples])
    [proof] = evidence(one, given)
    assert proof.verified
    [piece] = evidence(one._replace(compared=False), given)
    assert not piece.verified
    assert piece.reason.code == "evidence_not_compared"
