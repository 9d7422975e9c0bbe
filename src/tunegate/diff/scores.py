"""The one query about a sample that several probes share, and its scores by unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tunegate.diff.context import Sample
from tunegate.models.queries import Answer, Query, Score, ScoreAnswer


def score_query(sample: Sample) -> Score:
    """Scores the answers and every sensitive span of a sample in one forward pass."""
    return Score(turns=sample.turns, spans=tuple((s.turn, s.start, s.end) for s in sample.spans))


def scored(answers: Mapping[Query, Answer], sample: Sample) -> ScoreAnswer:
    """The answer to `score_query(sample)`."""
    answer = answers[score_query(sample)]
    if not isinstance(answer, ScoreAnswer):  # the executor answers a query with its own kind
        raise TypeError(type(answer).__name__)
    return answer


def mean_logprob(answer: ScoreAnswer) -> float:
    """Mean log-probability of a target token, in nats."""
    return sum(answer.target.logprob) / max(len(answer.target.logprob), 1)


def by_unit(
    samples: Iterable[Sample], value: Callable[[Sample], float]
) -> dict[str, tuple[float, Sample]]:
    """Mean over the records of each unit, with one of its samples for its side and stratum."""
    groups: dict[str, list[tuple[float, Sample]]] = {}
    for sample in samples:
        groups.setdefault(sample.unit, []).append((value(sample), sample))
    return {
        unit: (sum(v for v, _ in group) / len(group), group[0][1])
        for unit, group in sorted(groups.items())
    }
