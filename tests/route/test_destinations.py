from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.route.build import finding, record

from tunegate import policy
from tunegate.decisions import Override
from tunegate.policy import RouteRule, When
from tunegate.route import Ownership, not_cleanable, route
from tunegate.types import DESTINATIONS, HAZARDS, SEVERITIES, Finding, Record, Route

POLICIES = {name: policy.load(name) for name in policy.SHIPPED}
INTERNAL = POLICIES["internal"]
OWNED = Ownership(owner="Support", labels=("staff",))
LONG = "Please write to ann@example.org about the parcel, and thank you for your patience."


def _one(given_: Record, *findings: Finding, owned: bool = True, name: str = "internal") -> Route:
    (only,) = route([given_], findings, POLICIES[name], ownership=OWNED if owned else None)
    return only


def _codes(given_: Route) -> list[str]:
    return [reason.code for reason in given_.reasons]


def test_an_ordinary_record_may_be_fine_tuned() -> None:
    assert _one(record()) == Route(
        record_id="a-0", destination="finetune", reasons=_one(record()).reasons
    )
    assert _codes(_one(record())) == ["route.ordinary"]


def test_a_secret_is_dropped_before_anything_else() -> None:
    of = record("a-0", "key sk-123 of ann@example.org", "Noted.")
    secret = finding(of, "sk-123", hazard="secret", kind="api_key")
    got = _one(of, finding(of, "ann@example.org"), secret)
    assert got.destination == "drop"
    assert _codes(got) == ["route.secret", "route.identity"]
    assert got.reasons[0].params == {"rule": "secrets", "kind": "api_key", "count": 1}
    assert got.finding_digests == ("digest of ann@example.org", "digest of sk-123")


def test_identity_in_a_useful_record_is_scrubbed() -> None:
    of = record("a-0", LONG, "Thank you, we will.")
    assert _one(of, finding(of, "ann@example.org")).destination == "scrub"


def test_only_copies_beyond_the_first_are_dropped() -> None:
    got = list(route([record("a-0"), record("a-1"), record("a-2"), record("b")], [], INTERNAL))
    assert [one.destination for one in got] == ["finetune", "drop", "drop", "finetune"]
    assert _codes(got[1]) == ["route.exact_copy"]


@pytest.mark.parametrize(("owned", "destination"), [(True, "rag"), (False, "human")])
def test_the_kinds_of_data_that_belong_in_retrieval(owned: bool, destination: str) -> None:
    talk = record("a-0", LONG, "Yes?", "Any news?", "Soon.")
    returned = record("b-0", "order?", '{"state": "held", "risk": 7}')
    many = record("c-0", "ann@example.org 13800138000 Main St 1 " + "x" * 200, "ok")
    mostly = record("d-0", "ann@example.org", "ok")
    cases = {
        "route.raw_conversation": (talk, [finding(talk, "ann@example.org")]),
        "route.internal_return": (
            returned,
            [finding(returned, '{"state"', hazard="internal_return", kind="json_payload")],
        ),
        "route.strong_identity": (
            many,
            [
                finding(many, "ann@example.org"),
                finding(many, "13800138000", kind="mobile_number"),
                finding(many, "Main St 1", kind="address"),
            ],
        ),
        "route.raw_dialogue": (
            talk,
            [finding(talk, LONG, hazard="raw_dialogue", kind="dialogue")],
        ),
    }
    for code, (of, findings) in cases.items():
        got = _one(of, *findings, owned=owned)
        assert (got.destination, got.reasons[0].code) == (destination, code)
        assert ("route.rag_without_owner" in _codes(got)) == (not owned)
    assert _one(mostly, finding(mostly, "ann@example.org"), owned=owned).destination == destination


def test_an_exception_goes_to_a_person_and_a_repeated_one_to_the_rules() -> None:
    of = [record(f"{name}-0", "please", "Just this once.") for name in "abc"]
    one = finding(of[0], "Just this once.", hazard="special_case", kind="exception")
    assert _one(of[0], one).destination == "human"
    three = [finding(r, "Just this once.", hazard="special_case", kind="exception") for r in of]
    assert {r.destination for r in route(of, three, INTERNAL)} == {"rules"}
    told = finding(
        of[0], "please", hazard="duplication", kind="near_duplicate", params={"multiplicity": 3}
    )
    assert _one(of[0], one, told).destination == "rules"


