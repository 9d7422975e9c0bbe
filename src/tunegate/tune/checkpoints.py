"""Checkpoints that another trainer left: found, checked, and taken as an arm's epochs.

LLaMA-Factory, TRL and every other user of transformers' Trainer leave the same: `checkpoint-STEP`
folders with an adapter and a `trainer_state.json`, and the last adapter beside them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from tunegate.errors import InputError
from tunegate.files import hash_path, rename_folder
from tunegate.keys import content_hash
from tunegate.models.adapters import CONFIG, WEIGHTS, check_adapter, check_file
from tunegate.models.loading import Base
from tunegate.tune import lora
from tunegate.tune.outcome import Epoch

_PREFIX = "checkpoint-"
_TRAINER_STATE = "trainer_state.json"
_STATE = "epoch.json"


class Line(msgspec.Struct, frozen=True):
    """What a trainer logged at one step; lines about other things lack these."""

    loss: float | None = None
    epoch: float | None = None


class State(msgspec.Struct, frozen=True):
    """What matters of a `trainer_state.json`."""

    log_history: tuple[Line, ...] = ()


class Found(NamedTuple):
    """An adapter that a trainer left, and what it logged while training it."""

    folder: Path
    state: State


def finished(output: Path) -> list[Found]:
    """The checkpoints in a trainer's output folder that are whole, oldest first."""
    steps = {
        int(path.name.removeprefix(_PREFIX)): path
        for path in output.glob(f"{_PREFIX}*")
        if path.name.removeprefix(_PREFIX).isdigit() and (path / _TRAINER_STATE).is_file()
    }
    return [Found(steps[step], _state(steps[step])) for step in sorted(steps)]


def left_in(output: Path) -> list[Found]:
    """All adapters of a finished training, oldest first, its last one at the end.

    Args:
        output: A trainer's output folder, or a folder with one adapter.

    Raises:
        InputError: It holds none.
    """
    found = [one for one in finished(output) if (one.folder / CONFIG).is_file()]
    if (output / CONFIG).is_file():
        last = found[-1].folder if found else None
        weights = output / WEIGHTS
        same = last is not None and _same(weights, last / WEIGHTS)
        if not same:
            found.append(Found(output, _state(output)))
    if not found:
        raise InputError("adapter_none", path=str(output), config=CONFIG)
    return found


def digest(found: Sequence[Found]) -> str:
    """Tells apart what was found, by weights and configuration.

    Raises:
        InputError: Weights are missing, or no safetensors.
    """
    paths = [path for one in found for path in (check_file(one.folder), one.folder / CONFIG)]
    return content_hash(*map(hash_path, paths))


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and hash_path(one) == hash_path(other)


def _state(folder: Path) -> State:
    path = folder / _TRAINER_STATE
    if not path.is_file():
        return State()
    try:
        return msgspec.convert(json.loads(path.read_text("utf-8")), State)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError("checkpoint_broken", path=str(path)) from error


def take(base: Base, found: Sequence[Found], folder: Path) -> list[Epoch]:
    """Copies adapters as an arm's epochs, numbered from 1; what is there already stays.

    Args:
        base: The model that they were trained on.
        found: Oldest first.
        folder: Gets `epoch-1` …

    Raises:
        InputError: An adapter does not fit the base, or holds values that are no numbers.
        VoidError: Training moved no weight.
    """
    return [
        _taken(base, one, folder / f"epoch-{number}", number) for number, one in enumerate(found, 1)
    ]


def _taken(base: Base, one: Found, target: Path, number: int) -> Epoch:
    check_adapter(base, one.folder)
    staging = target.with_name(f".{target.name}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True, mode=0o700)
    shutil.copy(one.folder / WEIGHTS, staging / WEIGHTS)
    lora.write_config(one.folder / CONFIG, staging / CONFIG)
    loss = _loss(one.state)
    (staging / _STATE).write_bytes(msgspec.json.encode({"train_loss": loss}))
    rename_folder(staging, target)
    return Epoch(number, target, loss)


def taken_before(folder: Path) -> list[Epoch]:
    """The epochs of an earlier call: two arms on the same data and recipe are one training."""
    paths = {int(path.name.removeprefix("epoch-")): path for path in folder.glob("epoch-*")}
    return [
        Epoch(n, paths[n], msgspec.json.decode((paths[n] / _STATE).read_bytes())["train_loss"])
        for n in sorted(paths)
    ]


def _loss(state: State) -> float | None:
    """Mean of what was logged over the last epoch before this checkpoint."""
    history = [
        (line.epoch, line.loss)
        for line in state.log_history
        if line.loss is not None and line.epoch is not None
    ]
    if not history:
        return None
    since = history[-1][0] - 1.0
    values = [loss for epoch, loss in history if epoch > since]
    return sum(values) / len(values)
