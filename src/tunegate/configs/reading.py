"""What reading any trainer's file takes: typed values, places for messages, a recipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from tunegate.configs import Dialect
from tunegate.errors import InputError
from tunegate.types import Recipe
from tunegate.yamlfile import line_of, one_line

T = TypeVar("T")
_TITLES: Mapping[Dialect, str] = {
    "llamafactory": "LLaMA-Factory",
    "axolotl": "axolotl",
    "trl": "TRL",
}
# Schedules of Hugging Face's trainer → ours; its `constant` knows no warm-up.
SCHEDULES = {
    "linear": "linear",
    "cosine": "cosine",
    "constant": "constant",
    "constant_with_warmup": "constant",
}
_AT_LEAST_ONE = (
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "lora_rank",
    "cutoff_len",
)


class Config(NamedTuple):
    """A configuration file, or a mapping in it.

    Attributes:
        path: The file.
        keys: What it holds.
        strict: False for programs that take a number written as text for a number.
        at: The way to the mapping, such as `datasets[0]`; empty for the file itself.
    """

    path: Path
    keys: Mapping[str, Any]
    strict: bool = True
    at: str = ""

    def way(self, key: str) -> str:
        """The way to a key, from the top of the file."""
        return f"{self.at}.{key}" if self.at else key

    def place(self, key: str) -> dict[str, str | int]:
        """The file and the line that a key stands on, for a message."""
        return _place(self.path, self.way(key))

    def has(self, key: str) -> bool:
        """Whether the key is set to anything."""
        return self.keys.get(key) is not None

    def on(self, key: str) -> bool:
        """Whether the key is set to anything but null, false, zero and nothing."""
        return bool(self.keys.get(key))


def value(config: Config, key: str, kind: type[T], default: T) -> T:
    """The value of a key as a `kind`; `default` if it is not set.

    Raises:
        InputError: It is something else.
    """
    if not config.has(key):
        return default
    try:
        found = msgspec.convert(config.keys[key], kind, strict=config.strict)
    except msgspec.ValidationError as error:
        raise wrong(config, key, str(error)) from error
    if isinstance(found, float) and not math.isfinite(found):
        raise wrong(config, key, "Expected a finite number")
    return found


def needed(config: Config, key: str, *, trainer: Dialect) -> str:
    """The text of a key without which there is nothing to train.

    Raises:
        InputError: It is not set, or is no text.
    """
    if found := value(config, key, str, ""):
        return found
    raise lacking(config, key, trainer=trainer)


def lacking(config: Config, key: str, *, trainer: Dialect) -> InputError:
    """The error for a key that is not set."""
    title = _TITLES[trainer]
    return InputError("config_needs", path=str(config.path), key=config.way(key), trainer=title)


def wrong(config: Config, key: str, what: str) -> InputError:
    """The error for a value of the wrong type."""
    return InputError("yaml_value", **config.place(key), at=config.way(key), what=what)


def unfit(config: Config, key: str, given: Any, *, why: str, write: str) -> InputError:
    """The error for a value under which TuneGate cannot audit the training.

    Args:
        config: The file.
        key: The key.
        given: Its value.
        why: One of the reasons `unfit.…` of the catalogue.
        write: The value that would do.
    """
    return InputError("config_unfit", **named(config, key, given), unfit=why, write=write)


def named(config: Config, key: str, given: Any) -> dict[str, str | int]:
    """The place of a key, and its value, for a message."""
    return {**config.place(key), "key": key, "value": one_line(given)}


def to_recipe(config: Config, given: Mapping[str, Any], names: Mapping[str, str]) -> Recipe:
    """A recipe from values by our names.

    Args:
        config: The file, for messages.
        given: Field → value.
        names: Field → key of the file, where they differ.

    Raises:
        InputError: A value is of the wrong type, or such that nothing can be trained.
    """

    def at(field: str) -> str:
        return names.get(field, field)

    try:
        recipe = msgspec.convert(given, Recipe, strict=config.strict)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at ")
        raise wrong(config, at(place.strip("`").removeprefix("$.")), what) from error
    check_recipe(recipe, path=config.path, at=at)
    return recipe


def check_recipe(recipe: Recipe, *, path: Path, at: Callable[[str], str] = str) -> None:
    """Refuses a recipe that cannot train anything.

    Args:
        recipe: What the file says.
        path: The file, for messages.
        at: The recipe's field → the way to the key of the file.

    Raises:
        InputError: Naming the line, the key and the least that it may be.
    """
    for field in _AT_LEAST_ONE:
        if getattr(recipe, field) < 1:
            raise InputError("recipe_too_small", **_place(path, at(field)), key=at(field), least=1)
    if not 0 < recipe.learning_rate < 1:
        place = _place(path, at("learning_rate"))
        raise InputError("recipe_learning_rate", **place, value=f"{recipe.learning_rate:g}")


def _place(path: Path, way: str) -> dict[str, str | int]:
    return {"path": str(path), "line": line_of(path, way)}


def targets(config: Config, key: str, default: str) -> str:
    """The modules that the adapter is put on, as a recipe names them.

    Raises:
        InputError: The value is neither text nor a list of texts.
    """
    if isinstance(config.keys.get(key), list):
        return ",".join(value(config, key, list[str], []))
    modules = value(config, key, str, default)
    return "all" if modules == "all-linear" else modules


def dtype(config: Config) -> str:
    """The recipe's `dtype`; what is not set, or left to the machine, is `auto`."""
    if not config.has("bf16") or config.keys["bf16"] == "auto":
        return "auto"
    return "bf16" if value(config, "bf16", bool, False) else "fp32"


def schedule(config: Config, key: str, default: str, *, warm: float = 0.0) -> dict[str, Any]:
    """The recipe's schedule and warm-up, as far as a recipe can say what the file gives.

    Args:
        config: The file.
        key: The key that names the schedule.
        default: The program's own schedule.
        warm: The share that the program warms up where the file says nothing of it.
    """
    wanted = value(config, key, str, default)
    share = warmup(config)
    if wanted == "constant":
        share = 0.0
    elif share is None:
        share = 0.0 if config.has("warmup_steps") else warm
    return {"lr_scheduler_type": SCHEDULES.get(wanted, default), "warmup_ratio": share}


def warmup(config: Config) -> float | None:
    """The share of the training that warms up; None if the file gives none, or gives steps."""
    if config.has("warmup_ratio"):
        return value(config, "warmup_ratio", float, 0.0)
    steps = value(config, "warmup_steps", float, 0.0)
    return steps if 0 < steps < 1 else None


def starts(config: Config) -> tuple[Path, ...]:
    """Where a relative path is looked for: the working folder, then the file's own."""
    return Path.cwd(), config.path.resolve().parent


def lying(name: str, folders: Sequence[Path]) -> Path | None:
    """What `name` stands for in the first of `folders` that has it, as an absolute path."""
    for start in folders:
        try:
            if (path := start / homed(name)).exists():
                return path
        except OSError:  # such as a name longer than any file's
            continue
    return None


def located(name: str, folders: Sequence[Path]) -> str:
    """The folder `name` as an absolute path; as it is, if it lies in none of `folders`."""
    path = lying(name, folders) if name else None
    return str(path) if path and path.is_dir() else name


def homed(name: str) -> Path:
    """A path with its `~` replaced, if that is somebody's."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def unfollowed(config: Config, followed: Set[str]) -> tuple[str, ...]:
    """The ways to keys that are set, in a way that matters, and are not followed."""
    return tuple(config.way(key) for key in sorted(config.keys.keys() - followed) if config.on(key))
