"""One training on a planted arm, from before its first step until the arm is taken."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from msgspec import structs

from tunegate.errors import InputError, VoidError
from tunegate.files import STAGING, Document, hash_path
from tunegate.integrations.trl import known
from tunegate.integrations.trl.check import Checks, compare
from tunegate.integrations.trl.examples import examples
from tunegate.integrations.trl.guest import note
from tunegate.integrations.trl.recipe import Seen, check_model, recipe_of
from tunegate.models import loading
from tunegate.models.adapters import CONFIG, WEIGHTS
from tunegate.pipeline import adopt, audit, resolve, tune
from tunegate.pipeline.resolve import Progress
from tunegate.runs import Run
from tunegate.settings import Settings
from tunegate.tune import lora
from tunegate.types import Noun, Recipe

_LIBRARIES = ("accelerate", "datasets", "peft", "torch", "transformers", "trl")
_STATE = "trainer_state.json"
# What may differ between two arms' recipes: both follow from how many records an arm has.
_FREE = ("cutoff_len", "warmup_ratio")


class Saved(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """A checkpoint of this training: the optimiser's step and how many epochs were done."""

    step: int
    epoch: float


class Log(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """What a training was, without a word of what it was trained on.

    Attributes:
        data: Hash of the arm's planted dataset.
        schedule: The learning rate's, by the trainer's own name.
        quantised: Whether the base was trained on in 4 or 8 bits; it is audited unquantised.
        saved: Checkpoints as the trainer wrote them.
        taken: Digests of the arm's checkpoints; empty until training has ended.
    """

    arm: str
    data: str
    versions: Mapping[str, str]
    recipe: Recipe
    schedule: str
    seed: int
    data_seed: int | None
    max_length: int | None
    packing: bool
    processes: int
    quantised: bool
    checks: Checks
    saved: tuple[Saved, ...] = ()
    taken: tuple[str, ...] = ()


def document(run: Run, arm: str) -> Document[Log]:
    """`tune/arms/ARM/trainer.json`."""
    return Document[Log](run.arm_folder(arm) / "trainer.json", Log)


def begin(run: Run, arm: str, seen: Seen, dataloader: Any) -> Log:
    """Checks everything that can be checked before the first step.

    Raises:
        InputError: This training cannot be audited.
        VoidError: What was planted would not be trained on as it was planted.
    """
    settings = resolve.settings_of(run)
    data = hash_path(run.vault("planted", arm))
    resumed = seen.state.global_step
    before = _resumed(run, arm, step=resumed, data=data) if resumed else ()
    check_model(seen.model, resumed=bool(resumed))
    _check_base(seen.model, settings)
    if getattr(seen.args, "packing", False):
        raise VoidError("trainer_packing")
    fed = examples(dataloader)
    longest = max((len(one.ids) for one in fed), default=0)
    recipe = recipe_of(seen, settings.recipe, longest=longest)
    tokenizer = loading.load_tokenizer(settings.model)
    planted = known.planted(run, arm, tokenizer, recipe)
    checks = compare(
        planted,
        fed,
        decode=lambda ids: str(tokenizer.decode(ids, clean_up_tokenization_spaces=False)),
        others=lambda: known.others(run, settings, tokenizer, recipe),
        max_length=seen.max_length,
    )
    _check_reach(seen, dataloader, planted=len(planted))
    _told(settings, seen, checks)
    log = _log(arm, seen, recipe, checks, data=data, saved=before)
    document(run, arm).write(log)
    return log


def _log(
    arm: str, seen: Seen, recipe: Recipe, checks: Checks, *, data: str, saved: tuple[Saved, ...]
) -> Log:
    args, base = seen.args, seen.model.get_base_model()
    return Log(
        arm=arm,
        data=data,
        versions=_versions(),
        recipe=structs.replace(
            recipe,
            mask_history=checks.loss_on == "last_answer",
            train_on_prompt=checks.loss_on == "everything",
        ),
        schedule=str(getattr(args.lr_scheduler_type, "value", args.lr_scheduler_type)),
        seed=int(args.seed),
        data_seed=args.data_seed,
        max_length=seen.max_length,
        packing=False,
        processes=seen.processes,
        quantised=getattr(base, "quantization_method", None) is not None,
        checks=checks,
        saved=saved,
    )


def saved(run: Run, log: Log, state: Any) -> Log:
    """The log with the checkpoint that was just written."""
    one = Saved(step=int(state.global_step), epoch=float(state.epoch))
    log = structs.replace(log, saved=(*log.saved, one))
    document(run, log.arm).write(log)
    return log


def finish(run: Run, log: Log, seen: Seen) -> Log:
    """Takes what this training left, and nothing that lay in its folder before.

    Raises:
        InputError: The planted data changed meanwhile, or the adapters don't fit the base model.
        VoidError: No weight moved, or not everything was seen once.
    """
    state = seen.state
    _check_seen(seen, steps=state.global_step, planted=log.checks.examples)
    if hash_path(run.vault("planted", log.arm)) != log.data:
        raise InputError("trainer_replanted", arm=log.arm)
    settings = resolve.settings_of(run)
    recipe = structs.replace(log.recipe, num_train_epochs=_epochs(state.epoch))
    with run.lock():
        aside = run.vault("trainer").parent
        with tempfile.TemporaryDirectory(prefix=STAGING, dir=aside) as name:
            _collect(Path(name), log, seen)
            arm = adopt.take(
                run,
                settings,
                name=log.arm,
                source=Path(name),
                trainer=tune.TRL,
                recipe=recipe,
                seed=log.seed,
            )
        resolve.adopt(run, structs.replace(settings, recipe=recipe))
        taken = tuple(one.digest for one in arm.checkpoints)
        log = structs.replace(log, recipe=recipe, taken=taken)
        document(run, log.arm).write(log)
    return log


def complete(run: Run, arm: str, progress: Progress | None) -> Settings:
    """Trains what no trainer has trained, with the recipe that was read from this one.

    Returns:
        The settings that everything is measured under.

    Raises:
        InputError: The arm has not been trained, or two arms were trained otherwise.
    """
    recipes = trained(run)
    if arm not in recipes:
        raise InputError("trainer_not_trained", arm=arm)
    recipe = recipes[arm]
    for name, other in recipes.items():
        if differing := _differing(recipe, other):
            fields = ", ".join(differing)
            raise InputError("trainer_recipes", arm=arm, other=name, fields=fields)
    settings = structs.replace(resolve.settings_of(run), recipe=recipe)
    resolve.adopt(run, settings)
    audit.tune(run, settings, progress)
    return settings


def trained(run: Run) -> dict[str, Recipe]:
    """The arms that TRL trained on what is planted now, and with which recipe."""
    found = {}
    for arm in run.arms():
        data = run.vault("planted", arm.name)
        if arm.trainer != tune.TRL or arm.recipe is None or not data.is_dir():
            continue
        if arm.data_digest == hash_path(data):
            found[arm.name] = arm.recipe
    return found


def _differing(one: Recipe, other: Recipe) -> list[str]:
    names = [name for name in Recipe.__struct_fields__ if name not in _FREE]
    return [name for name in names if getattr(one, name) != getattr(other, name)]


def _epochs(done: float) -> int:
    return max(1, math.ceil(done - 1e-6))


def _resumed(run: Run, arm: str, *, step: int, data: str) -> tuple[Saved, ...]:
    """The checkpoints up to the one that an interrupted training goes on from."""
    kept = document(run, arm)
    log = kept.read() if kept.exists() else None
    if log is None or log.data != data or all(one.step != step for one in log.saved):
        raise InputError("trainer_resumed", step=step, arm=arm)
    return tuple(one for one in log.saved if one.step <= step)


def _check_base(model: Any, settings: Settings) -> None:
    """Refuses another base model than the run's, where its name still leads to its files."""
    named = str(getattr(model.get_base_model().config, "name_or_path", "") or "")
    try:
        theirs = loading.model_folder(named) if named else None
    except InputError:
        return
    ours = loading.model_folder(settings.model)
    if theirs is None or theirs.resolve() == ours.resolve():
        return
    if loading.folder_digest(theirs) != loading.folder_digest(ours):
        raise InputError("trainer_other_model", theirs=named, ours=settings.model)


def _check_reach(seen: Seen, dataloader: Any, *, planted: int) -> None:
    """Makes sure that one epoch goes through everything, and that one epoch is trained."""
    reached = len(dataloader) * seen.batch_size * seen.processes
    if reached < planted:
        raise VoidError("trainer_epoch", reached=reached, planted=planted)
    _check_seen(seen, steps=seen.state.max_steps, planted=planted)


def _check_seen(seen: Seen, *, steps: int, planted: int) -> None:
    least = math.ceil(planted / seen.step_size)
    if steps < least:
        raise VoidError("trainer_steps", steps=steps, least=least)


def _told(settings: Settings, seen: Seen, checks: Checks) -> None:
    """Notes for people on what is no reason to stop."""
    strategy = str(getattr(seen.args.save_strategy, "value", seen.args.save_strategy))
    if strategy != "epoch":
        note(settings.lang, "trainer_save_strategy", value=strategy)
    differing = checks.cut + checks.rendered_otherwise
    if differing:
        note(settings.lang, "trainer_differs", differing=differing, records=checks.examples)


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _collect(folder: Path, log: Log, seen: Seen) -> None:
    """Copies the last checkpoint of every epoch, and saves the adapter as it is now.

    The copy holds this training's own checkpoints only: a trainer's output folder may hold others.
    """
    last = {_epochs(one.epoch): one.step for one in log.saved}
    for step in last.values():
        source = Path(seen.args.output_dir) / f"checkpoint-{step}"
        if not (source / CONFIG).is_file():  # removed again, as `save_total_limit` has it
            continue
        (folder / source.name).mkdir()
        for name in (CONFIG, WEIGHTS, _STATE):
            if (source / name).is_file():
                shutil.copy(source / name, folder / source.name / name)
    best = getattr(seen.args, "load_best_model_at_end", False)
    if best or seen.state.global_step not in last.values():
        lora.save(seen.model, folder)
        seen.state.save_to_json(str(folder / _STATE))
