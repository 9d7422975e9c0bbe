"""Training configurations of other programs, read as far as TuneGate needs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from tunegate.types import Noun, Recipe

Dialect = Literal["llamafactory", "axolotl", "trl"]

# A key of these tells the program, the first that fits; several, as any one may be mistyped.
_AXOLOTL = frozenset({"base_model", "micro_batch_size", "sequence_len", "sample_packing"})
_LLAMAFACTORY = frozenset({"stage", "finetuning_type", "dataset", "dataset_dir"})
_TRL = frozenset({"dataset_name", "dataset_text_field", "use_peft"})
_MODEL = "model_name_or_path"  # of LLaMA-Factory and of TRL


class Described(Noun, frozen=True, kw_only=True):
    """The training that a configuration file describes.

    Attributes:
        trainer: The program that the file is written for.
        model: The base model: a path if it lies here, else what the file names.
        data_paths: Files, or LLaMA-Factory's data folder.
        datasets: Names in that folder's dataset_info.json; none means all.
        data_format: `auto`, or what the reader is told to take the files for.
        recipe: The training itself.
        adapter: Where the finished adapter or model lies, or will; empty if the file names nothing.
        ignored: Keys that are set and that a trial of ours does not follow.
    """

    trainer: Dialect
    model: str
    data_paths: tuple[str, ...]
    datasets: tuple[str, ...] = ()
    data_format: str = "auto"
    recipe: Recipe
    adapter: str = ""
    ignored: tuple[str, ...] = ()


def dialect_of(keys: Mapping[str, Any]) -> Dialect | None:
    """The program whose configuration these keys are; None if they are nobody's."""
    if keys.keys() & _AXOLOTL:
        return "axolotl"
    if keys.keys() & _LLAMAFACTORY:
        return "llamafactory"
    if keys.keys() & _TRL or keys.keys() >= {_MODEL, "datasets"}:
        return "trl"
    return "llamafactory" if _MODEL in keys else None
