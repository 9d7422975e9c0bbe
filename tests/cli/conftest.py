from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from tunegate.cli.app import program


class Said(NamedTuple):
    """What a command left on its streams."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output, which must be one JSON document and nothing else."""
        return json.loads(self.out)


Tunegate = Callable[..., Said]


@pytest.fixture
def tunegate() -> Tunegate:
    """Runs the program in this process."""

    def run(*arguments: object) -> Said:
        result = CliRunner().invoke(program, [str(one) for one in arguments])
        return Said(result.exit_code, result.stdout, result.stderr)

    return run
