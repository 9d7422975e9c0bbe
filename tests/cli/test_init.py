from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Tunegate

from tunegate import settings

AXOLOTL = """
base_model: some/model
adapter: lora
learning_rate: 2e-4
datasets: [{path: desk.txt, ds_type: json}]
output_dir: out
sample_packing: true
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk.txt").write_text('{"instruction": "say", "output": "said"}\n')
    (tmp_path / "axolotl.yaml").write_text(AXOLOTL)
    return tmp_path


def test_an_axolotl_yaml_becomes_settings_that_read_the_same(
    tunegate: Tunegate, folder: Path
) -> None:
    said = tunegate("init", "axolotl.yaml", "--out", "gate/tunegate.yaml", "--lang", "en")
    assert said.status == 0
    assert "sample_packing" in said.err
    loaded = settings.load(folder / "gate" / "tunegate.yaml").settings
    given = settings.load(folder / "axolotl.yaml").settings
    assert loaded.recipe == given.recipe
    assert [Path(path).resolve() for path in loaded.data.paths] == [folder / "desk.txt"]
    assert loaded.data.format == given.data.format == "json"


def test_a_finished_adapter_is_named_once_it_is_there(tunegate: Tunegate, folder: Path) -> None:
    assert tunegate("init", "axolotl.yaml", "--out", "a.yaml").status == 0
    (folder / "out").mkdir()
    assert tunegate("init", "axolotl.yaml", "--out", "b.yaml").status == 0
    assert "tuned" not in Path("a.yaml").read_text() + Path("b.yaml").read_text()
    (folder / "out" / "adapter_config.json").write_text("{}")
    assert tunegate("init", "axolotl.yaml", "--out", "c.yaml").status == 0
    text = Path("c.yaml").read_text()
    assert "\n# tuned: out " in text
    assert len(text.splitlines()) < 25
    assert settings.load(Path("c.yaml")).settings.tuned == "", "a trial, until somebody says else"
    Path("d.yaml").write_text(text.replace("# tuned:", "tuned:"))
    assert settings.load(Path("d.yaml")).settings.tuned == str(folder / "out")


def test_what_voids_the_audit_is_refused_with_its_place(tunegate: Tunegate, folder: Path) -> None:
    (folder / "lf.yaml").write_text("model_name_or_path: m\ndataset: a\nval_size: 0.1\n")
    said = tunegate("init", "lf.yaml", "--lang", "en")
    assert said.status == 3
    assert "line 3" in said.err
    assert not Path("tunegate.yaml").exists()
    (folder / "lf.yaml").write_text("model_name_or_path: m\ndataset: a\nstage: dpo\n")
    assert tunegate("init", "lf.yaml").status == 2
