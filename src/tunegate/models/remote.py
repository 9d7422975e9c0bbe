"""The executor of a model behind an endpoint: asks each query once, and keeps every answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import msgspec

from tunegate.files import atomic
from tunegate.keys import content_hash
from tunegate.models.echo import PromptToken
from tunegate.models.endpoints import Client, Message, estimated_tokens
from tunegate.models.queries import (
    Answer,
    Generate,
    GenerateAnswer,
    Query,
    Score,
    ScoreAnswer,
    TokenScores,
)
from tunegate.models.template import Tokenizer, chat_messages, encode, rendered

Progress = Callable[[int, int], None]

_SIGNS = ("Who are you?", "What can you do for me?", "你是谁？")
_SIGN = 16  # tokens of each answer
_VERSION = 1  # raise when what is asked for a query changes


class _Conversation(NamedTuple):
    """A rendered conversation.

    Attributes:
        text: As far as the recipe's truncation leaves it.
        groups: Of the targets and of each span, the characters in `text`.
        offsets: Of each token into which the tokenizer cuts `text`, its (start, end) characters.
    """

    text: str
    groups: tuple[frozenset[int], ...]
    offsets: tuple[tuple[int, int], ...]


class _Prompt(NamedTuple):
    messages: tuple[Message, ...]
    query: Generate


class _Work(NamedTuple):
    query: Query
    asked: _Prompt | _Conversation
    tokens: int


def fingerprint(client: Client) -> str:
    """Tells models apart that are served under one address and one name, by a few answers.

    Weights cannot be seen from here. A model that was tuned further mostly answers one of these
    otherwise; one that does not is not told apart.

    Raises:
        InputError: The server doesn't answer.
    """
    said = [
        client.chat([{"role": "user", "content": text}], max_tokens=_SIGN, temperature=0.0, seed=0)
        for text in _SIGNS
    ]
    return content_hash(client.url, client.model, *said)


class RemoteExecutor:
    """Answers queries about one served model, in the shape of `executor.Executor`.

    Each answer is a file of its own, written as soon as it comes: after an error, a used-up budget
    or a kill, the next run asks only what is missing. What is read back costs no budget.

    Scores hold what the server tells: the log-probability of each token, and whether it is the
    likeliest. It tells nothing of the rest of the vocabulary: `mean`, `std` and `top_k_logprob`
    are empty.

    Args:
        client: Asks the server.
        cache: Folder for answers; it holds generations, so it lies in the vault.
        tokenizer: Of the served model; without it nothing is scored.
        template: Chat template of scored conversations, as in the recipe; generated answers are
            rendered by the server.
        cutoff_len: Scored conversations are cut there, as in training.
        mask_history: Only the last answer is scored, as in training.
        key: What `fingerprint` gave: answers of another model are not taken for this one's.
    """

    def __init__(
        self,
        client: Client,
        *,
        cache: Path,
        tokenizer: Tokenizer = None,
        template: str = "chatml",
        cutoff_len: int = 2048,
        mask_history: bool = False,
        key: str = "",
    ) -> None:
        self._client = client
        self._cache = cache
        self._tokenizer = tokenizer
        self._template = template
        self._cutoff = cutoff_len
        self._last_only = mask_history
        self._key = key
        self._prepared: dict[Query, _Work] = {}

    @cached_property
    def offered(self) -> frozenset[type[Query]]:
        """The kinds of query that can be asked here.

        Raises:
            InputError: The server doesn't answer.
        """
        if self._tokenizer is not None and self._client.offers_logprobs():
            return frozenset({Generate, Score})
        return frozenset({Generate})

    def price(self, queries: Sequence[Query]) -> int:
        """Tokens to ask and to be answered, as the budget counts them; duplicates once."""
        return sum(self._work(query).tokens for query in dict.fromkeys(queries))

    def run(
        self, queries: Sequence[Query], *, progress: Progress | None = None
    ) -> dict[Query, Answer]:
        """Answers every query.

        Args:
            queries: Of the kinds in `offered`, in any order; duplicates are asked once.
            progress: Called with (tokens done, tokens in all).

        Raises:
            InputError: The server fails or the budget is used up; what was answered is kept.
        """
        works = [self._work(query) for query in dict.fromkeys(queries)]
        total = sum(work.tokens for work in works)
        cached = {work.query: self._read(work) for work in works}
        answers = {query: answer for query, answer in cached.items() if answer is not None}
        missing = [work for work in works if work.query not in answers]
        done = total - sum(work.tokens for work in missing)
        for work, answer in self._client.each(self._answer, missing):
            answers[work.query] = answer
            done += work.tokens
            if progress:
                progress(done, total)
        return {work.query: answers[work.query] for work in works}

    def _work(self, query: Query) -> _Work:
        if query not in self._prepared:
            self._prepared[query] = self._prepare(query)
        return self._prepared[query]

    def _prepare(self, query: Query) -> _Work:
        if isinstance(query, Generate):
            messages = chat_messages(query.turns)
            characters = sum(len(message["content"]) for message in messages)
            tokens = estimated_tokens(characters, query.max_new_tokens)
            return _Work(query, _Prompt(messages, query), tokens)
        if isinstance(query, Score) and self._tokenizer is not None:
            conversation = self._rendered(query)
            return _Work(query, conversation, estimated_tokens(len(conversation.text), 1))
        raise ValueError(f"{type(query).__name__} is not offered here")

    def _rendered(self, query: Score) -> _Conversation:
        tokenizer, template = self._tokenizer, self._template
        last = self._last_only
        whole = encode(tokenizer, query.turns, template=template, mask_history=last)
        cut = encode(
            tokenizer,
            query.turns,
            template=template,
            cutoff_len=self._cutoff,
            mask_history=last,
        )
        text = rendered(tokenizer, query.turns, template=template)
        kept = _kept(whole.offsets, set(cut.offsets))
        wanted = [_characters(o for o, on in zip(cut.offsets, cut.target, strict=True) if on)]
        for turn_number, start, end in query.spans:
            shift = cut.turns[turn_number][0]
            inside = cut.tokens_of(turn_number, start, end)
            wanted.append(_characters([(shift + start, shift + end)] if inside else []))
        groups = (
            frozenset(place for place, character in enumerate(kept) if character in group)
            for group in wanted
        )
        left = "".join(text[character] for character in kept)
        coded = tokenizer(left, add_special_tokens=False, return_offsets_mapping=True)
        return _Conversation(left, tuple(groups), tuple(coded["offset_mapping"]))

    def _answer(self, work: _Work) -> Answer:
        """Asks the server and keeps what it says; runs in several threads."""
        asked = work.asked
        answer = self._generate(asked) if isinstance(asked, _Prompt) else self._score(asked)
        path = self._path(work)
        for folder in (self._cache, path.parent):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with atomic(path) as file:
            file.write(msgspec.json.encode(answer))
        return answer

    def _generate(self, prompt: _Prompt) -> Answer:
        query = prompt.query
        text = self._client.chat(
            prompt.messages,
            max_tokens=query.max_new_tokens,
            temperature=query.temperature,
            seed=query.seed,
        )
        return GenerateAnswer(text=text)

    def _score(self, conversation: _Conversation) -> Answer:
        needed = any(conversation.groups)
        told = self._client.prompt_logprobs(conversation.text) if needed else []
        tokens = _placed(told, conversation.offsets)
        target, *spans = (_scores(tokens, group) for group in conversation.groups)
        return ScoreAnswer(target=target, spans=tuple(spans))

    def _read(self, work: _Work) -> Answer | None:
        prompt = isinstance(work.asked, _Prompt)
        kind: type[GenerateAnswer | ScoreAnswer] = GenerateAnswer if prompt else ScoreAnswer
        try:
            answer: Answer = msgspec.json.decode(self._path(work).read_bytes(), type=kind)
        except (OSError, msgspec.DecodeError, UnicodeError):
            return None
        return answer

    def _path(self, work: _Work) -> Path:
        settings = f"{_VERSION} {self._template} {self._cutoff} {self._last_only} {self._key}"
        # Not msgspec's JSON, which has no place for lone surrogates.
        query = json.dumps(msgspec.to_builtins(work.query), sort_keys=True)
        text = work.asked.text if isinstance(work.asked, _Conversation) else ""
        kind = type(work.query).__name__
        key = content_hash(self._client.url, self._client.model, settings, kind, query, text)
        return self._cache / key[:2] / f"{key}.json"


def _kept(offsets: Sequence[tuple[int, int]], remaining: set[tuple[int, int]]) -> tuple[int, ...]:
    """Characters that truncation leaves, in order, with those that lie between two tokens."""
    kept: list[int] = []
    done = 0
    for start, end in offsets:
        if (start, end) in remaining:
            kept += range(done, end)
        done = max(done, end)
    return tuple(kept)


def _characters(spans: Iterable[tuple[int, int]]) -> frozenset[int]:
    return frozenset(character for start, end in spans for character in range(start, end))


def _placed(
    tokens: Sequence[PromptToken], offsets: Sequence[tuple[int, int]]
) -> Sequence[PromptToken]:
    """The server's tokens where our tokenizer says that they stand, if it cuts the text alike.

    Where tokens are parts of characters, servers tell only roughly what belongs to which.
    """
    pairs = list(zip(tokens, offsets, strict=False))
    alike = len(tokens) == len(offsets) and all(
        token.start < end and start < token.end for token, (start, end) in pairs
    )
    return [t._replace(start=a, end=b) for t, (a, b) in pairs] if alike else tokens


def _scores(tokens: Sequence[PromptToken], group: frozenset[int]) -> TokenScores:
    """Scores of the tokens that overlap some characters; the text's first has no prediction."""
    inside = [
        token
        for token in tokens
        if token.logprob is not None and not group.isdisjoint(range(token.start, token.end))
    ]
    return TokenScores(
        logprob=tuple(token.logprob for token in inside if token.logprob is not None),
        mean=(),
        std=(),
        top_k_logprob=(),
        greedy=tuple(token.greedy for token in inside),
    )
