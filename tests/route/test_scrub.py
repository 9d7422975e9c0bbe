from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.route.build import finding, record

from tunegate.keys import Key
from tunegate.route import edits, scrub
from tunegate.route.spans import covered

KEY = Key(b"0123456789abcdef")
ANN = "ann@example.org"


def fake(kind: str, value: str, rng: Random) -> str:
    """A surrogate that shows its kind and draws, and nothing of the value."""
    assert value
    return f"<{kind}:{rng.randrange(10**9)}>"


def test_only_identity_changes_and_all_else_stays() -> None:
    of = record("a-0", f"  Héllo\t{ANN}\r\n请回邮件{ANN}谢谢\u200b", "Key sk-123456 works. ")
    found = [
        finding(of, ANN),
        finding(of, ANN, occurrence=1),
        finding(of, "sk-123456", hazard="secret", kind="api_key"),
    ]
    changed = edits(of, found, key=KEY, surrogate=fake)
    assert list(changed) == ["/messages/0/content"]
    new = changed["/messages/0/content"]
    word = fake("email", ANN, KEY.rng("surrogate", "email", f"digest of {ANN}"))
    assert new == f"  Héllo\t{word}\r\n请回邮件{word}谢谢\u200b"


def test_one_value_has_one_surrogate_in_the_whole_dataset() -> None:
    one, two = (
        record("a-0", f"I am {ANN}", "ok"),
        record("b-0", "Who?", f"{ANN} and bo@example.org"),
    )
    first = edits(one, [finding(one, ANN)], key=KEY, surrogate=fake)["/messages/0/content"]
    found = [finding(two, ANN), finding(two, "bo@example.org")]
    second = edits(two, found, key=KEY, surrogate=fake)["/messages/1/content"]
    word = first.removeprefix("I am ")
    assert second.startswith(f"{word} and <email:")
    assert second != f"{word} and {word}"
    other_key = edits(one, [finding(one, ANN)], key=Key(b"f" * 16), surrogate=fake)
    assert other_key["/messages/0/content"] != first


def test_a_mention_that_the_detector_missed_is_replaced_too() -> None:
    of = record(
        "a-0", "passport no. E12345678", "E12345678 is noted; XE12345678 and E123456789 no."
    )
    new = edits(of, [finding(of, "E12345678", kind="passport")], key=KEY, surrogate=fake)
    word = new["/messages/0/content"].removeprefix("passport no. ")
    assert new["/messages/1/content"] == f"{word} is noted; XE12345678 and E123456789 no."


def test_short_values_are_replaced_only_where_they_were_found() -> None:
    of = record("a-0", "Ann asks", "Ann, Annual plans")
    new = edits(of, [finding(of, "Ann", kind="person_name")], key=KEY, surrogate=fake)
    assert list(new) == ["/messages/0/content"]


def test_the_longest_of_overlapping_findings_speaks_for_all() -> None:
    of = record("a-0", "at 5 Elm Road, tel 5551234567 please", "ok")
    whole = finding(of, "5 Elm Road, tel 5551", kind="address")
    number = finding(of, "5551234567", kind="phone")
    ((_, spans),) = covered([number, whole])
    assert [(span.start, span.end, span.finding.kind) for span in spans] == [(3, 29, "address")]
    new = edits(of, [number, whole], key=KEY, surrogate=fake)["/messages/0/content"]
    assert new.startswith("at <address:")
    assert new.endswith("> please")


_spans = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12)), max_size=6)


@settings(deadline=None)
@given(_spans)
def test_text_outside_all_findings_is_kept_in_order(spans: list[tuple[int, int]]) -> None:
    text = "".join(chr(0x4E00 + i) for i in range(40))
    of = record("a-0", text, "ok")
    found = [
        finding(of, text[start : start + length], kind=f"k{length}") for start, length in spans
    ]
    hit = {i for start, length in spans for i in range(start, min(start + length, 40))}
    new = edits(of, found, key=KEY, surrogate=lambda *_: "#").get("/messages/0/content", text)
    assert new.replace("#", "") == "".join(c for i, c in enumerate(text) if i not in hit)
    assert edits(of, found[::-1], key=KEY, surrogate=fake) == edits(
        of, found, key=KEY, surrogate=fake
    )


def test_scrub_edits_the_raw_object_and_nothing_else_in_it() -> None:
    of = record("a-0", f"I am {ANN}", "Welcome.")
    of.raw["score"] = 1.50
    new = scrub(of, [finding(of, ANN)], key=KEY, surrogate=fake)
    assert ANN not in str(new.raw)
    assert new.raw["messages"][1] == {"role": "assistant", "content": "Welcome."}
    assert new.raw["score"] == 1.50
    assert new.id != of.id
    assert of.raw["messages"][0]["content"] == f"I am {ANN}"
    assert scrub(of, [], key=KEY, surrogate=fake) is of
