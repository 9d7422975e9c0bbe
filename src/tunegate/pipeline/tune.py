"""tune on a run folder: trains the arms, each a stage of its own, resumable epoch by epoch."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock
from msgspec import structs

import tunegate.tune as training
from tunegate import records
from tunegate.diff import controls
from tunegate.errors import InputError
from tunegate.files import cache_folder, hash_path
from tunegate.keys import content_hash
from tunegate.models.loading import Base
from tunegate.pipeline import plant, rendering
from tunegate.pipeline.resolve import Progress, base_model
from tunegate.pipeline.theirs import effective, their_keys
from tunegate.plant import folder as planted_folder
from tunegate.runs import Run, StageStats, settings_hash
from tunegate.settings import Settings
from tunegate.tune import llamafactory
from tunegate.tune.batches import examples
from tunegate.types import Arm, Checkpoint, Recipe

# Who may be handed over: only what saw neither canaries nor held-out records.
DEPLOYABLE = frozenset({"routed"})
PARENT = {"canaried": "routed"}
HOSTED, TRL = "hosted", "trl"  # trainers elsewhere, on data that was planted here
_OUTSIDE = frozenset({HOSTED, TRL})
_THEIRS = "llamafactory"  # folder that LLaMA-Factory works in, until its checkpoints are taken


class Wanted(NamedTuple):
    """One arm to train."""

    name: str
    recipe: Recipe
    seed: int


def arms(settings: Settings) -> tuple[Wanted, ...]:
    """The trial's arms, in the order in which they are trained."""
    seed = settings.audit.seed
    return tuple(Wanted(name, settings.recipe, seed) for name in plant.ARMS)


def tune_arms(run: Run, settings: Settings, progress: Progress | None = None) -> tuple[Arm, ...]:
    """Trains every arm that is not there yet, and the positive control.

    Raises:
        InputError: The model cannot be loaded, or training went wrong.
        VoidError: Weights did not move.
    """
    run.made_by("plant")
    plant.plant(run, settings, progress)  # again, if the recipe or the trainer is another since
    named = settings.recipe.template
    settings = rendering.applied(run, settings, progress)
    base = base_model(settings)
    for wanted in arms(settings):
        _arm(run, base, settings, wanted, template=named, progress=progress)
    control(run, base, settings, plant.vault_design(run).read().language, progress)
    return run.arms()


def _arm(
    run: Run,
    base: Base,
    settings: Settings,
    wanted: Wanted,
    *,
    template: str,
    progress: Progress | None,
) -> None:
    data = run.vault("planted", wanted.name)
    inputs = {
        "data": hash_path(data),
        "base": base.digest,
        "recipe": settings_hash(wanted.recipe, wanted.seed, base.dtype),
    }
    if _stands(run, wanted, template=template, data=inputs["data"], base=base.digest):
        return
    theirs = None
    if settings.trainer == "llamafactory":
        theirs = their_keys(settings)
        inputs["llamafactory"] = settings_hash(theirs)
    key = content_hash(*inputs.values())
    out = run.vault("arms", key[:16])

    def work() -> StageStats:
        dataset = records.open(data, key=run.key)
        encoded = examples(base.tokenizer, dataset, wanted.recipe)
        told = _told(progress, wanted.name)
        if theirs is not None:
            names = planted_folder.names_in(data)
            trained = llamafactory.train(
                base,
                encoded,
                effective(theirs, settings, data=data, names=names, out=out / _THEIRS),
                command=llamafactory.program(settings.llamafactory.environment),
                folder=out,
                progress=told,
            )
        else:
            trained = training.train(
                base, encoded, wanted.recipe, seed=wanted.seed, folder=out, progress=told
            )
        arm = Arm(
            name=wanted.name,
            key=key,
            base=base.digest,
            data_digest=inputs["data"],
            records=len(encoded),
            recipe=structs.replace(wanted.recipe, template=template),
            seed=wanted.seed if theirs is None else llamafactory.seed(theirs),
            parent=PARENT.get(wanted.name),
            trainer=settings.trainer,
            checkpoints=recorded(run, trained.epochs),
            trained_tokens=trained.tokens,
            deployable=wanted.name in DEPLOYABLE,
        )
        run.arm(wanted.name).write(arm)
        return _stats(trained, len(encoded), base)

    outputs = (f"tune/arms/{wanted.name}/arm.json", f"vault/arms/{key[:16]}")
    run.stage(f"tune.{wanted.name}", inputs, work, outputs)


