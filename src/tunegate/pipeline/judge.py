"""The stages at the end: what was found, put before people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import tunegate.verdict as judging
from tunegate import __version__, decisions, intent, policy
from tunegate.diff import controls
from tunegate.errors import InputError
from tunegate.files import Document
from tunegate.models.embedded import NAME as EMBEDDED
from tunegate.pipeline import adopt, rendering, tune
from tunegate.pipeline.resolve import Progress, policy_hash, rulings_of
from tunegate.present import html
from tunegate.present.catalogue import LANGUAGES
from tunegate.present.view import EstimateRow, Report
from tunegate.runs import Run, settings_hash
from tunegate.settings import Settings
from tunegate.types import Arm, Destination, Json, Measurement, Reason, Verdict

REPORT = tuple(f"report.{lang}.html" for lang in LANGUAGES)
_LIBRARIES = ("torch", "transformers", "peft")


def verdict(run: Run, settings: Settings, progress: Progress | None = None) -> Verdict:
    """Decides on what was measured, with people's decisions.

    Raises:
        InputError: `diff` has not run.
    """
    rulings = rulings_of(run)
    inputs = {
        **run.made_by("scan"),
        **run.made_by("route"),
        **run.made_by("diff"),
        "intent": settings_hash(settings.intent),
        "model": settings.model,
        "tuned": settings.tuned,
        "policy": policy_hash(settings),
        "rulings": settings_hash(rulings),
    }

    def work() -> None:
        if progress is not None:
            progress("verdict.deciding", 0, 0)
        measurements = run.measurements.read()
        judged = run.arm(judging.ADOPTED if settings.tuned else judging.JUDGED).read()
        given = judging.verdict(
            policy=policy.load(settings.policy),
            measurements=measurements,
            evidence=tuple(run.evidence.read()),
            controls=_controls(judged, measurements),
            scan=run.summary.read(),
            intent=settings.intent,
            judged=judged.name,
            known_limits=_known_limits(run, settings, judged),
            rulings=rulings,
            bound_to=_bound_to(judged),
            destinations=_destinations(run, settings, judged),
            proxy=settings.model == EMBEDDED,
        )
        run.verdict.write(given)

    run.stage("verdict", inputs, work, ("verdict.json",))
    return run.verdict.read()


def _controls(judged: Arm, measurements: Sequence[Measurement]) -> dict[str, judging.Control]:
    """How the probes did on their controls; those ran in memory and say nothing of an endpoint."""
    if judged.trainer == adopt.ENDPOINT:
        return {}
    return {
        name: judging.Control(positive=one.positive, null=one.null)
        for name, one in controls.outcomes(measurements).items()
    }


def _destinations(run: Run, settings: Settings, judged: Arm) -> Mapping[Destination, int]:
    """Where the records went: of a finished training all are in the weights, as they were."""
    if settings.tuned:
        return {"finetune": judged.records}
    return Counter(one.destination for one in run.routes.read())


def _known_limits(run: Run, settings: Settings, judged: Arm) -> tuple[Reason, ...]:
    """What of a training elsewhere cannot be seen from here, and what was left out of the trial."""
    found = list(rendering.notes(run, settings))
    params: dict[str, str | int | float]
    elsewhere = judged.trainer in (tune.HOSTED, adopt.FINISHED, adopt.ENDPOINT)
    if elsewhere and settings.trainer != "llamafactory":
        params = {"template": settings.recipe.template}
        found.append(Reason(code="limit.rendering_unchecked", params=params))
    if judged.trainer == adopt.ENDPOINT:
        found.append(Reason(code="limit.endpoint"))
    log = Document[Json](run.arm_folder(judged.name) / "trainer.json", Any)
    if judged.trainer == tune.TRL and log.exists():
        checks = log.read()["checks"]
        differing = checks["cut"] + checks["rendered_otherwise"]
        if differing:
            params = {"differing": differing, "records": checks["examples"]}
            found.append(Reason(code="trainer_differs", params=params))
    return tuple(found)


def _bound_to(judged: Arm) -> dict[str, str]:
    """What the verdict holds for, and for nothing else."""
    return {
        "base": judged.base,
        "recipe": settings_hash(judged.recipe, judged.seed),
        "data": judged.data_digest,
        "adapter": judged.checkpoints[-1].digest,
    }


def report(run: Run, settings: Settings, progress: Progress | None = None) -> tuple[Path, ...]:
    """Writes the report of the stages that have run, in every language.

    Returns:
        The pages' paths.

    Raises:
        InputError: Not even `scan` has run.
    """
    done = [name for name in run.done_stages() if name != "report"]
    if "scan" not in done:
        raise InputError("stage_missing", verb="scan", path=str(run.root))
    inputs = {path: one for name in done for path, one in run.made_by(name).items()}
    inputs["intent"] = settings_hash(settings.intent)
    inputs["rulings"] = settings_hash(rulings_of(run))
    inputs["settings"] = settings_hash(settings.model, settings.policy, settings.data.datasets)

    def work() -> None:
        page = gather(run, settings, done=done)
        for at, lang in enumerate(LANGUAGES, start=1):
            run.report(lang).write(html.render(page, lang))
            if progress is not None:
                progress("report.writing", at, len(LANGUAGES))

    run.stage("report", inputs, work, REPORT)
    return tuple(run.root / path for path in REPORT)


def gather(run: Run, settings: Settings, *, done: list[str]) -> Report:
    """Everything that the stages in `done` left, as the report takes it."""
    waived = decisions.signed(rulings_of(run), "intent")
    answered = {name: intent.answers(settings.intent, name) for name in _questions()}
    arms = tuple(arm for arm in run.arms() if f"tune.{arm.name}" in done)
    return Report(
        project=", ".join(settings.data.datasets)
        or ", ".join(Path(path).stem for path in settings.data.paths),
        run=settings_hash(*(run.made_by(name) for name in done))[:12],
        scan_summary=run.summary.read() if "scan" in done else None,
        findings=tuple(run.findings.read()) if "scan" in done else (),
        routes=tuple(run.routes.read()) if "route" in done else (),
        intent={name: given for name, given in answered.items() if given},
        waived_by=waived.who if waived else "",
        estimate=_estimate(run) if "estimate" in done else None,
        design=_counts(run.design.read()) if "plant" in done else {},
        arms=arms,
        measurements=run.measurements.read() if "diff" in done else (),
        curves=run.curves.read() if "diff" in done and run.curves.exists() else (),
        evidence=tuple(run.evidence.read()) if "diff" in done else (),
        verdict=run.verdict.read() if "verdict" in done else None,
        versions=_versions(settings, trained=bool(arms)),
    )


def _questions() -> tuple[str, ...]:
    return intent.Intent.__struct_fields__


def _estimate(run: Run) -> tuple[EstimateRow, ...]:
    return tuple(EstimateRow(code=one.code, params=one.params) for one in run.estimate.read())


def _counts(design: Json) -> Mapping[str, str | int | float | Mapping[str, int]]:
    """The numbers of the design; its lists of digests are nothing to read."""
    shown = {name: design[name] for name in ("canaries", "candidates")}
    return {**design["counts"], **shown}


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return ""


def _versions(settings: Settings, *, trained: bool) -> dict[str, str]:
    rules = policy.load(settings.policy)
    libraries = {name: found for name in _LIBRARIES if trained and (found := _version(name))}
    return {
        "tunegate": __version__,
        "policy": f"{rules.name} {rules.edition}",
        "model": Path(settings.model).name,
        **libraries,
    }
