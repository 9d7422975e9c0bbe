"""Asks base and tuned models every probe's queries, each once, and measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import NamedTuple

import yaml

from tunegate.diff.context import Answers, Context, Probe, Result, joined
from tunegate.diff.drift import Drift
from tunegate.diff.exposure import Exposure
from tunegate.diff.extraction import Extraction
from tunegate.diff.identity_leak import IdentityLeak
from tunegate.diff.membership import Membership
from tunegate.diff.utility import Utility
from tunegate.models.executor import Executor, State
from tunegate.models.queries import Divergence, Query
from tunegate.types import Turn

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
    """One model state and the probes that look at it."""

    context: Context
    state: State
    probes: tuple[Probe, ...]

    def plan(self) -> list[Query]:
        """All queries of all its probes, duplicates once."""
        return list(dict.fromkeys(q for p in self.probes for q in p.plan(self.context)))


def measure(
    executor: Executor, tasks: Sequence[Task], *, base: State, progress: Progress | None = None
) -> Result:
    """Answers all queries, base first, and measures task by task.

    Args:
        executor: Of the base model.
        tasks: In the order in which their measurements are wanted.
        base: The state without adapter.
        progress: Called with (`diff.` and the arm's name, tokens done, tokens in all).
    """
    plans = [task.plan() for task in tasks]
    plain = [q for plan in plans for q in plan if not isinstance(q, Divergence)]
    base_answers = executor.run(plain, state=base, progress=_told(progress, "diff.base"))
    results: list[Result] = []
    for task, plan in zip(tasks, plans, strict=True):
        told = _told(progress, f"diff.{task.context.arm}")
        tuned = executor.run(plan, state=task.state, progress=told)
        answers = Answers(base_answers, tuned)
        results += [probe.measure(task.context, answers) for probe in task.probes]
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
