"""Bundles of a run's arms, for training where TuneGate is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import structs

from tunegate.errors import InputError
from tunegate.files import hash_path
from tunegate.pipeline import plant
from tunegate.pipeline.theirs import their_keys
from tunegate.plant import folder as planted_folder
from tunegate.runs import Run
from tunegate.settings import Settings
from tunegate.tune import bundle, llamafactory
from tunegate.types import Recipe

_PLAIN = {  # what a YAML of ours says beyond the recipe
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "logging_steps": 5,
}
_ELSEWHERE = frozenset({"dtype", "max_samples", "val_size"})
# Written even where they are our defaults, for LLaMA-Factory's may be others.
_ALWAYS = frozenset(
    {
        *("learning_rate", "num_train_epochs", "per_device_train_batch_size", "template"),
        *("lora_rank", "lora_alpha", "lora_target", "cutoff_len", "lr_scheduler_type"),
    }
)


def write(run: Run, settings: Settings, target: Path, names: Sequence[str]) -> tuple[Path, ...]:
    """Writes one bundle an arm into `target`.

    Args:
        run: Planted.
        settings: Name the team's YAML; without one, the recipe is written as a YAML.
        target: Gets a folder an arm.
        names: Arms; none means all that the audit needs.

    Raises:
        InputError: Nothing is planted, an arm is unknown, or a bundle is there already.
    """
    run.made_by("plant")
    for name in names:
        if name not in plant.ARMS:
            raise InputError("arm_unknown", name=name, known=", ".join(plant.ARMS))
    written = []
    for name in names or plant.ARMS:
        data = run.vault("planted", name)
        # Relative to the bundle, wherever it is unpacked; the model keeps the team's own name.
        config = llamafactory.effective(
            their_keys(settings) if settings.llamafactory.config else _yaml(settings),
            model=None,
            data=Path(bundle.DATA),
            names=planted_folder.names_in(data),
            output=Path(bundle.OUTPUT),
        )
        folder = target / name
        bundle.write(folder, arm=name, data=data, digest=hash_path(data), config=config)
        written.append(folder)
    return tuple(written)


def _yaml(settings: Settings) -> dict[str, object]:
    """The recipe as LLaMA-Factory's keys, for a team without a YAML of its own."""
    recipe = structs.asdict(settings.recipe)
    plain = structs.asdict(Recipe())
    kept = {
        key: value
        for key, value in recipe.items()
        if key not in _ELSEWHERE and (key in _ALWAYS or value != plain[key])
    }
    return {"model_name_or_path": settings.model, **_PLAIN, **kept}
