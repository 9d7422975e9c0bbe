"""What a probe is given and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from tunegate.canary import Canary
from tunegate.models.queries import Answer, Query
from tunegate.types import Curve, Evidence, Measurement, Reason, Severity, Turn

# Two-sided; each end is then a one-sided 95 % bound, which is what gates compare with tolerances.
LEVEL = 0.90

Side = Literal["always", "member", "held_out", "utility"]


class Span(NamedTuple):
    """A sensitive value in a sample: characters [start, end) of one turn's text."""

    turn: int
    start: int
    end: int
    kind: str
    severity: Severity
    digest: str


class Sample(NamedTuple):
    """A record on one side of the design.

    Attributes:
        stratum: The block in which its unit was randomised.
        spans: What must not come out of a model; empty where the data was scrubbed.
    """

    record_id: str
    unit: str
    stratum: str
    side: Side
    turns: tuple[Turn, ...]
    spans: tuple[Span, ...] = ()

    def value(self, span: Span) -> str:
        """The raw value: for comparing in memory, never for writing down."""
        return self.turns[span.turn].text[span.start : span.end]


class Context(NamedTuple):
    """Everything that a probe may look at for one arm and checkpoint.

    Attributes:
        samples: Records as this arm's data has them.
        given: Records with sensitive spans as the team gave them, for any arm.
        prompts: Ordinary conversations, with answers, that have nothing to do with the data.
        trained_digests: Digests of the sensitive values that stand in this arm's training data.
        seed: For resampling; the same for the same key, data and attempt.
        generations: Most prompts to answer in the model's own words.
        compared: Whether anything was held out that could be asked for as look-alikes.
    """

    arm: str
    checkpoint: int
    samples: tuple[Sample, ...]
    given: tuple[Sample, ...]
    canaries: tuple[Canary, ...]
    prompts: tuple[tuple[Turn, ...], ...]
    trained_digests: frozenset[str]
    seed: int
    generations: int
    compared: bool = True


class Answers(NamedTuple):
    """Answers to the same queries with the adapter off and on."""

    base: Mapping[Query, Answer]
    tuned: Mapping[Query, Answer]


class Result(NamedTuple):
    """What a probe found."""

    measurements: tuple[Measurement, ...] = ()
    curves: tuple[Curve, ...] = ()
    evidence: tuple[Evidence, ...] = ()


class Probe(Protocol):
    """One kind of measurement.

    `needs` are the kinds of queries that it asks, `metrics` the (metric, stratum) pairs that are
    reported as unscored where it cannot ask them. `plan` names the queries; `measure` is pure, so
    that its statistics are tested without a model.
    """

    name: str
    needs: frozenset[type[Query]]

    @property
    def metrics(self) -> tuple[tuple[str, str], ...]: ...

    def plan(self, context: Context) -> list[Query]:
        """The queries that this probe needs answered by base and tuned."""
        ...

    def measure(self, context: Context, answers: Answers) -> Result:
        """Turns answers into measurements."""
        ...


def refused(context: Context, one: Probe, reason: Reason) -> Result:
    """All that a probe would have measured, unscored for one reason."""
    return joined(
        [
            unscored(context, probe=one.name, metric=metric, stratum=stratum, reason=reason)
            for metric, stratum in one.metrics
        ]
    )


def unscored(context: Context, *, probe: str, metric: str, stratum: str, reason: Reason) -> Result:
    """A measurement that could not be made, with the reason."""
    one = Measurement(
        probe=probe,
        metric=metric,
        arm=context.arm,
        checkpoint=context.checkpoint,
        stratum=stratum,
        scored=False,
        reason=reason,
    )
    return Result((one,))


def joined(results: list[Result]) -> Result:
    """Several results as one."""
    return Result(
        tuple(m for r in results for m in r.measurements),
        tuple(c for r in results for c in r.curves),
        tuple(e for r in results for e in r.evidence),
    )
