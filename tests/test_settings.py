from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
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


def test_a_finished_model_is_found_from_the_settings_file_and_dumped_relative(
    tmp_path: Path,
) -> None:
    (tmp_path / "out").mkdir()
    loaded = _load(tmp_path, "tuned: out\n").settings
    assert loaded.tuned == str(tmp_path / "out")
    assert "tuned: out\n" in settings.dump(loaded, folder=tmp_path)
    assert _load(tmp_path, "tuned: saves/later\n").settings.tuned == "saves/later"


def test_model_and_recipe_of_another_file_leave_data_and_intent(tmp_path: Path) -> None:
    theirs = tmp_path / "train.yaml"
    theirs.write_text("model_name_or_path: m\ndataset: a\nlora_rank: 2\nlogging_steps: 1\n")
    mine = Settings(data=Data(path="mine.json"), tuned="done", depth="full")
    changed, ignored, _ = settings.with_config(mine, theirs)
    assert (changed.model, changed.recipe.lora_rank) == ("m", 2)
    assert changed.llamafactory.config == str(theirs)
    assert (changed.data, changed.tuned, changed.depth) == (mine.data, "done", "full")
    assert ignored == ("logging_steps",)


def test_each_programs_file_is_told_by_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk.json").write_text('[{"instruction": "say", "output": "said"}]')
    for text in (
        "model_name_or_path: some/model\ndataset: a\n",
        "base_model: some/model\nlearning_rate: 1e-4\ndatasets: [{path: desk.json}]\n",
        "model_name_or_path: some/model\ndataset_name: desk.json\n",
    ):
        loaded = _load(tmp_path, text).settings
        assert loaded.model == "some/model"
        assert loaded.data.paths
