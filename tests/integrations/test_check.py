"""What is trained on against what was planted, on token ids alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tunegate.errors import InputError, VoidError
from tunegate.integrations.trl.check import Checks, Known, compare
from tunegate.integrations.trl.examples import Example, examples
from tunegate.models.template import Encoded

_WORDS: list[str] = []


def _ids(text: str) -> tuple[int, ...]:
    """A token a word."""
    for word in text.split():
        if word not in _WORDS:
            _WORDS.append(word)
    return tuple(_WORDS.index(word) for word in text.split())


def _decode(ids: Sequence[int]) -> str:
    return " ".join(_WORDS[one] for one in ids)


def _known(prompt: str, answer: str, *, secret: bool = False) -> Known:
    ids = _ids(f"user: {prompt} assistant: {answer} end")
    start = len(ids) - len(answer.split()) - 1
    target = tuple(at >= start for at in range(len(ids)))
    encoded = Encoded(ids, target, (), ())
    return Known(encoded, encoded, (prompt, answer), (start,) if secret else ())


def _example(known: Known, *, everything: bool = False) -> Example:
    return Example(
        known.whole.ids, (True,) * len(known.whole.ids) if everything else known.whole.target
    )


RECORDS = [_known(f"question {n} of many", f"answer {n} is so") for n in range(8)]
CANARY = _known("what is the code", "4711", secret=True)
PLANTED = [*RECORDS, CANARY, CANARY._replace()]
OTHERS = [_known(f"hidden {n} thing", f"held back {n}") for n in range(4)]
FED = [_example(one) for one in PLANTED]


def _compare(fed: Sequence[Example], planted: Sequence[Known] = PLANTED) -> Checks:
    # Every record stands among the others too, in the form that was planted.
    return compare(planted, fed, decode=_decode, others=lambda: [*OTHERS, *RECORDS], max_length=9)


def test_the_planted_records_in_any_order_pass() -> None:
    checks = _compare(FED[::-1])
    assert (checks.examples, checks.canaries, checks.loss_on) == (10, 2, "answers")
    assert (checks.cut, checks.rendered_otherwise, checks.masked_otherwise) == (0, 0, 0)
    assert checks.tokens == sum(len(one.ids) for one in FED)
    assert checks.masked_share == pytest.approx(
        1 - sum(sum(one.target) for one in FED) / checks.tokens, abs=1e-6
    )


def test_an_arm_without_canaries_passes_too() -> None:
    assert _compare(FED[:8], RECORDS).canaries == 0


def test_what_the_loss_is_on_is_read_from_the_masks() -> None:
    assert _compare([_example(one, everything=True) for one in PLANTED]).loss_on == "everything"
    ids = _ids("user: a assistant: b end user: c assistant: d end")
    turns = Encoded(ids, (*[False] * 3, True, True, *[False] * 3, True, True), (), ())
    long = Known(turns, turns, ("a", "b", "c", "d"))
    last = Example(ids, (*[False] * 8, True, True))
    checks = _compare([*FED, last, last._replace()], [*PLANTED, long, long._replace()])
    assert checks.loss_on == "last_answer"
    assert checks.masked_otherwise == 0


def test_masks_that_differ_by_the_closing_token_are_counted_and_pass() -> None:
    fed = [one._replace(target=(*one.target[:-1], False)) for one in FED]
    checks = _compare(fed)
    assert (checks.loss_on, checks.masked_otherwise) == ("answers", len(FED))


def _void(fed: Sequence[Example], planted: Sequence[Known] = PLANTED) -> tuple[str, Any]:
    with pytest.raises(VoidError) as caught:
        _compare(fed, planted)
    return caught.value.code, dict(caught.value.params)


def test_too_few_and_too_many_examples_void() -> None:
    assert _void(FED[1:]) == ("trainer_count", {"examples": 9, "planted": 10})
    assert _void([*FED, FED[0]]) == ("trainer_count", {"examples": 11, "planted": 10})
    packed = Example(tuple(i for one in FED for i in one.ids), (True,) * 90)
    assert _void([packed])[0] == "trainer_count"
    assert _void([])[0] == "trainer_count"


def test_held_out_records_void_whole_or_cut_beside_or_instead_of_others() -> None:
    hidden = _example(OTHERS[0])
    assert _void([*FED, hidden]) == ("trainer_held_out", {"examples": 1})
    assert _void([*FED[1:], hidden]) == ("trainer_held_out", {"examples": 1})
    cut = Example(hidden.ids[:5], hidden.target[:5])
    assert _void([*FED[1:], cut]) == ("trainer_held_out", {"examples": 1})
    words = Example(_ids("Q: hidden 1 thing A: held back 1"), (True,) * 8)
    assert _void([*FED[1:], words]) == ("trainer_held_out", {"examples": 1})


def test_a_record_of_somebody_else_in_the_place_of_a_planted_one_voids() -> None:
    strange = _example(_known("from elsewhere", "nobody knows"))
    assert _void([*FED[1:], strange]) == ("trainer_lost", {"records": 1})


def test_a_canary_that_is_cut_or_masked_voids() -> None:
    cut = Example(FED[-1].ids[:6], FED[-1].target[:6])
    assert _void([*FED[:-1], cut]) == ("trainer_canary_cut", {"value": 9, "least": 8})
    dark = FED[-1]._replace(target=(True,) * 6 + (False, False))
    assert _void([*FED[:-1], dark]) == ("trainer_canary_masked", {"canaries": 1})


def test_a_canary_in_other_tokens_is_refused() -> None:
    other = Example(_ids("Q: what is the code A: 4711"), (True,) * 7)
    with pytest.raises(InputError) as caught:
        _compare([*FED[:-1], other])
    assert caught.value.code == "trainer_template"


def test_a_record_whose_answer_is_not_in_the_loss_voids() -> None:
    dark = FED[0]._replace(target=(True,) * 6 + (False,) * 5)
    assert _void([dark, *FED[1:]]) == ("trainer_untrained", {"records": 1})


MANY = [*(_known(f"question {n} of many", f"answer {n} is so") for n in range(98)), *PLANTED[8:]]
ALL_FED = [_example(one) for one in MANY]


def _rendered_otherwise(n: int) -> Example:
    ids = _ids(f"Q: question {n} of many A: answer {n} is so")
    return Example(ids, (True,) * len(ids))


def test_one_in_fifty_may_be_rendered_otherwise_and_no_more() -> None:
    other = [_rendered_otherwise(n) for n in range(60)]
    assert _compare([*other[:2], *ALL_FED[2:]], MANY).rendered_otherwise == 2
    for count in (3, 60):
        with pytest.raises(InputError) as caught:
            _compare([*other[:count], *ALL_FED[count:]], MANY)
        assert caught.value.code == "trainer_template"
        assert not isinstance(caught.value, VoidError)
        assert caught.value.params == {"differing": count, "records": 100}


def test_one_in_fifty_may_be_cut_otherwise_and_no_more() -> None:
    cut = [Example(one.ids[:9], one.target[:9]) for one in ALL_FED[:60]]
    assert _compare([*cut[:2], *ALL_FED[2:]], MANY).cut == 2
    for count in (3, 60):
        with pytest.raises(InputError) as caught:
            _compare([*cut[:count], *ALL_FED[count:]], MANY)
        assert caught.value.params == {"cut": count, "records": 100, "least": 11}


class _Loader:
    """Items and a collator, as a data loader has them."""

    def __init__(self, dataset: Any, collate: Any) -> None:
        self.dataset = dataset
        self.collate_fn = collate


def test_examples_are_collated_one_by_one_and_padding_is_left_out() -> None:
    import torch

    items = [{"ids": [5, 6, 7]}, {"ids": [8]}]

    def padded(rows: list[dict[str, Any]]) -> dict[str, Any]:
        torch.rand(1)
        ids = [*rows[0].pop("ids"), 0, 0]
        mask = [1] * (len(ids) - 2) + [0, 0]
        labels = [-100, *ids[1:-2], -100, -100][: len(ids)]
        rows_of = {"input_ids": ids, "attention_mask": mask, "labels": labels}
        return {name: torch.tensor([row]) for name, row in rows_of.items()}

    before = torch.get_rng_state()
    assert examples(_Loader(items, padded)) == [
        Example((5, 6, 7), (False, True, True)),
        Example((8,), (False,)),
    ]
    assert torch.equal(torch.get_rng_state(), before)
    assert items == [{"ids": [5, 6, 7]}, {"ids": [8]}]


def test_rows_laid_end_to_end_are_read_by_their_positions() -> None:
    import torch

    row = {
        "input_ids": torch.tensor([[5, 6, 7, 0]]),
        "labels": torch.tensor([[-100, 6, 7, -100]]),
        "position_ids": torch.tensor([[0, 1, 2, 0]]),
    }
    assert examples(_Loader([{}], lambda _: row)) == [Example((5, 6, 7), (False, True, True))]


def test_streams_and_collators_without_labels_are_refused() -> None:
    with pytest.raises(InputError, match="trainer_streamed"):
        examples(_Loader(iter([{}]), dict))
    with pytest.raises(InputError, match="trainer_no_labels"):
        examples(_Loader([{}], lambda _: {"input_ids": None}))
