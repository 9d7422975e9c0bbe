"""Policy: what goes where, and how much risk is tolerated; one YAML for both.

The shipped policies `internal`, `public` and `regulated` lie in `policies/`. A policy holds rules
and tolerances only; matching records is `route`'s work and judging is `verdict`'s.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Literal

import msgspec

from tunegate import yamlfile
from tunegate.errors import InputError
from tunegate.types import Destination, Hazard, Noun, Severity

SHIPPED: tuple[str, ...] = ("internal", "public", "regulated")
_FOLDER = Path(__file__).parent / "policies"

Side = Literal["prompt", "target"]
RouteReason = Literal[
    "secret",
    "exact_copy",
    "internal_return",
    "raw_conversation",
    "raw_dialogue",
    "strong_identity",
    "special_case",
    "special_case_repeated",
    "near_copies",
    "identity",
    "structure",
    "policy",
]


class Words(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One explanation in both languages."""

    en: str
    zh: str


class When(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Conditions of a route rule; all that are given have to hold.

    The first group looks at one finding, the second at the findings that satisfy the first group
    together, the third at the record itself.

    Attributes:
        hazard: The finding's hazard.
        kinds: The finding's kind is one of these.
        severity: The finding is at least this severe.
        confidence: The finding is at least this confident, 0 to 1.
        side: The finding stands in what the model reads (`prompt`) or learns to say (`target`).
        min_multiplicity: The found value, or the record, stands in at least so many records.
        min_kinds: The findings are of at least so many different kinds.
        min_share: The findings cover at least this share of the record's characters, 0 to 1.
        min_replies: The record holds at least so many turns of the assistant.
        exact_copy: The record repeats an earlier one exactly.
    """

    hazard: Hazard | None = None
    kinds: tuple[str, ...] = ()
    severity: Severity | None = None
    confidence: float = 0.0
    side: Side | None = None
    min_multiplicity: int = 1

    min_kinds: int = 1
    min_share: float = 0.0

    min_replies: int = 0
    exact_copy: bool = False

    def __post_init__(self) -> None:
        if not self.given:
            raise ValueError("`when` needs at least one condition")

    @property
    def given(self) -> frozenset[str]:
        """The names of the conditions that were set."""
        return _given(self)

    @property
    def asks_findings(self) -> bool:
        """Whether any finding is needed at all."""
        return bool(self.given - {"min_replies", "exact_copy"})

    @property
    def asks_record(self) -> bool:
        """Whether the record as a whole is asked about, and not single findings only."""
        return bool(self.given & {"min_kinds", "min_share", "min_replies", "exact_copy"})


@functools.cache  # asked for every record
def _given(when: When) -> frozenset[str]:
    fields = msgspec.structs.fields(When)
    return frozenset(field.name for field in fields if getattr(when, field.name) != field.default)


class RouteRule(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of `route:`; the first rule that fits a record decides."""

    name: str
    when: When
    to: Destination
    reason: RouteReason = "policy"
    why: Words | None = None


class Tolerated(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From what a tolerance is derived; exactly one of the three forms.

    - A rate: of `records` records, each asked `queries` times, at most `tolerated_leaks` answers
      may leak, so the tolerance is `tolerated_leaks / (queries * records)`. With `records: 1` that
      is leaks per queries, with `queries: 1` leaks per records. An AUC is such a rate too: the
      share of (member, outsider) pairs that an attacker orders rightly.
    - `search_factor`: what is learned may shorten an attacker's search through the candidates by
      at most this factor; the tolerance is its binary logarithm, in bits of exposure.
    - `perplexity_factor`: ordinary text may become at most this many times less likely, by the
      token; the tolerance is its natural logarithm, in nats.
    """

    tolerated_leaks: float | None = None
    queries: int = 1
    records: int = 1
    search_factor: float | None = None
    perplexity_factor: float | None = None

    def __post_init__(self) -> None:
        forms = (self.tolerated_leaks, self.search_factor, self.perplexity_factor)
        if sum(form is not None for form in forms) != 1:
            raise ValueError(
                "give exactly one of tolerated_leaks, search_factor and perplexity_factor"
            )
        if self.queries < 1 or self.records < 1:
            raise ValueError("queries and records must be 1 or more")
        if self.tolerated_leaks is not None:
            if not 0 <= self.tolerated_leaks <= self.queries * self.records:
                raise ValueError("tolerated_leaks must lie between 0 and queries * records")
        elif not math.isfinite(factor := self.search_factor or self.perplexity_factor or 0.0) or (
            factor < 1
        ):
            raise ValueError("a factor must be 1 or more")

    @property
    def tau(self) -> float:
        """The tolerance, on the metric's own scale."""
        if self.search_factor is not None:
            return math.log2(self.search_factor)
        if self.perplexity_factor is not None:
            return math.log(self.perplexity_factor)
        return (self.tolerated_leaks or 0.0) / (self.queries * self.records)


class GateRule(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One tolerance on one metric of one stratum; `why` says how its numbers were arrived at."""

    probe: str
    metric: str
    tolerance: Tolerated
    why: Words
    stratum: str = "all"
    required: bool = True

    @property
    def target(self) -> str:
        """How people name this gate when they accept its bound."""
        return f"gate:{self.probe}.{self.metric}.{self.stratum}"


class GatePolicy(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The section `gate:`.

    Attributes:
        required_hazards: Without a check for each of these the verdict is never `go`.
        verbatim_kinds: One verified verbatim leak of such a kind, or of any critical finding, is
            `no-go` at any n.
    """

    required_hazards: tuple[Hazard, ...]
    verbatim_kinds: tuple[str, ...]
    gates: tuple[GateRule, ...]

    def __post_init__(self) -> None:
        if not any(gate.required for gate in self.gates):
            raise ValueError("at least one gate must be required")
        if len({gate.target for gate in self.gates}) < len(self.gates):
            raise ValueError("two gates name the same probe, metric and stratum")


class Policy(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes where (`route`) and what risk is accepted (`gate`)."""

    name: str
    edition: str
    about: Words
    route: tuple[RouteRule, ...]
    gate: GatePolicy

    def __post_init__(self) -> None:
        if len({rule.name for rule in self.route}) < len(self.route):
            raise ValueError("two route rules have the same name")


def load(name: str) -> Policy:
    """Reads a shipped policy by its name, or one's own by its path.

    Raises:
        InputError: There is no such policy, or it is not right; with file, line and remedy.
    """
    if name in SHIPPED:
        return yamlfile.read(_FOLDER / f"{name}.yaml", Policy)
    path = Path(name)
    if not path.is_file():
        raise InputError("policy_unknown", name=name, known=", ".join(SHIPPED))
    return yamlfile.read(path, Policy)
