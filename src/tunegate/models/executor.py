"""The one executor: de-duplicates, batches, prices, caches and resumes queries of any model state.

Batches depend on the queries alone, never on what is cached already: a resumed run computes the
same batches as an undisturbed one, and so the same bits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tunegate.keys import content_hash
from tunegate.models import generation, scoring
from tunegate.models.adapters import adapted
from tunegate.models.forward import length_batches
from tunegate.models.loading import Base
from tunegate.models.queries import (
    Answer,
    Candidates,
    CandidatesAnswer,
    Divergence,
    DivergenceAnswer,
    Generate,
    GenerateAnswer,
    Query,
    Score,
    ScoreAnswer,
)
from tunegate.models.template import Encoded, encode, prompt_text

Progress = Callable[[int, int], None]

_BUDGET = 1024  # padded tokens a batch: the matrix rate of a CPU levels off there
_GENERATE_ROWS = 32
_VERSION = 4  # raise when what is computed for a query changes

_ANSWER: dict[type[Query], type[Answer]] = {
    Score: ScoreAnswer,
    Candidates: CandidatesAnswer,
    Generate: GenerateAnswer,
    Divergence: DivergenceAnswer,
}


class State(NamedTuple):
    """What is asked: the base (no adapter) or one checkpoint; `key` names its content."""

    key: str
    adapter: Path | None


class _Work(NamedTuple):
    query: Query
    rendered: Encoded | scoring.Tree | str
    tokens: int


class Executor:
    """Answers queries about one base model and adapters of it.

    Args:
        base: The loaded model.
        cache: Folder for answers; it holds generations, so it lies in the vault.
        template: Chat template, as in the recipe.
        cutoff_len: Conversations are cut there, as in training.
        mask_history: Only the last answer is scored, and is the last to be cut, as in training.
    """

    def __init__(
        self,
        base: Base,
        *,
        cache: Path,
        template: str,
        cutoff_len: int,
        mask_history: bool = False,
    ) -> None:
        self._base = base
        self._cache = cache
        self._template = template
        self._cutoff = cutoff_len
        self._last_only = mask_history
        self._rendered: dict[Query, _Work] = {}

    def at(self, state: State) -> InState:
        """The model in one state, for whoever asks without caring where it is."""
        return InState(self, state)

    def price(self, queries: Sequence[Query]) -> int:
        """Tokens that the model must process for these queries, duplicates once."""
        return sum(self._work(query).tokens for query in dict.fromkeys(queries))

    def run(
        self, queries: Sequence[Query], *, state: State, progress: Progress | None = None
    ) -> dict[Query, Answer]:
        """Answers every query in one model state.

        Args:
            queries: In any order; duplicates are asked once.
            state: Base or checkpoint.
            progress: Called with (tokens done, tokens in all).
        """
        batches = self._batches(list(dict.fromkeys(queries)))
        keys = [self._key(batch, state) for batch in batches]
        total = sum(work.tokens for batch in batches for work in batch)
        answers: dict[Query, Answer] = {}
        missing: list[int] = []
        for i, (batch, key) in enumerate(zip(batches, keys, strict=True)):
            cached = self._read(key, batch)
            if cached is None:
                missing.append(i)
            else:
                answers.update(cached)
        if missing:
            done = total - sum(w.tokens for i in missing for w in batches[i])
            with adapted(self._base, state.adapter):
                for i in missing:
                    fresh = self._compute(batches[i])
                    self._write(keys[i], fresh)
                    answers.update(zip([w.query for w in batches[i]], fresh, strict=True))
                    done += sum(work.tokens for work in batches[i])
                    if progress:
                        progress(done, total)
        return answers

    def _work(self, query: Query) -> _Work:
        if query not in self._rendered:
            self._rendered[query] = self._render(query)
        return self._rendered[query]

    def _render(self, query: Query) -> _Work:
        tokenizer = self._base.tokenizer
        if isinstance(query, Score | Divergence):
            encoded = encode(
                tokenizer,
                query.turns,
                template=self._template,
                cutoff_len=self._cutoff,
                mask_history=self._last_only,
            )
            times = 2 if isinstance(query, Divergence) else 1
            return _Work(query, encoded, times * len(encoded.ids))
        prefix = query.prefix if isinstance(query, Candidates) else ""
        text = prompt_text(tokenizer, query.turns, template=self._template, prefix=prefix)
        if isinstance(query, Generate):
            length = len(tokenizer(text, add_special_tokens=False)["input_ids"])
            return _Work(query, text, length + query.max_new_tokens)
        sequences, starts = [], []
        for candidate in query.candidates:
            coded = tokenizer(
                text + candidate, add_special_tokens=False, return_offsets_mapping=True
            )
            sequences.append(coded["input_ids"])
            starts.append(
                next(i for i, (_, end) in enumerate(coded["offset_mapping"]) if end > len(text))
            )
        tree = scoring.build_tree(sequences, starts)
        return _Work(query, tree, len(tree.tokens))

    def _batches(self, queries: Sequence[Query]) -> list[list[_Work]]:
        """Batches of one kind (and, for generation, of one setting), by length."""
        groups: dict[tuple[object, ...], list[_Work]] = {}
        for query in queries:
            settings: tuple[object, ...] = (type(query).__name__,)
            if isinstance(query, Generate):
                settings += (query.max_new_tokens, query.temperature, query.seed)
            groups.setdefault(settings, []).append(self._work(query))
        batches: list[list[_Work]] = []
        for settings, works in groups.items():
            works.sort(key=lambda work: content_hash(msgspec.json.encode(work.query)))
            budget = _GENERATE_ROWS * max(w.tokens for w in works)
            rows = length_batches(
                [work.tokens for work in works],
                budget=budget if settings[0] == "Generate" else _BUDGET,
            )
            batches += [[works[i] for i in row] for row in rows]
        return batches

    def _compute(self, batch: Sequence[_Work]) -> Sequence[Answer]:
        first = batch[0].query
        if isinstance(first, Generate):
            texts = [str(work.rendered) for work in batch]
            return generation.generate(self._base, texts, first)
        if isinstance(first, Candidates):
            trees = [w.rendered for w in batch if isinstance(w.rendered, scoring.Tree)]
            return scoring.candidates(self._base, trees)
        encoded = [w.rendered for w in batch if isinstance(w.rendered, Encoded)]
        if isinstance(first, Divergence):
            return scoring.divergence(self._base, encoded)
        return scoring.score(
            self._base,
            [
                _score_row(w.query, e)
                for w, e in zip(batch, encoded, strict=True)
                if isinstance(w.query, Score)
            ],
        )

    def _key(self, batch: Sequence[_Work], state: State) -> str:
        queries = msgspec.json.encode([work.query for work in batch])
        settings = (
            f"{_VERSION} {self._base.dtype} {self._template} {self._cutoff} {self._last_only}"
        )
        kind = type(batch[0].query).__name__
        return content_hash(self._base.digest, state.key, settings, kind, queries)

    def _read(self, key: str, batch: Sequence[_Work]) -> dict[Query, Answer] | None:
        path = self._cache / key[:2] / f"{key}.json"
        kind = _ANSWER[type(batch[0].query)]
        try:
            answers = msgspec.json.decode(path.read_bytes(), type=list[kind])  # type: ignore[valid-type]
        except (OSError, msgspec.DecodeError):
            return None
        if len(answers) != len(batch):
            return None
        return dict(zip([work.query for work in batch], answers, strict=True))

    def _write(self, key: str, answers: Sequence[Answer]) -> None:
        path = self._cache / key[:2] / f"{key}.json"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = path.with_suffix(f".{os.getpid()}")
        staging.write_bytes(msgspec.json.encode(answers))
        staging.replace(path)


class InState(NamedTuple):
    """One state of an executor's model; it answers everything."""

    executor: Executor
    state: State

    @property
    def offered(self) -> frozenset[type[Query]]:
        return frozenset(_ANSWER)

    def run(
        self, queries: Sequence[Query], *, progress: Progress | None = None
    ) -> dict[Query, Answer]:
        """As `Executor.run`."""
        return self.executor.run(queries, state=self.state, progress=progress)


def _score_row(query: Score, encoded: Encoded) -> scoring.ScoreRow:
    target = tuple(i for i, on in enumerate(encoded.target) if on)
    spans = tuple(encoded.tokens_of(*span) for span in query.spans)
    return scoring.ScoreRow(encoded, (target, *spans))