def _stands(run: Run, wanted: Wanted, *, template: str, data: str, base: str) -> bool:
    """Whether an arm was trained elsewhere, and so is not trained here.

    Raises:
        InputError: It was trained on another base, other data or by another recipe than the arms
            that it is compared with; it is not thrown away without a word.
    """
    name = wanted.name
    if not run.arm(name).exists() or not run.done(f"tune.{name}"):
        return False
    arm = run.arm(name).read()
    if arm.trainer not in _OUTSIDE:
        return False
    if (arm.data_digest, arm.base) != (data, base):
        raise InputError("arm_data_other", arm=name, path=f"{run.root}/tune/arms/{name}")
    if arm.recipe != structs.replace(wanted.recipe, template=template):
        raise InputError("arm_recipe_other", arm=name)
    return True


def recorded(run: Run, epochs: Iterable[training.Epoch]) -> tuple[Checkpoint, ...]:
    """An arm's epochs as its `arm.json` names them."""
    return tuple(
        Checkpoint(
            epoch=epoch.epoch,
            path=str(epoch.folder.relative_to(run.root)),
            digest=hash_path(epoch.folder),
            train_loss=epoch.train_loss,
        )
        for epoch in epochs
    )


def _stats(trained: training.Trained, size: int, base: Base) -> StageStats:
    rates: Mapping[str, float] = {}
    if trained.seconds:
        rates = {
            "trained_tokens_per_second": round(trained.tokens_per_second, 1),
            "matrix_rate_share": round(trained.matrix_share, 3),
            "bits": 16.0 if base.dtype == "bf16" else 32.0,
        }
    return StageStats(records=size, rates=rates)


def _told(progress: Progress | None, name: str) -> training.Progress | None:
    if progress is None:
        return None
    return lambda done, total: progress(f"tune.{name}", done, total)


def control(
    run: Run, base: Base, settings: Settings, language: str, progress: Progress | None
) -> None:
    """The positive control: trained once per base model and template, then copied."""
    recipe = structs.replace(controls.RECIPE, template=settings.recipe.template)
    key = content_hash(
        str(controls.VERSION), base.digest, base.dtype, language, settings_hash(recipe)
    )
    kept = cache_folder() / "controls" / key[:16]
    inputs = {"base": base.digest, "control": key}
    out = run.vault("arms", key[:16])

    def work() -> StageStats:
        encoded = examples(base.tokenizer, controls.training_records(language), recipe)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(str(kept) + ".lock"):
            trained = training.train(
                base,
                encoded,
                recipe,
                seed=controls.SEED,
                folder=kept,
                progress=_told(progress, controls.ARM),
            )
        last = trained.epochs[-1]
        with run.new_folder(f"vault/arms/{key[:16]}") as target:
            shutil.copytree(last.folder, target / last.folder.name)
        own = last._replace(folder=out / last.folder.name)
        arm = Arm(
            name=controls.ARM,
            key=key,
            base=base.digest,
            data_digest=content_hash(str(controls.VERSION), language),
            records=len(encoded),
            recipe=recipe,
            seed=controls.SEED,
            parent=None,
            trainer="native",
            checkpoints=recorded(run, (own,)),
            trained_tokens=trained.tokens,
            deployable=False,
        )
        run.arm(controls.ARM).write(arm)
        return _stats(trained, len(encoded), base)

    outputs = (f"tune/arms/{controls.ARM}/arm.json", f"vault/arms/{key[:16]}")
    run.stage(f"tune.{controls.ARM}", inputs, work, outputs)


def adapter(run: Run, arm: Arm, checkpoint: Checkpoint) -> Path:
    """Where a checkpoint lies.

    Raises:
        InputError: It is no longer what it was when it was trained.
    """
    path = run.root / checkpoint.path
    if not path.is_dir() or hash_path(path) != checkpoint.digest:
        raise InputError("checkpoint_changed", arm=arm.name, epoch=checkpoint.epoch)
    return path
