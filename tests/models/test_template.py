"""Targets and spans are traced to the right tokens, whatever the text and the template."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.models.tiny import chat

from tunegate.errors import InputError
from tunegate.models.loading import Base
from tunegate.models.template import (
    CHATML,
    Encoded,
    encode,
    encode_record,
    prompt_text,
    segment_turns,
)
from tunegate.types import Recipe, Record, Role, Segment, Source, Turn

ASK = "What is it?"
STRIPS = CHATML.replace("message['content']", "(message['content'] | trim)")
GREETS = "{{ '<|im_start|>system\\nA user may ask me for help<|im_end|>\\n' }}" + CHATML
TEXT = st.text(
    st.one_of(
        st.sampled_from("退货单号汉字😀👩\u200d👧é\u0301 \n139user"),
        st.characters(exclude_categories=("Cs",), exclude_characters="<"),
    ),
    min_size=1,
    max_size=24,
)
ROLES = ("system", "user", "assistant", "function_call", "observation", "tools", "chosen")
TURNS = st.lists(
    st.builds(Turn, role=st.sampled_from(ROLES), text=TEXT), min_size=1, max_size=6
).map(tuple)


def own(base: Base, template: str) -> Any:
    """The tokenizer with another chat template."""
    tokenizer = copy.deepcopy(base.tokenizer)
    tokenizer.chat_template = template
    return tokenizer


def words(base: Base, encoded: Encoded, tokens: Sequence[int]) -> str:
    """The text of some of the tokens."""
    ids = [encoded.ids[i] for i in tokens]
    return str(base.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def targets(base: Base, encoded: Encoded) -> str:
    return words(base, encoded, [i for i, on in enumerate(encoded.target) if on])


def test_answers_with_their_end_marks_are_the_targets(base: Base) -> None:
    turns = chat("Hi", "Hello!", "More?", "Sure.")
    encoded = encode(base.tokenizer, turns, template="chatml")
    assert targets(base, encoded) == "Hello!<|im_end|>\nSure.<|im_end|>\n"
    assert len(encoded.ids) == len(encoded.target) == len(encoded.offsets)


def test_mask_history_leaves_the_last_answer(base: Base) -> None:
    turns = chat("Hi", "Hello!", "More?", "Sure.")
    encoded = encode(base.tokenizer, turns, template="chatml", mask_history=True)
    assert targets(base, encoded) == "Sure.<|im_end|>\n"


def test_train_on_prompt_takes_everything(base: Base) -> None:
    encoded = encode(base.tokenizer, chat(ASK, "Tea."), template="chatml", train_on_prompt=True)
    assert all(encoded.target)


@pytest.mark.parametrize(
    ("sizes", "cutoff", "kept"),
    [
        ([(40, 30)], 70, [(40, 30)]),
        ([(40, 35)], 65, [(35, 30)]),  # both are long: in proportion, 65 · 35/75 rounded down
        ([(60, 30)], 65, [(35, 30)]),  # the answer is short: the prompt gives
        ([(30, 60)], 65, [(30, 35)]),  # the prompt is short: the answer gives
        ([(40, 30)], 1, [(1, 0)]),
        ([(40, 30), (40, 30)], 100, [(40, 30), (18, 12)]),
        ([(40, 30), (40, 30)], 70, [(40, 30), (0, 0)]),
    ],
)
@pytest.mark.parametrize("last_first", [False, True])
def test_a_cutoff_shortens_prompts_and_answers(
    base: Base,
    sizes: list[tuple[int, int]],
    cutoff: int,
    kept: list[tuple[int, int]],
    last_first: bool,
) -> None:
    """Worked by hand; `make llamafactory` holds the same against LLaMA-Factory itself."""
    around = (len(ids(base, "<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n")),)
    around += (len(ids(base, "<|im_end|>\n")),)
    texts = [
        digit * (size - frame)  # a digit is a token
        for pair in sizes
        for digit, size, frame in zip("78", pair, around, strict=True)
    ]
    turns = chat(*texts)
    whole = encode(base.tokenizer, turns, template="chatml")
    cut = encode(
        base.tokenizer, turns, template="chatml", cutoff_len=cutoff, mask_history=last_first
    )
    expected: list[int] = []
    start = 0
    for pair, shares in zip(sizes, kept[::-1] if last_first else kept, strict=True):
        for size, share in zip(pair, shares, strict=True):
            expected += whole.ids[start : start + share]
            start += size
    assert cut.ids == tuple(expected)


def ids(base: Base, text: str) -> list[int]:
    """Token ids of a text."""
    found: list[int] = base.tokenizer(text, add_special_tokens=False)["input_ids"]
    return found


def test_a_template_may_come_as_jinja(base: Base) -> None:
    human = (
        "{% for m in messages %}"
        "{% if m.role == 'user' %}{{ 'Human: ' + m.content + '\nAssistant:' }}"
        "{% else %}{{ m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    )
    encoded = encode(base.tokenizer, chat("Hi", "Hello!", "More?", "No."), template=human)
    assert words(base, encoded, range(len(encoded.ids))) == (
        "Human: Hi\nAssistant:Hello!<|im_end|>\nHuman: More?\nAssistant:No.<|im_end|>\n"
    )
    assert targets(base, encoded) == "Hello!<|im_end|>\nNo.<|im_end|>\n"


def test_half_a_span_is_none(base: Base) -> None:
    turns = chat("Hi", "12345678" * 3)
    whole = encode(base.tokenizer, turns, template="chatml")
    assert words(base, whole, whole.tokens_of(1, 16, 24)) == "12345678"
    # The end mark, its newline and the last digit go.
    cut = encode(base.tokenizer, turns, template="chatml", cutoff_len=len(whole.ids) - 3)
    assert cut.ids == whole.ids[:-3]
    assert cut.tokens_of(1, 16, 24) == ()
    assert words(base, cut, cut.tokens_of(1, 16, 23)) == "1234567"


def test_the_rendered_text_is_chatml_to_the_letter(base: Base) -> None:
    encoded = encode(base.tokenizer, chat("Hi", "Hello!"), template="chatml")
    assert words(base, encoded, range(len(encoded.ids))) == (
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n"
    )
    assert prompt_text(base.tokenizer, chat("Hi"), template="chatml", prefix="Hel") == (
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHel"
    )


def test_roles_are_folded_and_neighbours_joined(base: Base) -> None:
    turns = (
        Turn(role="system", text="Be brief."),
        Turn(role="tools", text="[find]"),
        Turn(role="user", text="Where?"),
        Turn(role="function_call", text="find()"),
        Turn(role="observation", text="Shelf 7"),
        Turn(role="user", text="So?"),
        Turn(role="chosen", text="Shelf 7."),
    )
    encoded = encode(base.tokenizer, turns, template="chatml")
    assert words(base, encoded, range(len(encoded.ids))) == (
        "<|im_start|>system\nBe brief.\n[find]<|im_end|>\n"
        "<|im_start|>user\nWhere?<|im_end|>\n"
        "<|im_start|>assistant\nfind()<|im_end|>\n"
        "<|im_start|>user\nShelf 7\nSo?<|im_end|>\n"
        "<|im_start|>assistant\nShelf 7.<|im_end|>\n"
    )
    assert targets(base, encoded) == "find()<|im_end|>\nShelf 7.<|im_end|>\n"
    for number, turn in enumerate(turns):
        assert words(base, encoded, encoded.tokens_of(number, 0, len(turn.text))) == turn.text


@pytest.mark.parametrize("text", ["user", "u", "im", "<", "\n", "help", "A user may"])
@pytest.mark.parametrize("template", [CHATML, GREETS])
def test_a_turn_that_reads_like_the_template_is_found_behind_it(
    base: Base, template: str, text: str
) -> None:
    encoded = encode(own(base, template), chat(text, text), template="default")
    (user, assistant), rendered = encoded.turns, words(base, encoded, range(len(encoded.ids)))
    asked = rendered.index("<|im_start|>user\n") + len("<|im_start|>user\n")
    assert user == (asked, asked + len(text))
    answered = rendered.index("<|im_start|>assistant\n") + len("<|im_start|>assistant\n")
    assert assistant == (answered, answered + len(text))


@settings(max_examples=60, deadline=None)
@given(turns=TURNS, data=st.data())
@pytest.mark.parametrize("template", ["chatml", STRIPS, GREETS])
def test_the_tokens_of_a_span_hold_the_span(
    base: Base, template: str, turns: tuple[Turn, ...], data: st.DataObject
) -> None:
    tokenizer = base.tokenizer if template == "chatml" else own(base, template)
    encoded = encode(tokenizer, turns, template="chatml" if template == "chatml" else "default")
    number = data.draw(st.integers(0, len(turns) - 1))
    text = turns[number].text
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())
    assume(first < last)  # outer white space may be stripped
    start = data.draw(st.integers(first, last - 1))
    end = data.draw(st.integers(start + 1, last))
    tokens = encoded.tokens_of(number, start, end)
    assert text[start:end] in words(base, encoded, tokens)
    assert words(base, encoded, tokens[1:-1]).strip("\ufffd") in text[start:end]
    folded = {"assistant", "function_call", "chosen"}
    assert all(encoded.target[i] for i in tokens[1:]) == (
        turns[number].role in folded or len(tokens) == 1
    )


@settings(max_examples=60, deadline=None)
@given(turns=TURNS)
def test_targets_are_what_the_assistant_says_and_nothing_else(
    base: Base, turns: tuple[Turn, ...]
) -> None:
    encoded = encode(base.tokenizer, turns, template="chatml")
    rendered = words(base, encoded, range(len(encoded.ids)))
    said = [
        part.removeprefix("assistant\n")
        for part in rendered.split("<|im_start|>")
        if part.startswith("assistant\n")
    ]
    assert targets(base, encoded) == "".join(said)


def test_a_template_that_rewrites_what_it_said_before_is_refused(base: Base) -> None:
    tokenizer = own(base, "{{ messages | length }}" + CHATML)
    with pytest.raises(InputError) as caught:
        encode(tokenizer, chat(ASK, "Tea.", ASK, "Tea."), template="default")
    assert caught.value.code == "template_not_prefix_stable"
    assert encode(tokenizer, chat(ASK, "Tea."), template="chatml").ids


def test_an_answer_that_does_not_follow_its_prompt_is_refused(base: Base) -> None:
    tokenizer = own(base, CHATML.replace("assistant\n' }}{% endif", "bot\n' }}{% endif"))
    with pytest.raises(InputError) as caught:
        encode(tokenizer, chat(ASK, "Tea."), template="default")
    assert caught.value.code == "template_not_prefix_stable"


def test_a_template_that_refuses_is_named_without_the_text(base: Base) -> None:
    tokenizer = own(base, "{{ raise_exception('no ' + messages[0]['content']) }}")
    with pytest.raises(InputError) as caught:
        encode(tokenizer, chat("a secret", "Tea."), template="default")
    assert caught.value.code == "template_refused"
    assert "a secret" not in str(caught.value)


def test_a_tokenizer_without_template_gets_chatml(base: Base) -> None:
    tokenizer = copy.deepcopy(base.tokenizer)
    tokenizer.chat_template = None
    turns = chat(ASK, "Tea.")
    assert encode(tokenizer, turns, template="default") == encode(
        base.tokenizer, turns, template="chatml"
    )


def test_a_record_is_encoded_as_its_recipe_says(base: Base) -> None:
    roles: tuple[Role, ...] = ("user", "chosen", "rejected")
    record = Record(
        id="r",
        source=Source(path="x"),
        raw=None,
        segments=tuple(Segment(pointer=f"/{r}", role=r, text=r.upper()) for r in roles),
    )
    assert [turn.text for turn in segment_turns(record)] == ["USER", "CHOSEN"]
    recipe = Recipe(template="chatml", cutoff_len=9, train_on_prompt=True)
    encoded = encode_record(base.tokenizer, record, recipe)
    assert encoded == encode(
        base.tokenizer,
        segment_turns(record),
        template="chatml",
        train_on_prompt=True,
        cutoff_len=9,
    )
    assert len(encoded.ids) == 9
