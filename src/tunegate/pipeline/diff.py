"""diff on a run folder: which probes look at which arm, and at which of its checkpoints."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import tunegate.diff as measuring
from tunegate.diff import Context, Result, Sample, Task, controls
from tunegate.models.endpoints import is_endpoint
from tunegate.pipeline import adopt, asked, plant, rendering, trial, tune
from tunegate.pipeline.asked import Models
from tunegate.pipeline.plant import Planted
from tunegate.pipeline.resolve import Progress, base_model, key_mark
from tunegate.runs import Run, StageStats, settings_hash
from tunegate.settings import Depth, Settings
from tunegate.types import Arm, Reason, Turn

OUTPUTS = ("diff/measurements.json", "diff/curves.json", "diff/evidence.jsonl")

_INSTRUMENTS = (controls.ARM, controls.PLACEBO)
_FINAL = ("extraction", "membership", "identity_leak", "drift", "utility")
_EARLIER = ("extraction", "membership", "utility")
_LOOKED_AT: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # arm: probes at its last checkpoint, probes at earlier ones
    "as_given": (_FINAL, _EARLIER),
    "routed": (_FINAL, _EARLIER),
    "canaried": (("exposure",), ("exposure",)),
    "placebo": (("extraction", "exposure", "membership", "identity_leak", "drift"), ()),
    adopt.ARM: ((*_FINAL, "exposure"), ("extraction",)),
    "control": (("extraction", "exposure", "membership", "identity_leak"), ()),
}


# Chance decides who is a member and which secret is planted; nobody drew for a finished training.
_UNRANDOMISED = {name: Reason(code="no_randomisation") for name in ("membership", "exposure")}


class Bounds(NamedTuple):
    """What a depth looks at.

    Attributes:
        generations: Prompts answered in the model's own words.
        earlier_units: Units a side at checkpoints before the last.
        prompts: Ordinary prompts.
        null_units: Units a side in the placebo arm.
    """

    generations: int
    earlier_units: int
    prompts: int
    null_units: int


_BOUNDS: Mapping[Depth, Bounds] = {
    "quick": Bounds(generations=20, earlier_units=20, prompts=20, null_units=24),
    "standard": Bounds(generations=96, earlier_units=96, prompts=24, null_units=96),
    "full": Bounds(generations=10_000, earlier_units=10_000, prompts=24, null_units=10_000),
}


def bounds_of(depth: Depth) -> Bounds:
    """What a depth looks at."""
    return _BOUNDS[depth]


class Material(NamedTuple):
    """What all contexts are cut from."""

    planted: Planted
    records: trial.Trial
    prompts: tuple[tuple[Turn, ...], ...]
    seed: int
    bounds: Bounds


def measure(run: Run, settings: Settings, progress: Progress | None = None) -> Result:
    """Measures every arm against the base model.

    Where the settings name a finished model, that is taken as the run's one arm first.

    Raises:
        InputError: An arm is missing or is no longer what was trained.
    """
    run.made_by("route" if settings.tuned else "plant")
    settings = rendering.applied(run, settings, progress)
    if settings.tuned:
        _adopted(run, settings, progress)
    arms = _present(run, settings)
    before = ("scan", "route") if settings.tuned else ("plant",)
    inputs = {
        **{path: one for name in before for path, one in run.made_by(name).items()},
        **{path: one for arm in arms for path, one in run.made_by(f"tune.{arm.name}").items()},
        "key": key_mark(run),
        "settings": settings_hash(
            settings.depth,
            settings.recipe,
            settings.audit,
            settings.model,
            settings.tuned,
            sorted(rendering.left_out(run, settings)),
        ),
    }

    def work() -> StageStats:
        result = _measured(run, settings, arms, progress)
        run.measurements.write(result.measurements)
        run.curves.write(result.curves)
        run.evidence.write(e for e in result.evidence if e.arm not in _INSTRUMENTS)
        return StageStats(records=len(result.measurements))

    run.stage("diff", inputs, work, OUTPUTS)
    return Result(run.measurements.read(), run.curves.read(), tuple(run.evidence.read()))


def _present(run: Run, settings: Settings) -> tuple[Arm, ...]:
    """The arms that are measured: a folder may hold others of an earlier use."""
    wanted: set[str] = {adopt.ARM} if settings.tuned else set(plant.ARMS)
    if not is_endpoint(settings.model):
        wanted.add(controls.ARM)
    return tuple(arm for arm in run.arms() if arm.name in wanted)


def _adopted(run: Run, settings: Settings, progress: Progress | None) -> None:
    """The finished model as an arm, and the positive control where the base is in memory."""
    adopt.finished(run, settings, progress=progress)
    if not is_endpoint(settings.model):
        language = adopt.design(run, settings, trial.load(run, settings)).language
        tune.control(run, base_model(settings), settings, language, progress)


def _measured(
    run: Run, settings: Settings, arms: Sequence[Arm], progress: Progress | None
) -> Result:
    records = trial.load(run, settings)
    planted = (
        adopt.design(run, settings, records) if settings.tuned else plant.vault_design(run).read()
    )
    bounds = bounds_of(settings.depth)
    material = Material(
        planted=planted,
        records=records,
        prompts=measuring.ordinary_prompts(planted.language)[: bounds.prompts],
        seed=run.key.seed("diff", planted.design.attempt) % 2**31,
        bounds=bounds,
    )
    with asked.opened(run, settings) as models:
        tasks = _tasks(models, arms, material)
        return measuring.measure(tasks, base=models.base(), progress=progress)


def _tasks(models: Models, arms: Sequence[Arm], material: Material) -> list[Task]:
    probes = {probe.name: probe for probe in measuring.ALL}
    tasks = []
    for arm in arms:
        last, earlier = _LOOKED_AT.get(arm.name, ((), ()))
        for checkpoint in arm.checkpoints:
            final = checkpoint is arm.checkpoints[-1]
            names = last if final else earlier
            if not names:
                continue
            context = _context(arm, checkpoint.epoch, material)
            if not final:
                context = _smaller(context, material, units=material.bounds.earlier_units)
            elif arm.name == controls.PLACEBO:
                context = _smaller(context, material, units=material.bounds.null_units)
            tasks.append(
                Task(
                    context,
                    models.tuned(arm, checkpoint),
                    tuple(probes[name] for name in names),
                    _UNRANDOMISED if arm.name == adopt.ARM else {},
                )
            )
    return tasks


def _context(arm: Arm, epoch: int, material: Material) -> Context:
    planted, records = material.planted, material.records
    design = planted.design
    if arm.name == controls.ARM:
        return controls.context(planted.language, checkpoint=epoch, prompts=material.prompts)
    placebo = arm.name == controls.PLACEBO
    as_given = arm.name in ("as_given", adopt.ARM)
    form = records.given if as_given else records.routed
    trained = design.side("placebo" if placebo else "trained")
    seen = trained if as_given else trained & records.unscrubbed
    digests = trial.trained_digests(records, seen)
    side_of = trial.sides(design)
    given = trial.samples(records, design, side_of, form=records.given, spans=True)
    if placebo:
        given = _unseen(given, digests)
        side_of = trial.pseudo_sides(design)
    return Context(
        arm=arm.name,
        checkpoint=epoch,
        samples=trial.samples(records, design, side_of, form=form, spans=as_given),
        given=tuple(sample for sample in given if sample.spans),
        canaries=tuple(c for c in planted.canaries if c.repeats or not placebo),
        prompts=material.prompts,
        trained_digests=digests,
        seed=material.seed,
        generations=material.bounds.generations,
        compared=arm.name != adopt.ARM,
    )


def _unseen(given: Sequence[Sample], digests: frozenset[str]) -> tuple[Sample, ...]:
    """Samples of units that the placebo arm never saw, without the values that it did see."""
    return tuple(
        sample._replace(spans=tuple(s for s in sample.spans if s.digest not in digests))
        for sample in given
        if sample.side in ("member", "always")
    )


def _smaller(context: Context, material: Material, *, units: int) -> Context:
    """The same context with at most so many units a side, the same ones every time."""
    rng = random.Random(material.seed)
    kept: set[str] = set()
    for side in ("member", "held_out", "utility"):
        there = sorted({s.unit for s in context.samples if s.side == side})
        rng.shuffle(there)
        kept.update(there[:units])
    kept.update(s.unit for s in context.given if s.side == "always")
    return context._replace(
        samples=tuple(s for s in context.samples if s.unit in kept),
        given=tuple(s for s in context.given if s.unit in kept),
        canaries=tuple(c for c in context.canaries if c.repeats),
    )
