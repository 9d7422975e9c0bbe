from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.cli.conftest import Tunegate

from tunegate.cli import app, session, verb
from tunegate.errors import InputError, VoidError


@pytest.mark.parametrize("name", app.VERBS)
def test_every_verb_has_help_with_an_example_and_the_common_options(
    tunegate: Tunegate, name: str
) -> None:
    said = tunegate(name, "--help")
    assert said.status == 0
    assert f"Example:\n    tunegate {name}" in said.out
    for option in ("--lang", "--json", "--quiet"):
        assert option in said.out
    assert ("--run" in said.out) == (name not in ("init", "doctor"))


def test_the_list_of_verbs_loads_none_of_them() -> None:
    program = (
        f"import sys; sys.path = {sys.path!r}\n"
        "from click.testing import CliRunner\nfrom tunegate.cli.app import program\n"
        "said = CliRunner().invoke(program, ['--help']).stdout\n"
        "assert 'doctor' in said and 'Nothing leaves this machine' in said\n"
        "assert not {'tunegate.cli.scan', 'torch', 'hyperscan'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_scan_route_and_report_import_no_torch() -> None:
    program = (
        f"import sys; sys.path = {sys.path!r}\n"
        "import tunegate.cli.scan, tunegate.cli.route, tunegate.cli.report, tunegate.cli.run\n"
        "assert not {'torch', 'transformers', 'peft'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_verb_is_a_wrong_input(tunegate: Tunegate) -> None:
    assert tunegate("scna").status == 2


@pytest.mark.parametrize(
    ("environment", "lang"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "C", "LC_ALL": "ZH_TW"}, "zh"),
        ({"LC_ALL": "", "LANG": "zh_CN"}, "zh"),
        ({"LANG": "de_DE"}, "en"),
    ],
)
def test_the_language_comes_from_the_locale(environment: dict[str, str], lang: str) -> None:
    assert session.environment_language(environment) == lang


def _failing(error: BaseException) -> int:
    @verb.verb(example="x")
    def command(session: session.Session) -> int:
        """Fail."""
        del session
        raise error

    result = CliRunner().invoke(command, ["--json"])
    assert "Traceback" not in result.stderr
    assert "raw text of a record" not in result.output
    return result.exit_code


def test_errors_have_their_statuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(verb.DEBUG, raising=False)
    assert _failing(InputError("run_missing", path="x")) == 2
    assert _failing(VoidError("run_missing", path="x")) == 3
    assert _failing(ValueError("raw text of a record")) == 70
    assert _failing(KeyboardInterrupt()) == 130


def test_a_crash_says_where_and_not_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(verb.DEBUG, raising=False)

    @verb.verb(example="x")
    def command(session: session.Session) -> int:
        """Fail."""
        del session
        raise ValueError("13800138000")

    said = CliRunner().invoke(command, [])
    assert "ValueError at test_app.py:" in said.stderr
    assert "13800138000" not in said.output
    monkeypatch.setenv(verb.DEBUG, "1")
    assert isinstance(CliRunner().invoke(command, []).exception, ValueError)


def test_a_reader_that_goes_away_is_no_error(data: Path) -> None:
    program = (
        f"import sys; sys.path = {sys.path!r}\nfrom tunegate.cli import main\n"
        "sys.argv = ['tunegate', 'doctor', '--json', '--quiet']\nmain()"
    )
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run(
        [sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE, cwd=data, check=False
    )
    os.close(write)
    assert b"Traceback" not in process.stderr
