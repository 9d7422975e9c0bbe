"""What somebody else trained, as arms: adapters that come back, and models that are finished."""

from __future__ import annotations

from pathlib import Path

from tunegate.errors import InputError
from tunegate.files import hash_path
from tunegate.keys import content_hash
from tunegate.models.adapters import check_whole, is_whole_model, read_config
from tunegate.models.endpoints import Client, addressed, is_endpoint
from tunegate.models.loading import Base
from tunegate.models.remote import fingerprint
from tunegate.pipeline import plant, rendering, trial, tune
from tunegate.pipeline.plant import Planted
from tunegate.pipeline.resolve import Progress, base_model
from tunegate.plant import TRIAL_RECORDS, Design, language_of
from tunegate.runs import Run, StageStats, settings_hash
from tunegate.settings import Settings
from tunegate.tune import bundle, checkpoints
from tunegate.types import Arm, Checkpoint, Recipe
from tunegate.verdict import ADOPTED

ARM = ADOPTED
FINISHED, ENDPOINT = "finished", "endpoint"  # what stands for its trainer


def take(
    run: Run,
    settings: Settings,
    *,
    name: str,
    source: Path,
    trainer: str = tune.HOSTED,
    recipe: Recipe | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Arm:
    """Takes the adapters that a training on an arm's planted dataset left.

    Args:
        run: The run folder, planted.
        settings: The run's.
        name: The arm whose dataset it was trained on.
        source: A trainer's output folder, a folder with one adapter, or an archive of either.
        trainer: Who trained it.
        recipe: How; the settings' if nobody says.
        seed: Its training seed; None if nobody says.
        progress: Told of the work.

    Raises:
        InputError: Nothing is planted for that arm, the source holds no adapter, belongs to
            another bundle, or an adapter does not fit.
        VoidError: Training moved no weight.
    """
    run.made_by("plant")
    plant.plant(run, settings, progress)  # again, if the recipe is another since
    if name not in plant.ARMS:
        raise InputError("arm_unknown", name=name, known=", ".join(plant.ARMS))
    data = hash_path(run.vault("planted", name))
    base = base_model(settings)
    if progress:
        progress("tune_taking", 0, 0)
    with bundle.opened(source, aside=run.vault("arms").parent) as folder:
        bundle.check_return(folder, arm=name, data=data)
        found = checkpoints.left_in(folder)
        _check_recipe(found[-1].folder, recipe or settings.recipe)
        weights = checkpoints.digest(found)
        inputs = {"data": data, "base": base.digest, "adapter": weights}
        key = content_hash(*inputs.values())
        out = run.vault("arms", key[:16])

        def work() -> StageStats:
            epochs = checkpoints.take(base, found, out)
            arm = Arm(
                name=name,
                key=key,
                base=base.digest,
                data_digest=data,
                records=bundle.records_in(run.vault("planted", name)),
                recipe=recipe or settings.recipe,
                seed=seed,
                parent=tune.PARENT.get(name),
                trainer=trainer,
                checkpoints=tune.recorded(run, epochs),
                trained_tokens=None,
                deployable=name in tune.DEPLOYABLE,
            )
            run.arm(name).write(arm)
            return StageStats(records=arm.records)

        outputs = (f"tune/arms/{name}/arm.json", f"vault/arms/{key[:16]}")
        run.stage(f"tune.{name}", inputs, work, outputs)
    return run.arm(name).read()


def _check_recipe(adapter: Path, recipe: Recipe) -> None:
    """An adapter that was trained by the run's recipe has its rank and scale.

    Raises:
        InputError: It has others, or its configuration cannot be read.
    """
    config = read_config(adapter)
    for key, ours in (("r", recipe.lora_rank), ("lora_alpha", recipe.lora_alpha)):
        if config.get(key) != ours:
            theirs = str(config.get(key))[:20]
            raise InputError("adapter_recipe", path=adapter.name, key=key, value=theirs, ours=ours)


def finished(run: Run, settings: Settings, *, progress: Progress | None = None) -> Arm:
    """The settings' finished model as the arm `adopted`: adapter, whole model or endpoint.

    Raises:
        InputError: The run has a design of its own, there is no such model, or it does not fit.
        VoidError: Training moved no weight.
    """
    if run.done("plant"):
        raise InputError("adopt_planted", path=str(run.root))
    data = content_hash(*run.made_by("scan").values())
    if is_endpoint(settings.tuned):
        key = _fingerprint(settings, settings.tuned)
        if is_endpoint(settings.model) and _fingerprint(settings, settings.model) == key:
            raise InputError("adopt_same", url=settings.tuned)
        epochs = (Checkpoint(epoch=1, path=settings.tuned, digest=key, train_loss=None),)
        inputs = {"data": data, "endpoint": key}
        return _write(run, settings, inputs, epochs, base=settings.model, trainer=ENDPOINT)
    base = base_model(settings)
    if progress:
        progress("tune_taking", 0, 0)
    source = Path(settings.tuned).expanduser()
    if not source.exists():
        raise InputError("path_missing", path=str(source), nearest=str(source.parent))
    if is_whole_model(source):
        return _whole(run, settings, base, source, data=data)
    with bundle.opened(source, aside=run.vault("arms").parent) as folder:
        found = checkpoints.left_in(folder)
        weights = checkpoints.digest(found)
        taken = checkpoints.take(base, found, run.vault("arms", weights[:16]))
        inputs = {"data": data, "base": base.digest, "adapter": weights}
        out = f"vault/arms/{weights[:16]}"
        held = tune.recorded(run, taken)
        return _write(run, settings, inputs, held, base=base.digest, outputs=(out,))


def _fingerprint(settings: Settings, address: str) -> str:
    with Client(addressed(settings.endpoint, address)) as client:
        return fingerprint(client)


def _whole(run: Run, settings: Settings, base: Base, source: Path, *, data: str) -> Arm:
    """A whole tuned model stays where it is; the run keeps its hash."""
    folder = source.resolve()
    check_whole(base, folder)
    digest = hash_path(folder)
    epochs = (Checkpoint(epoch=1, path=str(folder), digest=digest, train_loss=None),)
    inputs = {"data": data, "base": base.digest, "model": digest}
    return _write(run, settings, inputs, epochs, base=base.digest)


def _write(
    run: Run,
    settings: Settings,
    inputs: dict[str, str],
    epochs: tuple[Checkpoint, ...],
    *,
    base: str,
    trainer: str = FINISHED,
    outputs: tuple[str, ...] = (),
) -> Arm:
    def work() -> StageStats:
        arm = Arm(
            name=ARM,
            key=content_hash(*inputs.values()),
            base=base,
            data_digest=inputs["data"],
            records=run.summary.read().records,
            recipe=None,
            seed=None,
            parent=None,
            trainer=trainer,
            checkpoints=epochs,
            trained_tokens=None,
            deployable=True,
        )
        run.arm(ARM).write(arm)
        return StageStats(records=arm.records)

    given = {**inputs, "recipe": settings_hash(settings.recipe)}
    run.stage(f"tune.{ARM}", given, work, (f"tune/arms/{ARM}/arm.json", *outputs))
    return run.arm(ARM).read()


def design(run: Run, settings: Settings, records: trial.Trial) -> Planted:
    """What is known of a finished training: everything was trained on, nothing was held out.

    Units that hold a sensitive value come first, up to the size of a trial: the rates are theirs.
    """
    grouped: dict[str, list[str]] = {}
    for record_id in sorted(records.given.keys() - rendering.left_out(run, settings)):
        grouped.setdefault(records.unit_of[record_id], []).append(record_id)
    order = sorted(grouped)
    run.key.rng("adopted", settings.audit.attempt).shuffle(order)
    order.sort(key=lambda unit: not any(r in records.spans for r in grouped[unit]))
    limit = settings.audit.max_records or TRIAL_RECORDS[settings.depth]
    chosen: list[str] = []
    size = 0
    for unit in order:
        if size + len(grouped[unit]) <= limit or not chosen:
            chosen.append(unit)
            size += len(grouped[unit])
    return Planted(
        design=Design(
            attempt=settings.audit.attempt,
            always=tuple(sorted(chosen)),
            members=(),
            held_out=(),
            utility=(),
            pseudo_members=(),
            records={unit: tuple(grouped[unit]) for unit in sorted(chosen)},
        ),
        canaries=(),
        language=language_of([s.text for r in records.given.values() for s in r.segments]),
        stress_test=False,
        notes=rendering.notes(run, settings),
    )
