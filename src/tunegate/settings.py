"""Settings: our `tunegate.yaml`, or a LLaMA-Factory training YAML taken as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from tunegate import yamlfile
from tunegate.errors import InputError
from tunegate.intent import Intent
from tunegate.plant.settings import AuditSettings
from tunegate.tune import llamafactory
from tunegate.tune.settings import LlamaFactory
from tunegate.types import Noun, Recipe

Depth = Literal["quick", "standard", "full"]
Trainer = Literal["native", "llamafactory"]
_LLAMAFACTORY_KEYS = frozenset(
    {"model_name_or_path", "dataset", "stage", "finetuning_type", "dataset_dir"}
)
_AT_LEAST_ONE = (
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "lora_rank",
    "cutoff_len",
)
# What another value of would make another training than the one that is audited here.
_ONLY: Mapping[str, tuple[Any, ...]] = {
    "stage": ("sft",),
    "finetuning_type": ("lora",),
    "lr_scheduler_type": ("linear", "cosine", "constant"),
    "adapter_name_or_path": (None,),
    "do_train": (True,),
}
_SAME_NAME = frozenset(
    {
        "learning_rate",
        "per_device_train_batch_size",
        "gradient_accumulation_steps",
        "lora_rank",
        "lora_alpha",
        "lora_dropout",
        "lr_scheduler_type",
        "warmup_ratio",
        "weight_decay",
        "max_grad_norm",
        "cutoff_len",
        "template",
        "packing",
        "mask_history",
        "train_on_prompt",
        "max_samples",
        "val_size",
    }
)
_ELSEWHERE = frozenset(
    {"model_name_or_path", "dataset", "dataset_dir", "num_train_epochs", "lora_target", "bf16"}
)
_LEARNING_RATE = 5e-5
_INFO = "dataset_info.json"


class Data(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False):
    """What is read, and who answers for what goes to retrieval.

    Attributes:
        path: A file or a LLaMA-Factory data folder, or several; relative to the settings file.
        datasets: Names in `dataset_info.json`; none means all.
        format: `auto`, or what the reader is told to take the file for.
        subject_column: The column that says whom a record is about.
        rag_owner: Person or team that answers for the RAG documents.
        rag_labels: Permission labels that the retriever checks.
        rag_retention: For how long the documents are kept.
    """

    path: str | tuple[str, ...] = ""
    datasets: tuple[str, ...] = ()
    format: str = "auto"
    subject_column: str | None = None
    rag_owner: str = ""
    rag_labels: tuple[str, ...] = ()
    rag_retention: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """What is read, in order; empty if nothing is named."""
        given = (self.path,) if isinstance(self.path, str) else self.path
        return tuple(path for path in given if path)


class Settings(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False):
    """Everything that a run depends on but the data and the project key."""

    model: str = "embedded"
    trainer: Trainer = "native"
    llamafactory: LlamaFactory = LlamaFactory()
    data: Data = Data()
    intent: Intent = Intent()
    policy: str = "internal"
    recipe: Recipe = Recipe()
    audit: AuditSettings = AuditSettings()
    depth: Depth = "quick"
    lang: Literal["en", "zh"] | None = None


class Loaded(NamedTuple):
    """Settings with all paths absolute, and what of the file has no meaning here."""

    settings: Settings
    ignored: tuple[str, ...] = ()


def load(path: Path) -> Loaded:
    """Reads either kind of file; the keys tell which it is.

    Raises:
        InputError: With the file, the line and the nearest known key.
    """
    keys = yamlfile.read(path, dict[str, Any])
    if keys.keys() & _LLAMAFACTORY_KEYS:
        return from_llamafactory(path, keys)
    settings = _absolute(yamlfile.read(path, Settings), path.resolve().parent)
    if settings.trainer == "llamafactory":
        return Loaded(with_llamafactory(settings))
    check_recipe(settings.recipe, path=path)
    return Loaded(settings)


def with_llamafactory(settings: Settings) -> Settings:
    """The settings with LLaMA-Factory as the trainer, and the recipe that its YAML describes.

    Raises:
        InputError: No YAML is named, or it describes another training than can be audited here.
    """
    if not settings.llamafactory.config:
        raise InputError("llamafactory_no_config")
    path = Path(settings.llamafactory.config)
    keys = yamlfile.read(path, dict[str, Any])
    _only_lora(path, keys)
    recipe = _recipe(path, keys)
    check_recipe(recipe, path=path)
    return msgspec.structs.replace(settings, trainer="llamafactory", recipe=recipe)


def with_config(settings: Settings, path: Path) -> Loaded:
    """The settings with model and recipe of another file; data, intent and policy stay.

    Raises:
        InputError: The file is no settings file, or describes what cannot be trained here.
    """
    loaded = load(path)
    theirs = msgspec.structs.replace(
        settings.llamafactory, config=loaded.settings.llamafactory.config
    )
    changed = msgspec.structs.replace(
        settings,
        model=loaded.settings.model,
        recipe=loaded.settings.recipe,
        llamafactory=theirs,
    )
    return Loaded(changed, loaded.ignored)


def from_llamafactory(path: Path, keys: Mapping[str, Any]) -> Loaded:
    """Our settings for the training that a LLaMA-Factory YAML describes; defaults are its own.

    Args:
        path: The YAML, for messages and to find the data folder.
        keys: What it holds.

    Returns:
        The settings, and the keys that have no meaning here.

    Raises:
        InputError: It describes another training than supervised LoRA fine-tuning, or names no
            model or dataset, or a value is of the wrong type.
    """
    _only_lora(path, keys)
    for key in ("model_name_or_path", "dataset"):
        if not keys.get(key):
            raise InputError("llamafactory_needs", path=str(path), key=key)
    recipe = _recipe(path, keys)
    check_recipe(recipe, path=path)
    model = str(keys["model_name_or_path"])
    beside = path.resolve().parent / model
    return Loaded(
        Settings(
            model=str(beside) if beside.is_dir() else model,
            data=Data(
                path=str(_data_folder(path, str(keys.get("dataset_dir", "data")))),
                datasets=tuple(llamafactory.datasets(keys)),
            ),
            recipe=recipe,
            llamafactory=LlamaFactory(config=str(path.resolve())),
        ),
        tuple(sorted(keys.keys() - _SAME_NAME - _ELSEWHERE - _ONLY.keys())),
    )


def _only_lora(path: Path, keys: Mapping[str, Any]) -> None:
    for key, allowed in _ONLY.items():
        if key in keys and keys[key] not in allowed:
            known = ", ".join(str(one) for one in allowed if one is not None) or "–"
            raise InputError(
                "llamafactory_only", path=str(path), key=key, value=str(keys[key]), known=known
            )


def _recipe(path: Path, keys: Mapping[str, Any]) -> Recipe:
    given = {key: keys[key] for key in _SAME_NAME & keys.keys() if keys[key] is not None}
    given.setdefault("learning_rate", _LEARNING_RATE)
    target = keys.get("lora_target", "all")
    given["lora_target"] = ",".join(target) if isinstance(target, list) else target
    if keys.get("bf16") is not None:
        given["dtype"] = "bf16" if keys["bf16"] else "fp32"
    epochs = keys.get("num_train_epochs", 3)
    # LLaMA-Factory counts epochs in fractions; a checkpoint an epoch needs whole ones.
    if isinstance(epochs, float) and not epochs.is_integer():
        raise InputError("llamafactory_epochs", path=str(path), value=f"{epochs:g}")
    given["num_train_epochs"] = int(epochs) if isinstance(epochs, float) else epochs
    try:
        recipe = msgspec.convert(given, Recipe)
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at ")
        key = at.strip("`").removeprefix("$.")
        raise InputError("llamafactory_value", path=str(path), key=key, what=what) from error
    if "lora_alpha" in given:
        return recipe
    return msgspec.structs.replace(recipe, lora_alpha=2 * recipe.lora_rank)


def _data_folder(path: Path, name: str) -> Path:
    """LLaMA-Factory takes `dataset_dir` from where it is started: mostly a folder above the YAML.

    Looked for in the working folder, beside the YAML and in the folders above it.
    """
    starts = (Path.cwd(), *path.resolve().parents)
    found = [start / name for start in starts if (start / name / _INFO).is_file()]
    return found[0] if found else Path.cwd() / name


def check_recipe(recipe: Recipe, *, path: Path) -> None:
    """Refuses a recipe that cannot train anything.

    Raises:
        InputError: Naming the key and the least that it may be.
    """
    for key in _AT_LEAST_ONE:
        if getattr(recipe, key) < 1:
            raise InputError("recipe_too_small", path=str(path), key=key, least=1)
    if not 0 < recipe.learning_rate < 1:
        raise InputError("recipe_learning_rate", path=str(path), value=f"{recipe.learning_rate:g}")


def dump(settings: Settings, *, folder: Path) -> str:
    """Resolved settings as YAML, to be read again from `folder`.

    What lies inside `folder` is written relative to it, so that two run folders made alike hold
    the same bytes.
    """
    moved = _moved(settings, lambda name: _relative(name, folder))
    return yamlfile.dump(msgspec.to_builtins(moved))


def _absolute(settings: Settings, folder: Path) -> Settings:
    """The settings with the paths that are relative to `folder` made absolute."""
    data = msgspec.structs.replace(
        settings.data, path=_each(settings.data.path, lambda name: str(folder / name))
    )
    settings = msgspec.structs.replace(settings, data=data)
    return _moved(settings, lambda name: _if_there(name, folder))


def _moved(settings: Settings, move: Callable[[str], str]) -> Settings:
    data = msgspec.structs.replace(settings.data, path=_each(settings.data.path, move))
    return msgspec.structs.replace(
        settings,
        data=data,
        model=move(settings.model),
        policy=move(settings.policy),
        llamafactory=LlamaFactory(
            environment=move(settings.llamafactory.environment),
            config=move(settings.llamafactory.config),
        ),
    )


def _each(path: str | tuple[str, ...], move: Callable[[str], str]) -> str | tuple[str, ...]:
    if isinstance(path, str):
        return move(path) if path else path
    return tuple(map(move, path))


def _if_there(name: str, folder: Path) -> str:
    """A model and a policy may be named by a path or by a name; what exists is a path."""
    path = folder / name
    return str(path) if name and path.exists() else name


def _relative(name: str, folder: Path) -> str:
    path = Path(name)
    if path.is_absolute() and path.is_relative_to(folder):
        return str(path.relative_to(folder))
    return name
