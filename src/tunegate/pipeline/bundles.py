"""Bundles of a run's arms, for training where TuneGate is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunegate.errors import InputError
from tunegate.files import hash_path
from tunegate.models.embedded import NAME as EMBEDDED
from tunegate.pipeline import plant
from tunegate.pipeline.theirs import their_keys
from tunegate.plant import folder as planted_folder
from tunegate.runs import Run
from tunegate.settings import Settings
from tunegate.tune import bundle, llamafactory
from tunegate.types import Recipe


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
    plant.plant(run, settings)  # again, if the recipe is another since
    for name in names:
        if name not in plant.ARMS:
            raise InputError("arm_unknown", name=name, known=", ".join(plant.ARMS))
    if settings.llamafactory.config:
        theirs = their_keys(settings)
    elif settings.model == EMBEDDED:
        raise InputError("bundle_embedded")
    elif settings.recipe.template == Recipe().template:
        # By that name LLaMA-Factory means a template of its own, and here the tokenizer's is meant.
        raise InputError("bundle_template", template=settings.recipe.template)
    else:
        theirs = llamafactory.keys_of(settings.recipe, model=settings.model)
    written = []
    for name in names or plant.ARMS:
        data = run.vault("planted", name)
        # Relative to the bundle, wherever it is unpacked; the model keeps the team's own name.
        config = llamafactory.effective(
            theirs,
            model=None,
            data=Path(bundle.DATA),
            names=planted_folder.names_in(data),
            output=Path(bundle.OUTPUT),
        )
        folder = target / name
        bundle.write(folder, arm=name, data=data, digest=hash_path(data), config=config)
        written.append(folder)
    return tuple(written)
