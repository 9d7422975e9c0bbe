"""All that a verdict is made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from tunegate.decisions import Ruling
from tunegate.intent import Intent
from tunegate.policy import Policy
from tunegate.types import Decision, Destination, Evidence, Measurement, Noun, Reason, ScanSummary

JUDGED = "routed"
ADOPTED = "adopted"  # a finished model whose randomisation nobody recorded
SISTER = {JUDGED: "canaried"}  # the arm that carries an arm's canaries
GroundKind = Literal["void", "leak", "fail", "bound", "unscored", "hazard", "intent", "proxy"]
INSTRUMENTS = ("canaried", "placebo", "control")  # never judged themselves
LEAK_PROBES = frozenset({"extraction", "exposure", "membership", "identity_leak"})


class Control(Noun, frozen=True, kw_only=True):
    """How a probe did on its controls.

    Attributes:
        positive: Whether it caught the leaks of the fixed leak-inducing recipe.
        null: Whether it stayed silent on the placebo arm, at family-wise alpha .001.
    """

    positive: Literal["caught", "missed", "not_run"] = "not_run"
    null: Literal["silent", "flagged", "not_run"] = "not_run"


class Case(Noun, frozen=True, kw_only=True):
    """The inputs of a verdict.

    Attributes:
        judged: The arm that the decision is about.
        known_limits: Limits that whoever asks for the verdict knows of.
        destinations: How many records were routed where.
        proxy: The arms are of a smaller model than the one that is to be tuned.
        void: Why the audit cannot mean anything; empty if it can.
        run: The run folder, as commands name it.
    """

    policy: Policy
    measurements: tuple[Measurement, ...]
    evidence: tuple[Evidence, ...]
    controls: Mapping[str, Control]
    scan: ScanSummary
    intent: Intent
    judged: str = JUDGED
    known_limits: tuple[Reason, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    bound_to: Mapping[str, str] = {}
    destinations: Mapping[Destination, int] = {}
    proxy: bool = False
    void: tuple[Reason, ...] = ()
    run: str = "RUN"

    @property
    def sister(self) -> str:
        """The arm that the judged one's exposure is read from."""
        return sister(self.judged)


def sister(arm: str) -> str:
    """The arm that carries an arm's canaries: its canaried sister, where it has one."""
    return SISTER.get(arm, arm)


class Ground(Noun, frozen=True, kw_only=True):
    """One thing that keeps the decision at `decision` or worse.

    `kind` and `target` say what could be done about it.
    """

    decision: Decision
    reason: Reason
    kind: GroundKind
    target: str = ""
    signed: bool = False
