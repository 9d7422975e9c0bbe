from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time, and no deadline: the machine may be busy with other things.
settings.register_profile("tunegate", derandomize=True, deadline=None)
settings.load_profile("tunegate")

MAIL = "jane.doe@contoso-mail.com"
CARD = "4532 0151 1283 0366"
# Invented, and put together here so that no scanner takes this file for a leak.
TOKEN = "ghp" + "_9KxT2mQvL7wZr4Yb8NcD3fGh6JkP1sAe5uRi"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a fixed key, so that compiled patterns are shared by the tests."""
    key = "tests only, of sixteen bytes or more"
    monkeypatch.setenv("TUNEGATE_KEY", key)
    monkeypatch.setattr(secrets, "token_bytes", lambda _: key.encode())
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def data(project: Path) -> Path:
    """A LLaMA-Factory folder: ordinary records, one of each hazard, one that is broken."""
    folder = project / "data"
    folder.mkdir()
    rows = [
        {"instruction": f"How do I return item {name}?", "output": f"Open {name} and press return."}
        for name in ("lamp", "chair", "table", "shelf", "carpet", "mirror")
    ]
    rows += [
        {"instruction": "Whom do I write to?", "output": f"Please write to {MAIL} about invoices."},
        {"instruction": "How did she pay?", "output": f"With the card {CARD}, as always, in May."},
        {"instruction": "Which token is used?", "output": f"The build uses {TOKEN} for releases."},
    ]
    lines = [json.dumps(row) for row in rows]
    lines.insert(3, '{"instruction": "broken')
    (folder / "desk.jsonl").write_text("\n".join(lines) + "\n")
    info = {"desk": {"file_name": "desk.jsonl"}}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    return folder
