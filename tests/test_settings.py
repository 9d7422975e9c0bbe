from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tunegate import settings
from tunegate.errors import InputError
from tunegate.settings import Data, Settings
from tunegate.types import Recipe


def _load(tmp_path: Path, text: str) -> settings.Loaded:
    path = tmp_path / "tunegate.yaml"
    path.write_text(text, encoding="utf-8")
    return settings.load(path)


def _refused(tmp_path: Path, text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        _load(tmp_path, text)
    assert caught.value.params["path"] == str(tmp_path / "tunegate.yaml")
    return caught.value


@pytest.mark.parametrize(
    ("text", "line", "nearest"),
    [
        ("modle: embedded\n", 1, "model"),
        ("recipe:\n  learning_rat: 1e-4\n", 2, "learning_rate"),
        ("data:\n  path: x\n  dataset: [a]\n", 3, "datasets"),
        ("intent:\n  need: x\n  audience: [a]\n", 3, "audiences"),
        ("audit:\n  held_out: 0.3\n", 2, "held_out_fraction"),
    ],
)
def test_an_unknown_key_names_file_line_and_nearest(
    tmp_path: Path, text: str, line: int, nearest: str
) -> None:
    error = _refused(tmp_path, text)
    assert error.code == "yaml_key_unknown"
    assert error.params["line"] == line
    assert error.params["nearest"] == nearest


@pytest.mark.parametrize(
    ("text", "line", "at"),
    [
        ("model: embedded\nrecipe:\n  num_train_epochs: three\n", 3, "recipe.num_train_epochs"),
        ("depth: deep\n", 1, "depth"),
        ("trainer: other\n", 1, "trainer"),
        ("data: [a]\n", 1, "data"),
    ],
)
def test_a_wrong_type_names_line_and_place(tmp_path: Path, text: str, line: int, at: str) -> None:
    error = _refused(tmp_path, text)
    assert error.code == "yaml_value"
    assert (error.params["line"], error.params["at"]) == (line, at)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("recipe: {num_train_epochs: 0}\n", "recipe_too_small"),
        ("recipe: {lora_rank: -1}\n", "recipe_too_small"),
        ("recipe: {learning_rate: 0.0}\n", "recipe_learning_rate"),
        ("recipe: {learning_rate: .nan}\n", "recipe_learning_rate"),
    ],
)
def test_a_recipe_that_trains_nothing_is_refused(tmp_path: Path, text: str, code: str) -> None:
    assert _refused(tmp_path, text).code == code


def test_an_exponent_without_a_point_is_a_number(tmp_path: Path) -> None:
    loaded = _load(tmp_path, "recipe: {learning_rate: 1e-4}\n").settings
    assert loaded.recipe.learning_rate == 1e-4


def test_paths_are_taken_from_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "mine.yaml").touch()
    text = "model: model\npolicy: mine.yaml\ndata: {path: [a.json, /b.json]}\n"
    loaded = _load(tmp_path, text).settings
    assert loaded.model == str(tmp_path / "model")
    assert loaded.policy == str(tmp_path / "mine.yaml")
    assert loaded.data.paths == (str(tmp_path / "a.json"), "/b.json")
    assert _load(tmp_path, "model: Qwen/Qwen3-4B\n").settings.model == "Qwen/Qwen3-4B"


@given(
    epochs=st.integers(1, 9),
    rate=st.floats(1e-6, 0.5),
    names=st.lists(st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1)),
    need=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Co", "Cn"])),
)
def test_what_is_dumped_is_read_back(
    epochs: int,
    rate: float,
    names: list[str],
    need: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("run")
    inner = Data(path=str(folder / "vault/demo"), datasets=tuple(names))
    plain = Settings()
    given_ = msgspec.structs.replace(
        plain,
        data=inner,
        recipe=Recipe(num_train_epochs=epochs, learning_rate=rate),
        intent=msgspec.structs.replace(plain.intent, need=need),
    )
    text = settings.dump(given_, folder=folder)
    assert str(folder) not in text, "what lies in the run folder is named relative to it"
    (folder / "run.yaml").write_text(text, encoding="utf-8")
    assert settings.load(folder / "run.yaml").settings == given_


LLAMAFACTORY = """
### model
model_name_or_path: Qwen/Qwen3-4B-Instruct
trust_remote_code: true
### method
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 16
lora_target: all
### dataset
dataset: identity, alpaca_en_demo
template: qwen3_nothink
cutoff_len: 1024
max_samples: 1000
### train
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 1.0e-4
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
logging_steps: 10
"""


def test_a_llamafactory_yaml_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset_info.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    loaded = _load(tmp_path, LLAMAFACTORY)
    assert loaded.ignored == ("logging_steps", "trust_remote_code")
    assert loaded.settings.model == "Qwen/Qwen3-4B-Instruct"
    assert loaded.settings.data.datasets == ("identity", "alpaca_en_demo")
    assert loaded.settings.data.path == str(tmp_path / "data")
    assert loaded.settings.recipe == Recipe(
        learning_rate=1e-4,
        num_train_epochs=3,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=8,
        lora_rank=16,
        lora_alpha=32,
        lr_scheduler_type="cosine",
        warmup_ratio=0.1,
        cutoff_len=1024,
        template="qwen3_nothink",
        max_samples=1000,
        dtype="bf16",
    )


def test_llamafactorys_defaults_are_its_own(tmp_path: Path) -> None:
    loaded = _load(tmp_path, "model_name_or_path: m\ndataset: [a, b]\n").settings
    assert loaded.recipe.learning_rate == 5e-5
    assert loaded.recipe.lora_alpha == 16
    assert loaded.recipe.dtype == "auto"
    assert loaded.data.datasets == ("a", "b")


def test_the_data_folder_is_found_above_the_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dataset_info.json").write_text("{}")
    deep = tmp_path / "examples" / "train_lora"
    deep.mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    loaded = _load(deep, "model_name_or_path: m\ndataset: a\n").settings
    assert loaded.data.path == str(tmp_path / "data")


@pytest.mark.parametrize(
    ("extra", "code", "key"),
    [
        ("stage: dpo", "llamafactory_only", "stage"),
        ("finetuning_type: full", "llamafactory_only", "finetuning_type"),
        ("lr_scheduler_type: polynomial", "llamafactory_only", "lr_scheduler_type"),
        ("adapter_name_or_path: saves/x", "llamafactory_only", "adapter_name_or_path"),
        ("dataset: ''", "llamafactory_needs", "dataset"),
        ("cutoff_len: long", "llamafactory_value", "cutoff_len"),
        ("lora_rank: many", "llamafactory_value", "lora_rank"),
        ("num_train_epochs: lots", "llamafactory_value", "num_train_epochs"),
    ],
)
def test_another_training_is_refused(tmp_path: Path, extra: str, code: str, key: str) -> None:
    keys = {"model_name_or_path": "m", "dataset": "a", **yaml.safe_load(extra)}
    error = _refused(tmp_path, yaml.safe_dump(keys))
    assert (error.code, error.params["key"]) == (code, key)


def test_part_epochs_are_refused(tmp_path: Path) -> None:
    text = "model_name_or_path: m\ndataset: a\nnum_train_epochs: 0.5\n"
    assert _refused(tmp_path, text).code == "llamafactory_epochs"
