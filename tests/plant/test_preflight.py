"""Every setting that would void an audit is refused before anything is trained."""

from __future__ import annotations

import random
from typing import Any

import pytest
from msgspec import structs
from tests.models.tiny import chat

from tunegate.canary import Canary, make
from tunegate.errors import VoidError
from tunegate.models.loading import Base
from tunegate.models.template import encode
from tunegate.plant import check_canaries, check_recipe, check_records
from tunegate.types import Recipe, Record, Role, Segment, Source

RECIPE = Recipe(template="chatml")


def canaries(**change: Any) -> list[Canary]:
    made = make([4, 1], twins=1, candidates=8, language="en", rng=random.Random(1))
    return [structs.replace(canary, **change) for canary in made]


def record(name: str, *texts: str) -> Record:
    roles: tuple[Role, ...] = ("user", "assistant")
    segments = tuple(
        Segment(pointer=f"/{i}", role=roles[i % 2], text=text) for i, text in enumerate(texts)
    )
    return Record(id=name, source=Source(path="x"), raw=None, segments=segments)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"packing": True}, "preflight_packing"),
        ({"val_size": 0.1}, "preflight_val_size"),
        ({"max_samples": 99}, "preflight_max_samples"),
    ],
)
def test_a_recipe_that_leaves_planted_records_out(change: dict[str, Any], code: str) -> None:
    with pytest.raises(VoidError) as caught:
        check_recipe(structs.replace(RECIPE, **change), records=100)
    assert caught.value.code == code


def test_a_recipe_that_takes_them_all() -> None:
    check_recipe(structs.replace(RECIPE, max_samples=100), records=100)
    check_recipe(RECIPE, records=10**6)


def test_the_longest_canary_is_counted(base: Base) -> None:
    made = canaries()
    lengths = [len(encode(base.tokenizer, c.turns(), template="chatml").ids) for c in made]
    assert check_canaries(base.tokenizer, made, RECIPE) == max(lengths)


def test_a_cutoff_through_the_secret_is_refused_to_the_token(base: Base) -> None:
    [canary] = canaries()[:1]
    whole = encode(base.tokenizer, canary.turns(), template="chatml")
    secret = len(whole.tokens_of(1, 0, len(canary.turns()[1].text)))
    least = next(size for size in range(len(whole.ids)) if kept(base, canary, size) == secret)
    check_canaries(base.tokenizer, [canary], structs.replace(RECIPE, cutoff_len=least))
    with pytest.raises(VoidError) as caught:
        check_canaries(base.tokenizer, [canary], structs.replace(RECIPE, cutoff_len=least - 1))
    assert caught.value.code == "preflight_cutoff"
    assert caught.value.params == {"value": least - 1, "least": len(whole.ids)}
    assert canary.candidates[canary.secret] not in str(caught.value)


def kept(base: Base, canary: Canary, cutoff: int) -> int:
    """Tokens of the secret that are left."""
    seen = encode(base.tokenizer, canary.turns(), template="chatml", cutoff_len=cutoff)
    ends = range(1, len(canary.turns()[1].text) + 1)
    return max(len(seen.tokens_of(1, 0, end)) for end in ends)


def test_a_template_that_masks_the_secret_is_refused(
    base: Base, monkeypatch: pytest.MonkeyPatch
) -> None:
    def masked(*args: Any, **options: Any) -> Any:
        one = encode(*args, **options)
        return one._replace(target=(False,) * len(one.ids))

    monkeypatch.setattr("tunegate.plant.preflight.encode", masked)
    with pytest.raises(VoidError) as caught:
        check_canaries(base.tokenizer, canaries(), RECIPE)
    assert caught.value.code == "preflight_masked"


def test_records_are_counted_after_truncation(base: Base) -> None:
    rows = [
        record("short", "Hi", "Hello"),
        record("long", "Hi", "Hello there. " * 40),
        record("asks", "Where is it? " * 40, "There."),
        record("mute", "Hi"),
    ]
    lengths, notes = check_records(base.tokenizer, rows, structs.replace(RECIPE, cutoff_len=40))
    whole = encode(base.tokenizer, chat("Hi", "Hello"), template="chatml")
    assert lengths == {"short": len(whole.ids), "long": 40, "asks": 40}
    assert {note.code: dict(note.params) for note in notes} == {
        "preflight_cut": {"records": 2, "cutoff": 40},
        "preflight_no_target": {"records": 1},
    }


def test_nothing_is_noted_where_nothing_is_lost(base: Base) -> None:
    lengths, notes = check_records(base.tokenizer, [record("short", "Hi", "Hello")], RECIPE)
    assert list(lengths) == ["short"]
    assert notes == ()
