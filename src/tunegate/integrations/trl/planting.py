"""`plant(dataset)`: rows in memory become planted arms in a run folder."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from msgspec import structs

from tunegate import records
from tunegate.errors import InputError
from tunegate.files import Lines
from tunegate.integrations.trl.callback import AuditCallback
from tunegate.integrations.trl.guest import guest
from tunegate.integrations.trl.training import trained
from tunegate.intent import Intent
from tunegate.keys import shape
from tunegate.models.loading import model_folder
from tunegate.models.template import chat_messages, segment_turns
from tunegate.pipeline import audit as stages
from tunegate.pipeline import data
from tunegate.pipeline.plant import ARMS
from tunegate.pipeline.resolve import Progress, adopt, settings_of
from tunegate.plant.settings import AuditSettings
from tunegate.records.layout import shown
from tunegate.runs import Run
from tunegate.settings import Data, Depth, Settings
from tunegate.types import Json, Recipe

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Planted:
    """A planted run folder, as a trainer in the same program takes it.

    Attributes:
        run: The run folder.
        arms: The arms that were planted.
    """

    run: Run
    arms: tuple[str, ...] = ARMS

    @property
    def model(self) -> Path:
        """The base model's folder, for `from_pretrained`."""
        return model_folder(settings_of(self.run).model)

    def rows(self, arm: str = "routed") -> list[dict[str, Any]]:
        """An arm's records as `{"messages": [{"role": …, "content": …}, …]}`.

        Roles are the three that every chat template knows, as TuneGate scores them: tools and their
        results are told in the system's and the user's turns. These rows are raw.

        Raises:
            InputError: There is no such arm.
        """
        if arm not in self.arms:
            raise InputError("arm_unknown", name=arm, known=", ".join(self.arms))
        planted = records.open(self.run.vault("planted", arm), key=self.run.key)
        return [{"messages": list(chat_messages(turns))} for turns in map(segment_turns, planted)]

    def dataset(self, arm: str = "routed") -> Any:
        """An arm's rows as a `datasets.Dataset`, ready for `SFTTrainer(train_dataset=…)`.

        For a loss on the last answer alone, `prompt` and `completion` are the same messages cut
        in two: `dataset.map(lambda row: {"prompt": row["messages"][:-1], "completion":
        row["messages"][-1:]}, remove_columns="messages")`.

        Raises:
            InputError: There is no such arm, or `datasets` is not installed.
        """
        try:
            from datasets import Dataset
        except ImportError as error:
            raise InputError("trainer_extra_missing", library="datasets") from error
        return Dataset.from_list(self.rows(arm))

    def callback(self, arm: str = "routed") -> AuditCallback:
        """The callback to train an arm with.

        Raises:
            InputError: There is no such arm.
        """
        return AuditCallback(self.run, arm=arm)


def plant(
    dataset: Iterable[Mapping[str, Any]],
    *,
    run: str | Path,
    model: str | Path,
    recipe: Recipe | None = None,
    intent: Intent | None = None,
    policy: str | Path = "internal",
    depth: Depth = "quick",
    subject_column: str | None = None,
    audit: AuditSettings | None = None,
    datasets_name: str = "train",
    lang: Literal["en", "zh"] | None = None,
    progress: Progress | None = None,
) -> Planted:
    """Scans, routes and plants a dataset; called again with the same rows it does nothing.

    Args:
        dataset: A `datasets.Dataset` or dicts in any layout that TuneGate's readers know:
            `messages`, `conversations`, `prompt` and `completion`, `instruction` and `output`, …
        run: The run folder; made if it is not there. Rows are kept in its vault, as they are.
        model: The base model that will be trained: a folder, the id of one in the local hub cache,
            or `embedded`.
        recipe: What is known of the training beforehand; `cutoff_len` should be the trainer's
            `max_length`. The recipe of record is read from the trainer later.
        intent: Answers to the questions asked first.
        policy: Name of a policy that ships, or a file.
        depth: How much to look at.
        subject_column: The column that says whom a row is about.
        audit: Fractions, trial size and attempt.
        datasets_name: Name of the dataset in the run folder.
        lang: Language of messages and reports' commands.
        progress: Told of the work of every stage.

    Raises:
        InputError: A row or a setting is wrong, or nothing is left to train on.
        VoidError: The recipe would void the audit.
    """
    with guest(lang):
        if not _NAME.fullmatch(datasets_name):
            raise InputError("trainer_dataset_name", name=shape(datasets_name))
        folder = Run.open(run, create=True)
        with folder.lock():
            given = folder.vault("given", f"{datasets_name}.jsonl")
            Lines[Json](given, Any).write(_rows(dataset))
            settings = Settings(
                model=_located(model),
                data=Data(
                    path=str(given), datasets=(datasets_name,), subject_column=subject_column
                ),
                intent=intent or Intent(),
                policy=_located(policy),
                recipe=recipe or Recipe(),
                audit=audit or AuditSettings(),
                depth=depth,
                lang=lang,
            )
            adopt(folder, _with_trained(folder, settings))
            data.scan(folder, settings, progress)
            data.route(folder, settings, progress)
            stages.plant(folder, settings, progress)
        return Planted(folder)


def _with_trained(run: Run, settings: Settings) -> Settings:
    """The settings with the recipe of what the trainer has trained already, if anything."""
    recipes = list(trained(run).values())
    return structs.replace(settings, recipe=recipes[-1]) if recipes else settings


def _located(name: str | Path) -> str:
    """A path is found again from any folder."""
    path = Path(name).expanduser()
    return str(path.resolve()) if path.exists() else str(name)


def _rows(dataset: Iterable[Mapping[str, Any]]) -> Iterator[Json]:
    plain = getattr(dataset, "with_format", None)  # tensors and frames become plain values
    for number, row in enumerate(plain(None) if plain else dataset):
        if not isinstance(row, Mapping):
            raise InputError("trainer_row", row=number, kind=type(row).__name__)
        yield _joined({str(name): _plain(row[name], str(name)) for name in row})


def _plain(value: Any, column: str) -> Json:
    """A value as JSON has it, without the nulls with which `datasets` fills absent keys."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v, column) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_plain(item, column) for item in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    raise InputError("trainer_value", column=shown(column), kind=type(value).__name__)


def _joined(row: dict[str, Json]) -> Json:
    """A conversation that TRL's layout cuts into prompt and completion, in one piece again."""
    prompt, completion = row.get("prompt"), row.get("completion")
    if not isinstance(prompt, list) or not isinstance(completion, list):
        return {name: value for name, value in row.items() if value is not None}
    rest = {k: v for k, v in row.items() if k not in ("prompt", "completion") and v is not None}
    return {"messages": prompt + completion, **rest}
