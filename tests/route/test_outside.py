from __future__ import annotations

import msgspec
import pytest
import yaml
from tests.route.build import finding, record

from tunegate.errors import InputError
from tunegate.policy import load
from tunegate.route import (
    Ownership,
    document,
    queue_entry,
    route,
    rule_draft,
    rules_yaml,
)
from tunegate.types import Reason, Route

OWNED = Ownership(owner="Support", labels=("staff",), retention="P1Y")
HUMAN = Route(record_id="a-0", destination="human", reasons=(Reason(code="route.special_case"),))


def test_a_document_carries_who_may_read_it_and_whether_it_is_raw() -> None:
    of = record("a-0", "I am ann@example.org", "Welcome.")
    clean, raw = (document(of, found, ownership=OWNED) for found in ([], [finding(of, "ann")]))
    assert (clean.text, clean.owner, clean.labels, clean.retention) == (
        "I am ann@example.org\n\nWelcome.",
        "Support",
        ("staff",),
        "P1Y",
    )
    assert (clean.sensitive, raw.sensitive) == (False, True)
    repeated = finding(of, "I am", hazard="duplication", kind="near_duplicate")
    assert not document(of, [repeated], ownership=OWNED).sensitive


def test_no_document_without_an_owner() -> None:
    with pytest.raises(InputError) as caught:
        document(record(), [], ownership=Ownership(owner="", labels=("staff",)))
    assert caught.value.code == "rag_needs_owner"


def test_draft_rules_keep_raw_text_in_the_vault() -> None:
    of = record("a-0", "My parcel, ann@example.org", "Just this once: free.")
    plain = rule_draft(record("b-0"), HUMAN, [])
    special = finding(of, "Just this once", hazard="special_case", kind="exception")
    drafts = [rule_draft(of, HUMAN, [special]), plain]
    outside, inside = (
        yaml.safe_load(rules_yaml(drafts, vault=vault))["rules"] for vault in (False, True)
    )
    assert (outside[0]["when"], outside[0]["then"]) == (None, None)
    assert outside[1]["then"] == "Use the form within 30 days."
    assert inside[0]["when"] == "My parcel, ann@example.org"
    assert inside[0]["then"] == "Just this once: free."
    assert outside[0]["reasons"] == [{"code": "route.special_case"}]


def test_the_human_queue_is_masked() -> None:
    of = record("a-0", "I am ann@example.org 秘密", "Welcome, Ann.")
    found = [finding(of, "ann@example.org", digest="d1")]
    (given,) = route([of], found, load("internal"))
    entry = queue_entry(of, given, found)
    written = msgspec.json.encode(entry).decode()
    assert not any(word in written for word in ("ann@", "Welcome", "秘密"))
    assert entry.findings[0].preview == "a@a.a"
    assert entry.characters == 36
