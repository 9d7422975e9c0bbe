"""Compiled pattern databases: kept for the process, and for the next one in the user's cache.

Compiling a rule set takes a second or two, loading it milliseconds. A file is named by all that
decides whether it fits: the patterns, Vectorscan's version and the processor's features.
"""

from __future__ import annotations

import functools
import hashlib
import tempfile
import time
from pathlib import Path
from typing import Any

import hyperscan

from tunegate.files import cache_folder

_WORTH_KEEPING = 0.2  # seconds of compiling from which a file saves time
_STALE = 90 * 86_400  # seconds after which a file of some earlier version goes


@functools.cache
def compiled(expressions: tuple[bytes, ...]) -> Any:
    """The expressions as one database; for one thread at a time, as it holds one scratch space.

    A cache that cannot be read or written costs time and nothing else.

    Raises:
        hyperscan.error: An expression does not compile.
    """
    path = _path(expressions)
    try:
        database = hyperscan.loadb(path.read_bytes(), hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
    except (OSError, hyperscan.error):
        started = time.perf_counter()
        database = _compile(expressions)
        if time.perf_counter() - started > _WORTH_KEEPING:
            _keep(path, hyperscan.dumpb(database))
    return database


def _compile(expressions: tuple[bytes, ...]) -> Any:
    database = hyperscan.Database()
    database.compile(
        expressions=list(expressions),
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=hyperscan.HS_FLAG_SOM_LEFTMOST,
    )
    return database


def _path(expressions: tuple[bytes, ...]) -> Path:
    platform = _compile((b"a",)).info()  # Vectorscan's version, the processor's features, the mode
    name = hashlib.sha256(repr((platform, expressions)).encode()).hexdigest()[:32]
    return cache_folder() / "patterns" / f"{name}.hsdb"


def _keep(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
        Path(file.name).replace(path)
        for old in path.parent.iterdir():
            if time.time() - old.stat().st_mtime > _STALE:
                old.unlink()
    except OSError:
        return
