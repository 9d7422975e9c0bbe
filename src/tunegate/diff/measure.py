"""Asks base and tuned models every probe's queries, each once, and measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import NamedTuple

import yaml

from tunegate.diff.context import Answers, Context, Probe, Result, joined, refused
from tunegate.diff.drift import Drift
from tunegate.diff.exposure import Exposure
from tunegate.diff.extraction import Extraction
from tunegate.diff.identity_leak import IdentityLeak
from tunegate.diff.membership import Membership
from tunegate.diff.utility import Utility
from tunegate.models.queries import Asked, Divergence, Query
from tunegate.types import Reason, Turn

ALL: tuple[Probe, ...] = (
    Extraction(),
    Exposure(),
    Membership(),
    IdentityLeak(),
    Drift(),
    Utility(),
)

Progress = Callable[[str, int, int], None]


class Task(NamedTuple):
    """One model and the probes that look at it.

    Attributes:
        context: What they may look at.
        model: The tuned model.
        probes: In the order in which their measurements are wanted.
        without: Probe → why it cannot say anything about this model.
    """

    context: Context
    model: Asked
    probes: tuple[Probe, ...]
    without: Mapping[str, Reason] = {}

    def plan(self, base: Asked) -> list[Query]:
        """All queries of all its probes that can be asked, duplicates once."""
        asked = (p for p in self.probes if self.hindrance(p, base) is None)
        return list(dict.fromkeys(q for p in asked for q in p.plan(self.context)))

    def hindrance(self, one: Probe, base: Asked) -> Reason | None:
        """Why a probe cannot measure here; None if it can."""
        if one.name in self.without:
            return self.without[one.name]
        # How far tuned lies from base is asked of the tuned model alone, which knows its base.
        lacking = (one.needs - self.model.offered) | (one.needs - base.offered - {Divergence})
        if not lacking:
            return None
        if Divergence in lacking:
            return Reason(code="not_offered_weights")
        return Reason(code="not_offered_logprobs")


def measure(tasks: Sequence[Task], *, base: Asked, progress: Progress | None = None) -> Result:
    """Answers all queries, base first, and measures task by task.

    Args:
        tasks: In the order in which their measurements are wanted.
        base: The model before tuning.
        progress: Called with (`diff.` and the arm's name, tokens done, tokens in all).
    """
    plans = [task.plan(base) for task in tasks]
    plain = [q for plan in plans for q in plan if not isinstance(q, Divergence)]
    base_answers = base.run(plain, progress=_told(progress, "diff.base"))
    results: list[Result] = []
    for task, plan in zip(tasks, plans, strict=True):
        tuned = task.model.run(plan, progress=_told(progress, f"diff.{task.context.arm}"))
        answers = Answers(base_answers, tuned)
        for one in task.probes:
            reason = task.hindrance(one, base)
            results.append(
                one.measure(task.context, answers)
                if reason is None
                else refused(task.context, one, reason)
            )
    return joined(results)


def _told(progress: Progress | None, code: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(code, done, total)


def ordinary_prompts(language: str) -> tuple[tuple[Turn, ...], ...]:
    """Conversations about everyday knowledge, in `en` or `zh`."""
    text = (files("tunegate.diff") / "prompts" / f"{language}.yaml").read_text("utf-8")
    return tuple(
        (Turn(role="user", text=one["ask"]), Turn(role="assistant", text=one["answer"]))
        for one in yaml.safe_load(text)
    )
