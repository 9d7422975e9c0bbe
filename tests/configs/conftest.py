from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tunegate import settings, yamlfile
from tunegate.configs import Described, axolotl, dialect_of, llamafactory, trl
from tunegate.errors import InputError
from tunegate.present.catalogue import LANGUAGES, Catalogue

READERS = {
    "llamafactory": llamafactory.describe,
    "axolotl": axolotl.describe,
    "trl": trl.describe,
}


class Desk:
    """A working folder with data, and a folder of its own for configuration files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configs = folder / "team" / "configs"
        self.configs.mkdir(parents=True)

    def data(self, name: str, *rows: dict[str, Any]) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return path

    def write(self, text: str) -> Path:
        path = self.configs / "train.yaml"
        path.write_text(text, "utf-8")
        return path

    def describe(self, text: str) -> Described:
        path = self.write(text)
        keys = yamlfile.read(path, dict[str, Any])
        dialect = dialect_of(keys)
        assert dialect is not None
        return READERS[dialect](path, keys)

    def load(self, text: str) -> settings.Loaded:
        return settings.load(self.write(text))

    def refused(self, text: str, kind: type[InputError] = InputError) -> InputError:
        """The error that a file raises; it names the file, and reads well in both languages."""
        with pytest.raises(InputError) as caught:
            self.load(text)
        assert type(caught.value) is kind
        assert caught.value.params["path"] == str(self.configs / "train.yaml")
        for lang in LANGUAGES:
            said = Catalogue.load(lang).text(caught.value.code, caught.value.params)
            assert "⟨" not in said
            assert not re.search(r"\{\w+\}", said)
        return caught.value


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path)
