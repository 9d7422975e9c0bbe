"""The tiny model, and a run planted on it for every test module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from tests.integrations.rows import conversations
from tests.integrations.train import Home
from tests.models.tiny import base, tiny_folder

from tunegate.integrations.trl import plant

__all__ = ["base", "tiny_folder"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_folder: Path) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("trl")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEGATE_KEY", "tests only, of sixteen bytes or more")
        patch.setenv("TUNEGATE_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # two would wait for each other, on a model as small as this
        yield Home(folder, plant(conversations(), run=folder / "run", model=tiny_folder))
        torch.set_num_threads(threads)
