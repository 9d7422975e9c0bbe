"""What a probe may ask of a model, and what comes back.

Queries are plain data and hold no model: the same query is asked of the base, of every arm and of
every checkpoint. Log-probabilities are natural, in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from tunegate.types import Noun, Turn

TOP_K = 40  # of the sampling scheme behind `top_k_logprob`, as in Hayes et al. 2024


class Score(Noun, frozen=True, kw_only=True):
    """Teacher-forced scores of a conversation's answers and of some spans in any of its turns.

    `spans` are (turn, start, end), characters in that turn's text.
    """

    turns: tuple[Turn, ...]
    spans: tuple[tuple[int, int, int], ...] = ()


class Candidates(Noun, frozen=True, kw_only=True):
    """How likely each continuation is after the same prompt and the same beginning of an answer."""

    turns: tuple[Turn, ...]
    candidates: tuple[str, ...]
    prefix: str = ""


class Generate(Noun, frozen=True, kw_only=True):
    """Answers to a prompt: greedy when `temperature` is 0."""

    turns: tuple[Turn, ...]
    max_new_tokens: int = 40
    temperature: float = 0.0
    seed: int = 0


class Divergence(Noun, frozen=True, kw_only=True):
    """How far the tuned model's next-token distribution lies from the base's, along an answer."""

    turns: tuple[Turn, ...]


Query = Score | Candidates | Generate | Divergence


class TokenScores(Noun, frozen=True, array_like=True):
    """Scores of T tokens, each a tuple of length T.

    Attributes:
        logprob: Of the token that stands there.
        mean: Mean over the vocabulary, weighted by probability, of the log-probabilities.
        std: Their standard deviation, weighted likewise (Min-K%++, Zhang et al. 2024).
        top_k_logprob: Of the token under top-k sampling; None outside the top k.
        greedy: Whether greedy decoding would choose it.

    A model behind an endpoint may not tell all of it: `mean`, `std` and `top_k_logprob` are then
    empty, and what needs them is unscored.
    """

    logprob: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    top_k_logprob: tuple[float | None, ...]
    greedy: tuple[bool, ...]


class ScoreAnswer(Noun, frozen=True, kw_only=True):
    """Scores of the targets, and of each span; a span cut off by truncation has no tokens."""

    target: TokenScores
    spans: tuple[TokenScores, ...] = ()


class CandidatesAnswer(Noun, frozen=True, kw_only=True):
    """Total log-probability of each candidate."""

    logprobs: tuple[float, ...]


class GenerateAnswer(Noun, frozen=True, kw_only=True):
    """The text that the model went on with."""

    text: str


class DivergenceAnswer(Noun, frozen=True, kw_only=True):
    """KL(tuned ‖ base) in nats at each target token, and whether the likeliest token changed."""

    kl: tuple[float, ...]
    changed: tuple[bool, ...]


Answer = ScoreAnswer | CandidatesAnswer | GenerateAnswer | DivergenceAnswer


class Asked(Protocol):
    """A model in one state that can be asked: in memory, or behind an endpoint.

    Attributes:
        offered: The kinds of queries that it can answer.
    """

    @property
    def offered(self) -> frozenset[type[Query]]: ...

    def run(
        self, queries: Sequence[Query], *, progress: Callable[[int, int], None] | None = None
    ) -> dict[Query, Answer]:
        """Answers every query, each once; `progress` is called with (tokens done, in all)."""
        ...
