"""The process's peak memory over a stretch of work."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_RESET_PEAK = "5"  # proc(5): writing 5 to clear_refs resets the peak resident set size


@contextmanager
def peak() -> Iterator[Callable[[], int]]:
    """Yields a function that tells the peak resident bytes since the block began.

    Where the kernel cannot reset its counter, it is the peak since the process began.
    """
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    yield _peak


def _peak() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return next(
        int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")
    )
