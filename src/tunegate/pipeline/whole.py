"""All stages in order, each skipped where it has nothing new to do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tunegate import decisions, intent
from tunegate.errors import InputError
from tunegate.pipeline import data, judge
from tunegate.pipeline.resolve import Progress, adopt, rulings_of
from tunegate.runs import Run
from tunegate.settings import Settings
from tunegate.types import Reason, Verdict

Announce = Callable[[Sequence[Reason]], None]


def everything(
    run: Run,
    settings: Settings,
    progress: Progress | None = None,
    *,
    announce: Announce | None = None,
) -> Verdict | tuple[str, ...]:
    """Runs scan, route, estimate, plant, tune, diff, verdict and report.

    Where the settings name a finished model, nothing is planted and nothing trained.

    Args:
        run: The run folder.
        settings: Become the run's own.
        progress: Told of the work of every stage.
        announce: Told what the data can show and what it costs, before anything is trained.

    Returns:
        The verdict; or the questions about intent that are open, before anything is trained.

    Raises:
        InputError: Something is wrong with the input; the report of what ran before is written.
    """
    adopt(run, settings)
    data.scan(run, settings, progress)
    data.route(run, settings, progress)
    try:
        outcome = _model_stages(run, settings, progress, announce)
    except InputError:
        judge.report(run, settings, progress)
        raise
    judge.report(run, settings, progress)
    return outcome


def open_questions(run: Run, settings: Settings) -> tuple[str, ...]:
    """The questions about intent that nobody has answered or waived."""
    if decisions.signed(rulings_of(run), "intent"):
        return ()
    return intent.missing(settings.intent)


def _model_stages(
    run: Run, settings: Settings, progress: Progress | None, announce: Announce | None
) -> Verdict | tuple[str, ...]:
    from tunegate.pipeline import audit  # noqa: PLC0415 - the data stages need no model's libraries

    if settings.tuned:
        audit.diff(run, settings, progress)
        return judge.verdict(run, settings, progress)
    rows = audit.estimate(run, settings, progress)
    if questions := open_questions(run, settings):
        return questions
    if announce is not None and not run.done("diff"):
        announce((*rows, audit.duration(run, settings)))
    for stage in (audit.plant, audit.tune, audit.diff, judge.verdict):
        stage(run, settings, progress)
    return run.verdict.read()
