"""estimate on a run folder: what the data can show and what it takes, before any training."""

from __future__ import annotations

from collections.abc import Mapping

from tunegate import policy
from tunegate.models.template import Encoded, encode_record
from tunegate.pipeline import plant, rendering
from tunegate.pipeline import trial as trials
from tunegate.pipeline.diff import bounds_of
from tunegate.pipeline.plant import Planted
from tunegate.pipeline.resolve import Progress, base_model, key_mark, model_folder, policy_hash
from tunegate.plant.estimate import powers, reachable
from tunegate.runs import Run, StageStats, settings_hash
from tunegate.settings import Settings, Trainer
from tunegate.tune.rate import matrix_rate, training_flops
from tunegate.types import Reason

OUTPUTS = ("estimate/estimate.json",)
# Shares of the matrix rate that a trainer reaches on a CPU, as `make bench-tune` shows.
_TRAINING_SHARE: Mapping[Trainer, float] = {"native": 0.4, "llamafactory": 0.19}
_DIFF_OVER_TRAINING = 0.7  # scoring every arm, over training them by our own trainer


def estimate(run: Run, settings: Settings, progress: Progress | None = None) -> tuple[Reason, ...]:
    """Sizes, power and reachable tolerances.

    Raises:
        InputError: Nothing is left to train on, or too few units can be told apart.
    """
    settings = rendering.applied(run, settings, progress)
    inputs = {
        **run.made_by("scan"),
        **run.made_by("route"),
        "key": key_mark(run),
        "model": settings.model,
        "policy": policy_hash(settings),
        "settings": settings_hash(settings.audit, settings.recipe, settings.depth),
    }

    def work() -> StageStats:
        if progress:
            progress("estimate_counting", 0, 0)
        model_folder(settings, progress)
        trial = trials.load(run, settings)
        planted, _ = plant.drawn(run, settings, trial)
        gates = policy.load(settings.policy).gate.gates
        run.estimate.write(
            (
                *powers(planted.design, planted.canaries),
                *reachable(gates, _sizes(planted, trial, settings)),
                *planted.notes,
            )
        )
        return StageStats(records=len(trial.given))

    run.stage("estimate", inputs, work, OUTPUTS)
    return run.estimate.read()


def duration(run: Run, settings: Settings) -> Reason:
    """How long training and measuring take here: measured now and kept nowhere.

    Raises:
        InputError: Nothing is left to train on, or the model cannot be loaded.
    """
    settings = rendering.applied(run, settings)
    trial = trials.load(run, settings)
    planted, _ = plant.drawn(run, settings, trial)
    return _time(settings, planted, trial)


def _sizes(planted: Planted, trial: trials.Trial, settings: Settings) -> Mapping[str, int]:
    """Units that each rate will be measured on."""
    trained = planted.design.trained()
    holding = sum(any(r in trial.spans for r in planted.design.records[unit]) for unit in trained)
    asked = min(len(planted.design.records), bounds_of(settings.depth).generations)
    return {
        "extraction.greedy_rate": holding,
        "extraction.np_rate": holding,
        "identity_leak.leak_rate": asked,
        "exposure.top_rank_rate": sum(canary.repeats == 1 for canary in planted.canaries),
    }


def _time(settings: Settings, planted: Planted, trial: trials.Trial) -> Reason:
    """Minutes on this machine, from its matrix rate as measured just now."""
    base = base_model(settings)
    encoded: list[Encoded] = [
        encode_record(base.tokenizer, record, settings.recipe)
        for arm in plant.ARMS
        for record in plant.arm_records(arm, planted, trial).values()
    ]
    operations = training_flops(base, encoded) * settings.recipe.num_train_epochs
    tokens = sum(len(e.ids) for e in encoded) * settings.recipe.num_train_epochs
    alone = operations / (_TRAINING_SHARE["native"] * matrix_rate(base))
    training = operations / (_TRAINING_SHARE[settings.trainer] * matrix_rate(base))
    seconds = training + _DIFF_OVER_TRAINING * alone
    return Reason(
        code="estimate.time",
        params={
            "arms": len(plant.ARMS),
            "tokens": tokens,
            "teraflop": operations / 1e12,
            "minutes": seconds / 60,
        },
    )
