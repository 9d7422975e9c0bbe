"""The team's own training YAML, and what of it is set otherwise for a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunegate import yamlfile
from tunegate.models import loading
from tunegate.plant import folder as planted_folder
from tunegate.runs import Run
from tunegate.settings import Settings
from tunegate.tune import llamafactory


def their_keys(settings: Settings) -> dict[str, Any]:
    """What the team's LLaMA-Factory YAML holds.

    Raises:
        InputError: It cannot be read.
    """
    return yamlfile.read(Path(settings.llamafactory.config), dict[str, Any])


def effective(
    theirs: Mapping[str, Any], settings: Settings, *, data: Path, names: Sequence[str], out: Path
) -> dict[str, Any]:
    """What LLaMA-Factory is given to train one planted dataset."""
    return llamafactory.effective(
        theirs,
        model=loading.model_folder(settings.model),
        data=data,
        names=names,
        output=out,
    )


def changes(run: Run, settings: Settings) -> tuple[llamafactory.Change, ...]:
    """What differs from the team's YAML when the routed arm is trained; none if it isn't theirs."""
    if settings.trainer != "llamafactory":
        return ()
    theirs = their_keys(settings)
    ours = effective(
        theirs,
        settings,
        data=run.vault("planted", "routed"),
        names=settings.data.datasets or (planted_folder.NAME,),
        out=run.vault("arms", "routed"),
    )
    return llamafactory.changes(theirs, ours)
