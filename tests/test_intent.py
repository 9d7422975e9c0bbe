from __future__ import annotations

from tunegate.intent import Intent, answers, missing

FULL = Intent(
    need="answers in our tone",
    audiences=("customers",),
    settings=("chat",),
    unacceptable=("names", " "),
    tried="rules",
)


def test_nothing_is_missing_when_all_is_answered() -> None:
    assert missing(FULL) == ()
    assert answers(FULL, "unacceptable") == ("names",)


def test_blanks_and_question_marks_are_no_answers() -> None:
    assert missing(Intent()) == ("need", "audiences", "settings", "unacceptable", "tried")
    assert missing(Intent(need=" ? ", audiences=("？", ""), tried="no")) == (
        "need",
        "audiences",
        "settings",
        "unacceptable",
    )
