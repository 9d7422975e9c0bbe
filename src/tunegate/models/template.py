"""From a conversation to token ids, with every character of every turn traceable to its tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from tunegate.errors import InputError
from tunegate.types import Recipe, Record, Turn

Tokenizer = Any  # transformers' fast tokenizers carry no types

_SURROGATE = re.compile("[\ud800-\udfff]")
# The roles that a plain chat template knows; trainers fold the others into these.
_ROLE = {
    "system": "system",
    "tools": "system",
    "user": "user",
    "observation": "user",
    "assistant": "assistant",
    "function_call": "assistant",
    "chosen": "assistant",
}

_MARK = "\ue000"  # a private character, which no template strips or escapes

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


class Encoded(NamedTuple):
    """A conversation as the model sees it.

    Attributes:
        ids: Token ids, length L.
        target: Length L; True where the loss is computed on that token.
        offsets: Per token, its (start, end) characters in the rendered text.
        turns: Per turn that came in, the (start, end) characters of its text in the rendered text,
            counted as if the template had stripped nothing.
    """

    ids: tuple[int, ...]
    target: tuple[bool, ...]
    offsets: tuple[tuple[int, int], ...]
    turns: tuple[tuple[int, int], ...]

    def tokens_of(self, turn: int, start: int, end: int) -> tuple[int, ...]:
        """Positions of the tokens that overlap characters [start, end) of a turn's text.

        Empty if truncation took any of them: half a value is not the value.
        """
        shift = self.turns[turn][0]
        low, high = shift + start, shift + end
        found = tuple(i for i, (a, b) in enumerate(self.offsets) if a < high and b > low)
        return found if found and self.offsets[found[-1]][1] >= high else ()


class _Message(NamedTuple):
    role: str
    content: str
    parts: tuple[tuple[int, int, int], ...]  # (turn, start, end) within the content


def _merged(turns: Sequence[Turn]) -> list[_Message]:
    """Messages for a chat template: roles folded, neighbours of one role joined by a newline."""
    messages: list[_Message] = []
    for number, turn in enumerate(turns):
        role = _ROLE.get(turn.role, "user")
        if messages and messages[-1].role == role:
            _, content, parts = messages.pop()
            content += "\n"
        else:
            content, parts = "", ()
        part = (number, len(content), len(content) + len(turn.text))
        messages.append(_Message(role, content + _encodable(turn.text), (*parts, part)))
    return messages


def _render(tokenizer: Tokenizer, messages: Sequence[_Message], *, template: str, ask: bool) -> str:
    own = getattr(tokenizer, "chat_template", None)
    named = CHATML if template == "chatml" or own is None else own
    chosen = template if "{" in template else named  # a trainer's template comes as Jinja
    try:
        text: str = tokenizer.apply_chat_template(
            [{"role": m.role, "content": m.content} for m in messages],
            tokenize=False,
            add_generation_prompt=ask,
            chat_template=chosen,
        )
    except Exception as error:  # a template is a program by the model's maker: anything may come
        raise InputError(
            "template_refused", template=template[:40], why=type(error).__name__
        ) from error
    return text


def _encodable(text: str) -> str:
    """Tokenizers take UTF-8, in which lone surrogates have no place; the length stays."""
    return _SURROGATE.sub("\ufffd", text)


def chat_messages(turns: Sequence[Turn]) -> tuple[dict[str, str], ...]:
    """Messages as every server takes them: roles folded, neighbours of one role joined."""
    return tuple({"role": m.role, "content": m.content} for m in _merged(turns))


def rendered(tokenizer: Tokenizer, turns: Sequence[Turn], *, template: str) -> str:
    """The text of a whole conversation, as `encode` tokenises it."""
    return _render(tokenizer, _merged(turns), template=template, ask=False)


def prompt_text(tokenizer: Tokenizer, turns: Sequence[Turn], *, template: str, prefix: str) -> str:
    """The rendered text up to where the assistant goes on from `prefix`."""
    return _render(tokenizer, _merged(turns), template=template, ask=True) + prefix


def segment_turns(record: Record) -> tuple[Turn, ...]:
    """A turn for each segment that is trained on, so that spans in segments stay spans in turns."""
    return tuple(Turn(role=s.role, text=s.text) for s in record.segments if s.role != "rejected")


def encode_record(tokenizer: Tokenizer, record: Record, recipe: Recipe) -> Encoded:
    """A record as the recipe trains on it."""
    return encode(
        tokenizer,
        segment_turns(record),
        template=recipe.template,
        mask_history=recipe.mask_history,
        train_on_prompt=recipe.train_on_prompt,
        cutoff_len=recipe.cutoff_len,
    )


def encode(
    tokenizer: Tokenizer,
    turns: Sequence[Turn],
    *,
    template: str,
    mask_history: bool = False,
    train_on_prompt: bool = False,
    cutoff_len: int | None = None,
) -> Encoded:
    """Renders and tokenises a whole conversation, token for token as LLaMA-Factory does.

    A prompt and its answer are tokenised apart, so no token lies across the place where the model
    takes over.

    Args:
        tokenizer: A fast tokenizer (offsets are needed).
        turns: The conversation; what the assistant says, with all that the template puts behind
            it, is the target.
        template: `chatml`, a chat template in Jinja, or any other name for the tokenizer's own.
        mask_history: Only the last answer is a target, and it is the last to be cut.
        train_on_prompt: Prompts are targets too.
        cutoff_len: Most tokens to keep.

    Raises:
        InputError: The chat template refuses these roles, or doesn't render prefix by prefix.
    """
    messages = _merged(turns)
    text = _render(tokenizer, messages, template=template, ask=False)
    answers, places = _locate(tokenizer, messages, text, template=template, turns=len(turns))
    pieces = _tokenised(tokenizer, text, answers)
    if cutoff_len is not None and sum(len(piece.ids) for piece in pieces) > cutoff_len:
        pieces = _cut(pieces, cutoff_len, last_first=mask_history)
    last = max((i for i, piece in enumerate(pieces) if piece.answer), default=-1)
    target: list[bool] = []
    for number, piece in enumerate(pieces):
        wanted = piece.answer and (number == last or not mask_history)
        target += [train_on_prompt or wanted] * len(piece.ids)
    return Encoded(
        tuple(i for piece in pieces for i in piece.ids),
        tuple(target),
        tuple(offset for piece in pieces for offset in piece.offsets),
        places,
    )


class _Piece(NamedTuple):
    """Tokens of a prompt or of an answer, with their characters in the rendered text."""

    answer: bool
    ids: list[int]
    offsets: list[tuple[int, int]]

    def first(self, size: int) -> _Piece:
        return self._replace(ids=self.ids[:size], offsets=self.offsets[:size])


def _tokenised(tokenizer: Tokenizer, text: str, answers: Sequence[tuple[int, int]]) -> list[_Piece]:
    """Prompt, answer, prompt, answer …, and what follows the last answer, if anything does."""
    edges = [0, *(edge for span in answers for edge in span)]
    bounds = list(zip(edges, [*edges[1:], len(text)], strict=True))
    coded = tokenizer(
        [text[a:b] for a, b in bounds], add_special_tokens=False, return_offsets_mapping=True
    )
    return [
        _Piece(bool(number % 2), list(ids), [(start + a, start + b) for a, b in offsets])
        for number, ((start, _), ids, offsets) in enumerate(
            zip(bounds, coded["input_ids"], coded["offset_mapping"], strict=True)
        )
    ]


def _cut(pieces: Sequence[_Piece], cutoff: int, *, last_first: bool) -> list[_Piece]:
    """Shortens prompts and answers, pair by pair, until nothing is left of the room.

    Args:
        pieces: As `_tokenised` gives them.
        cutoff: Tokens in all.
        last_first: Whether the last pair takes its room first.
    """
    pairs = [list(pieces[i : i + 2]) for i in range(0, len(pieces), 2)]
    order = reversed(range(len(pairs))) if last_first else range(len(pairs))
    room = cutoff
    for number in order:
        sizes = [len(piece.ids) for piece in pairs[number]]
        prompt, answer = _shares(sizes[0], sum(sizes[1:]), room)
        room -= prompt + answer
        pairs[number] = [
            piece.first(size) for piece, size in zip(pairs[number], (prompt, answer), strict=False)
        ]
    return [piece for pair in pairs for piece in pair]


def _shares(prompt: int, answer: int, room: int) -> tuple[int, int]:
    """How many tokens of a prompt and of its answer are kept.

    What is shorter than half of the room stays whole; if neither is, both give in proportion.
    """
    if 2 * answer < room:
        most = room
    elif 2 * prompt < room:
        most = room - prompt
    else:
        most = int(room * (answer / (prompt + answer))) if prompt + answer else 0
    kept = min(most, answer)
    return min(prompt, max(room - kept, 0)), kept


def _locate(
    tokenizer: Tokenizer, messages: Sequence[_Message], text: str, *, template: str, turns: int
) -> tuple[list[tuple[int, int]], tuple[tuple[int, int], ...]]:
    """Spans of the answers (with what closes them) and of every turn's text, in characters."""
    answers: list[tuple[int, int]] = []
    places = [(0, 0)] * turns
    done = 0
    for index, message in enumerate(messages):
        after = _render(tokenizer, messages[: index + 1], template=template, ask=False)
        if not text.startswith(after):
            raise InputError("template_not_prefix_stable", template=template[:40])
        if message.role == "assistant" and index:
            before = _render(tokenizer, messages[:index], template=template, ask=True)
            if not text.startswith(before):
                raise InputError("template_not_prefix_stable", template=template[:40])
            done = len(before)
        else:
            done = _begin(tokenizer, messages[: index + 1], done, template=template)
        if message.role == "assistant":
            answers.append((done, len(after)))
        # Some templates strip what they render; then the text starts that much earlier.
        lead = len(message.content) - len(message.content.lstrip())
        at = text.find(message.content, done, len(after))
        if at < 0:
            at = text.find(message.content.strip(), done, len(after)) - lead
        if at < done - lead:
            raise InputError("template_refused", template=template[:40], why="TextChanged")
        for number, start, end in message.parts:
            places[number] = (at + start, at + end)
        done = len(after)
    return answers, tuple(places)


def _begin(tokenizer: Tokenizer, messages: Sequence[_Message], done: int, *, template: str) -> int:
    """Where the last message's text begins; a mark finds it even if it reads like its header."""
    marked = [*messages[:-1], messages[-1]._replace(content=_MARK)]
    return max(done, _render(tokenizer, marked, template=template, ask=False).find(_MARK, done))
