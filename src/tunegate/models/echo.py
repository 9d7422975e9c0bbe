"""Log-probabilities of a prompt that a server echoes, and whether they can be believed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

_UNKNOWN = "\ufffd"  # how servers write a token that is a part of a character
_BEHIND = 1  # tokens that a server adds to a prompt at most, being told so
_ROUNDED = 1e-3  # a few servers round to a little more than certain


class Echoed(msgspec.Struct):
    """What the server tells of T tokens, each a list of length T."""

    tokens: list[str]
    token_logprobs: list[float | None]
    text_offset: list[int]
    top_logprobs: list[dict[str, float] | None]


class PromptToken(NamedTuple):
    """One token of a prompt.

    Attributes:
        start: First character in the prompt.
        end: End of its characters, exclusive. The bytes of one character share that character.
        logprob: In nats; None where nothing came before it.
        greedy: Whether no token was likelier.
    """

    start: int
    end: int
    logprob: float | None
    greedy: bool


def aligned(echoed: Echoed, text: str) -> list[PromptToken] | None:
    """The tokens of `text`, without what was generated behind it.

    None if the account does not add up: lists of unlike lengths, tokens that are not the text at
    their offsets, a token but the first without log-probability or without the likeliest one.
    """
    starts, size = echoed.text_offset, len(echoed.tokens)
    lengths = {len(starts), len(echoed.token_logprobs), len(echoed.top_logprobs)}
    if lengths != {size} or not starts or starts != sorted(starts) or starts[0] != 0:
        return None
    count = bisect_left(starts, len(text))
    following = [*starts[1:], len(text)]
    if size - count > _BEHIND or following[count - 1] != len(text):
        return None
    ends = [len(text)] * count
    for i in reversed(range(count - 1)):
        ends[i] = following[i] if following[i] > starts[i] else ends[i + 1]
    tokens: list[PromptToken] = []
    for i in range(count):
        logprob, top = echoed.token_logprobs[i], echoed.top_logprobs[i]
        if not _stands_there(echoed.tokens[i], text[starts[i] : following[i]]):
            return None
        if i and (logprob is None or logprob > _ROUNDED or not top):
            return None
        tokens.append(PromptToken(starts[i], ends[i], logprob, _greedy(logprob, top)))
    return tokens


def _stands_there(token: str, there: str) -> bool:
    """Whether a token is the text at its place, or can be a part of a character that stands there.

    Parts are written as unknown characters or as bytes; some servers give all of a character's
    length to one of its parts, others share it out.
    """
    if token == there:
        return True
    if token.startswith("bytes:"):
        return not there or (len(there) == 1 and not there.isascii())
    unknown = token.count(_UNKNOWN)
    if not unknown or not len(token) - unknown <= len(there) <= len(token):
        return False
    return all(
        said == character or (said == _UNKNOWN and not character.isascii())
        for said, character in zip(token, there, strict=False)
    )


def _greedy(logprob: float | None, top: Mapping[str, float] | None) -> bool:
    return logprob is not None and top is not None and logprob >= max(top.values(), default=logprob)