@pytest.mark.parametrize(
    "labels_and_owner", [{"owner": " ", "labels": ("x",)}, {"owner": "A", "labels": (" ",)}]
)
def test_owner_and_label_are_both_needed(labels_and_owner: dict[str, str]) -> None:
    of = record("d-0", "ann@example.org", "ok")
    half = Ownership(**labels_and_owner)  # type: ignore[arg-type]
    (got,) = route([of], [finding(of, "ann@example.org")], INTERNAL, ownership=half)
    assert got.destination == "human"


@pytest.mark.parametrize("destination", DESTINATIONS)
def test_a_person_wins_over_the_policy(destination: str) -> None:
    of = record("a-1", "key sk-123", "Noted.")
    secret = finding(of, "sk-123", hazard="secret", kind="api_key")
    word = Override(destination=destination, who="Li Na", why="test key")  # type: ignore[arg-type]
    (got,) = route([of], [secret], INTERNAL, overrides={"a-1": word}, ownership=OWNED)
    assert got.destination == destination
    assert got.reasons[0].params == {"who": "Li Na", "why": "test key"}
    assert "route.secret" in _codes(got)


def test_nobody_puts_a_record_into_retrieval_without_an_owner() -> None:
    word = Override(destination="rag", who="Li Na")
    (got,) = route([record()], [], INTERNAL, overrides={"a-0": word})
    assert (got.destination, _codes(got)[-1]) == ("human", "route.rag_without_owner")


@pytest.mark.parametrize(
    ("when", "fits"),
    [
        (When(hazard="identity"), True),
        (When(hazard="secret"), False),
        (When(kinds=("email", "phone")), True),
        (When(kinds=("phone",)), False),
        (When(severity="high"), True),
        (When(severity="critical"), False),
        (When(confidence=0.9), True),
        (When(confidence=0.91), False),
        (When(side="prompt"), True),
        (When(side="target"), False),
        (When(min_multiplicity=2), True),
        (When(min_multiplicity=3), False),
        (When(min_kinds=2), False),
        (When(min_share=0.5), True),
        (When(min_share=0.6), False),
        (When(min_replies=1), True),
        (When(min_replies=2), False),
        (When(hazard="identity", side="target"), False),
        (When(exact_copy=True), False),
    ],
)
def test_conditions(when: When, fits: bool) -> None:
    of, other = record("a-0", "ann@example.org", "a" * 15), record("b-0", "ann@example.org", "no")
    only = msgspec.structs.replace(INTERNAL, route=(RouteRule(name="only", when=when, to="human"),))
    findings = [finding(of, "ann@example.org"), finding(other, "ann@example.org")]
    (got,) = route([of], findings, only)
    assert got.destination == ("human" if fits else "finetune")


_found = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(HAZARDS),
        st.sampled_from(["email", "api_key", "other"]),
        st.sampled_from(SEVERITIES),
        st.floats(0, 1),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(_found, st.sampled_from(policy.SHIPPED), st.booleans())
def test_every_record_gets_one_destination_with_reasons(
    found: list[tuple[int, str, str, str, float]], name: str, owned: bool
) -> None:
    records = [record(f"{i}-0", LONG, "ok", "more", "fine") for i in range(4)]
    findings = [
        finding(records[i], "ann@example.org", hazard=h, kind=k, severity=s, confidence=c)  # type: ignore[arg-type]
        for i, h, k, s, c in found
    ]
    own = OWNED if owned else None
    got = list(route(records, findings, POLICIES[name], ownership=own))
    assert [one.record_id for one in got] == [one.id for one in records]
    for one in got:
        assert one.destination in DESTINATIONS
        assert one.reasons
        assert owned or one.destination != "rag"
        mine = {f.hazard for f in findings if f.record_id == one.record_id}
        if "secret" in mine:
            assert one.destination == "drop"
        if mine & {"identity", "raw_dialogue", "special_case"}:
            assert one.destination != "finetune"
    assert got == list(route(records, reversed(findings), POLICIES[name], ownership=own))


def test_what_stays_dirty_goes_to_a_person() -> None:
    of = record("a-0", LONG, "ok")
    got = not_cleanable(_one(of, finding(of, "ann@example.org")))
    assert got.destination == "human"
    assert _codes(got) == ["route.not_cleanable", "route.identity"]
