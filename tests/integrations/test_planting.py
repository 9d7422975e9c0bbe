"""From rows in memory to planted arms."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset
from tests.integrations.rows import conversations, mails, pairs
from transformers.utils import logging

from tunegate import records
from tunegate.errors import InputError
from tunegate.integrations.trl import Planted, plant
from tunegate.models.template import encode_record
from tunegate.pipeline.resolve import settings_of
from tunegate.types import Recipe

_GIVEN = "vault/given/train.jsonl"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("planting")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEGATE_KEY", "tests only, of sixteen bytes or more")
        patch.chdir(folder)
        yield folder


@pytest.fixture(scope="module")
def planted(place: Path, tiny_folder: Path) -> Planted:
    return plant(conversations(), run=place / "run", model=tiny_folder)


def test_every_arm_is_there_and_canaries_stand_in_one(planted: Planted) -> None:
    assert planted.arms == ("as_given", "routed", "canaried", "placebo")
    rows = {arm: planted.rows(arm) for arm in planted.arms}
    assert len(rows["as_given"]) == len(rows["routed"]) < len(rows["canaried"])
    assert len(rows["routed"]) + len(rows["placebo"]) == 40
    assert rows["canaried"][: len(rows["routed"])] == rows["routed"]
    for row in rows["canaried"]:
        assert [message["role"] for message in row["messages"]] == ["user", "assistant"]


def test_raw_rows_stay_in_the_vault_and_routed_ones_are_clean(planted: Planted) -> None:
    shared = [
        path.read_text("utf-8", "replace")
        for path in planted.run.root.rglob("*")
        if path.is_file() and "vault" not in path.relative_to(planted.run.root).parts
    ]
    assert not [mail for mail in mails() if any(mail in text for text in shared)]
    assert any(mail in str(planted.rows("as_given")) for mail in mails())
    assert not any(mail in str(planted.rows("routed")) for mail in mails())


def test_planting_the_same_again_does_nothing(planted: Planted, tiny_folder: Path) -> None:
    root = planted.run.root
    before = {name: (root / name).read_bytes() for name in (_GIVEN, "manifest.json", "run.yaml")}
    times = (root / "timings.json").read_bytes()
    plant(iter(conversations()), run=root, model=tiny_folder)
    assert {name: (root / name).read_bytes() for name in before} == before
    assert (root / "timings.json").read_bytes() == times


def test_a_dataset_and_its_rows_give_the_same_bytes(
    planted: Planted, place: Path, tiny_folder: Path
) -> None:
    rows = conversations()
    rows[0] = {**rows[0], "note": "a column that one row has"}
    dataset = Dataset.from_list(rows).with_format("numpy")
    for name, given in (("one", rows), ("two", dataset)):
        plant(given, run=place / name, model=tiny_folder)
    assert (place / "one" / _GIVEN).read_bytes() == (place / "two" / _GIVEN).read_bytes()
    made = Planted(planted.run).dataset("routed")
    assert made.column_names == ["messages"]
    assert made.to_list() == planted.rows("routed")


@pytest.mark.parametrize("layout", ["alpaca", "prompt_completion", "turns"])
def test_other_layouts_say_the_same(layout: str, place: Path, tiny_folder: Path) -> None:
    made: dict[str, Any] = {
        "alpaca": lambda q, a: {"instruction": q, "input": None, "output": a},
        "prompt_completion": lambda q, a: {"prompt": q, "completion": a},
        "turns": lambda q, a: {
            "prompt": [{"role": "user", "content": q}],
            "completion": [{"role": "assistant", "content": a}],
        },
    }
    rows = [made[layout](q, a) for q, a in pairs()]
    other = plant(rows, run=place / layout, model=tiny_folder, datasets_name=layout)
    rows_of = conversations()
    assert all(row in rows_of for row in other.rows("as_given"))
    assert (place / layout / "vault" / "given" / f"{layout}.jsonl").is_file()


def test_tools_and_their_results_are_told_as_they_are_scored(
    place: Path, base: Any, tiny_folder: Path
) -> None:
    rows = conversations()
    for number, row in enumerate(rows):
        row["messages"] += [
            {"role": "tool", "content": f"shelf {number}"},
            {"role": "assistant", "content": "There."},
        ]
        row["tools"] = '[{"name": "find"}]'
    planted = plant(rows, run=place / "tools", model=tiny_folder)
    shown = planted.rows("routed")
    roles = [message["role"] for message in shown[0]["messages"]]
    assert roles == ["system", "user", "assistant", "user", "assistant"]
    kept = records.open(planted.run.vault("planted", "routed"), key=planted.run.key)
    for row, record in zip(shown, kept, strict=True):
        ids = base.tokenizer.apply_chat_template(row["messages"], tokenize=True)["input_ids"]
        assert tuple(ids) == encode_record(base.tokenizer, record, Recipe()).ids


def test_settings_are_kept_for_the_command_line(planted: Planted, tiny_folder: Path) -> None:
    settings = settings_of(planted.run)
    assert settings.model == str(tiny_folder)
    assert settings.data.datasets == ("train",)
    assert planted.model == tiny_folder


def test_what_is_no_row_is_refused_with_words(place: Path, tiny_folder: Path) -> None:
    def refused(rows: list[Any], **options: Any) -> tuple[str, str]:
        with pytest.raises(InputError) as caught:
            plant(rows, run=place / "bad", model=tiny_folder, **options)
        return caught.value.code, caught.value.__notes__[0]

    assert refused(["train", "test"])[0] == "trainer_row"
    code, words = refused([{**conversations()[0], "image": b"\0"}], lang="zh")
    assert (code, "`image`" in words, "bytes" in words) == ("trainer_value", True, True)
    assert refused(conversations(), datasets_name="../x")[0] == "trainer_dataset_name"
    assert refused(conversations()[:1])[0] == "too_few_units"


def test_dates_become_text(place: Path, tiny_folder: Path) -> None:
    rows = [{**row, "on": datetime.date(2026, 1, 2)} for row in conversations()]
    plant(rows, run=place / "dates", model=tiny_folder)
    assert '"on":"2026-01-02"' in (place / "dates" / _GIVEN).read_text()


def test_unknown_arms_are_named(planted: Planted) -> None:
    for ask in (planted.rows, planted.dataset, planted.callback):
        with pytest.raises(InputError, match="arm_unknown"):
            ask("nobody")


def test_the_program_around_keeps_its_logging(
    place: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = logging.get_verbosity()
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    logging.set_verbosity_info()
    logging.enable_progress_bar()
    plant(conversations(), run=place / "manners", model=tiny_folder)
    assert logging.get_verbosity() == logging.INFO
    assert logging.is_progress_bar_enabled()
    assert "HF_HUB_OFFLINE" not in os.environ
    logging.set_verbosity(before)


def test_other_processes_of_one_training_stay_out(planted: Planted) -> None:
    callback = planted.callback("routed")
    state = SimpleNamespace(is_world_process_zero=False)
    callback.on_train_begin(None, state, None, model=None, train_dataloader=None)
    callback.on_save(None, state, None)
    callback.on_train_end(None, state, None, model=None)
    assert not (planted.run.root / "tune").exists()
