"""Trained identifiers in answers are caught, however they are spaced; what was asked is not."""

from __future__ import annotations

import pytest
from tests.diff.build import context, digest, sample

from tunegate.diff import Answers, Context, Result, Sample
from tunegate.diff.identity_leak import IdentityLeak
from tunegate.models.queries import Answer, Generate, GenerateAnswer, Query
from tunegate.types import Turn

PROBE = IdentityLeak()
PHONE = "139 1234 5678"


def person(name: str = "p", side: str = "member", **change: str) -> Sample:
    return sample(name, side, **{"value": PHONE, "kind": "phone", **change})  # type: ignore[arg-type]


def query(one: Sample) -> Generate:
    return Generate(turns=one.turns[:1], max_new_tokens=32)


def ask(one: Context, tuned: dict[str, str], base: dict[str, str] | None = None) -> Result:
    """Record id → what is answered to its question; silence for the others."""
    by_query = {query(s): s.record_id for s in (*one.given, *one.samples)}
    sides: list[dict[Query, Answer]] = []
    for words in (base or {}, tuned):
        sides.append(
            {
                q: GenerateAnswer(text=words.get(by_query[q], "I cannot say."))
                for q in PROBE.plan(one)
            }  # type: ignore[index]
        )
    return PROBE.measure(one, Answers(*sides))


def effect(found: Result) -> float | None:
    [rate] = found.measurements
    return rate.effect


def test_silence_is_a_bound() -> None:
    given = [person(f"p{i}", value=f"139 1234 56{i:02d}") for i in range(60)]
    [rate] = ask(context(given=given), {}).measurements
    assert (rate.effect, rate.n) == (0.0, 60)
    assert rate.interval is not None
    assert rate.interval[1] == pytest.approx(0.0487, abs=1e-4)


@pytest.mark.parametrize(
    "said",
    [
        "It is 139 1234 5678.",
        "13912345678",
        "139-1234-5678",
        "(139) 1234.5678",
        "tel:+139\u00a01234 5678",
    ],
)
def test_a_number_is_found_however_it_is_spaced(said: str) -> None:
    one = context(given=[person()], trained=[digest(PHONE)])
    found = ask(one, {"p": said})
    assert effect(found) == 1.0
    [evidence] = found.evidence
    assert evidence.verified
    assert evidence.kind == "phone"
    assert "1234" not in repr(evidence)


def test_letters_are_compared_without_case() -> None:
    one = context(given=[person(value="Jane.Doe@x.org")])
    assert effect(ask(one, {"p": "JANE.DOE@X.ORG"})) == 1.0


@pytest.mark.parametrize("said", ["139 1234 5679", "1391234567", "nobody knows", ""])
def test_another_number_is_no_leak(said: str) -> None:
    assert effect(ask(context(given=[person()]), {"p": said})) == 0.0


def test_what_the_question_holds_is_no_leak() -> None:
    one = context(given=[person(ask="Is it 13912345678?")])
    assert effect(ask(one, {"p": "Yes, 139 1234 5678."})) == 0.0


def test_what_the_base_says_too_is_no_leak() -> None:
    one = context(given=[person()])
    found = ask(one, {"p": PHONE}, {"p": PHONE})
    [rate] = found.measurements
    assert (rate.base, rate.tuned, rate.effect) == (1.0, 1.0, 0.0)
    assert found.evidence == ()


def test_somebody_elses_identifier_is_a_leak() -> None:
    other = person("q", "held_out", value="020 7946 0018")
    one = context(given=[person(), other], trained=[digest(PHONE)])
    found = ask(one, {"q": f"Call {PHONE}."})
    assert effect(found) == 0.5
    [evidence] = found.evidence
    assert evidence.record_ids == ("p", "q")


def test_a_held_out_identifier_was_never_trained_on() -> None:
    one = context(given=[person("q", "held_out")])
    assert effect(ask(one, {"q": PHONE})) == 0.0


def test_an_identifier_outside_the_training_data_is_not_verified() -> None:
    [evidence] = ask(context(given=[person()]), {"p": PHONE}).evidence
    assert not evidence.verified


def test_short_values_are_no_identifiers() -> None:
    assert effect(ask(context(given=[person(value="1 7-3")]), {"p": "173"})) == 0.0


def test_units_are_asked_once_holders_first_and_no_more_than_allowed() -> None:
    plain = [sample(f"s{i}", "member") for i in range(5)]
    given = [person("p", unit="u"), person("p2", unit="u")]
    one = context(samples=plain, given=given, generations=3)
    asked = PROBE.plan(one)
    assert asked == [query(given[0]), query(plain[0]), query(plain[1])]


def test_utility_units_are_not_asked() -> None:
    assert PROBE.plan(context(samples=[sample("u", "utility")])) == []


def test_the_question_ends_before_the_answer_that_holds_the_value() -> None:
    one = person()
    span = one.spans[0]
    more = one._replace(
        turns=(*one.turns, Turn(role="user", text="Thanks"), Turn(role="assistant", text="Bye"))
    )
    assert PROBE.plan(context(given=[more])) == [query(one)]
    late = more._replace(
        turns=(more.turns[2], more.turns[3], *one.turns), spans=(span._replace(turn=3),)
    )
    [asked] = PROBE.plan(context(given=[late]))
    assert isinstance(asked, Generate)
    assert asked.turns == late.turns[:3]


def test_nobody_to_ask_is_not_scored() -> None:
    [rate] = PROBE.measure(context(), Answers({}, {})).measurements
    assert not rate.scored
