from __future__ import annotations

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from tunegate.errors import InputError
from tunegate.files import STAGING, hash_path
from tunegate.runs import Run, StageStats, find_project, settings_hash
from tunegate.types import Reason


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.open(tmp_path / "run", create=True)


def _write(run: Run, path: str, text: str) -> Callable[[], StageStats]:
    def work() -> StageStats:
        run.path(path).write_text(text)
        return StageStats(records=len(text))

    return work


def _bytes(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name not in ("timings.json", ".lock")
    }


def test_run_folder_is_private(run: Run) -> None:
    run.rules.write("rules: []\n")
    assert stat.S_IMODE(run.root.stat().st_mode) == 0o700
    assert stat.S_IMODE(run.vault("x").parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(run.rules.path.stat().st_mode) == 0o600


def test_opening_names_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path, create, code in (
        (file, True, "run_not_folder"),
        (tmp_path / "none", False, "run_missing"),
        (tmp_path, True, "run_not_ours"),
        (tmp_path, False, "run_missing"),
    ):
        with pytest.raises(InputError) as caught:
            Run.open(path, create=create)
        assert caught.value.code == code
    assert list(tmp_path.iterdir()) == [file]


def test_a_stage_runs_once_for_the_same_inputs(run: Run) -> None:
    work = _write(run, "scan/summary.json", "one")
    assert run.stage("scan", {"data": "1"}, work, ["scan/summary.json"])
    before = _bytes(run.root)
    assert not run.stage("scan", {"data": "1"}, _fail, ["scan/summary.json"])
    assert _bytes(run.root) == before
    assert run.stage("scan", {"data": "2"}, work, ["scan/summary.json"])


def _fail() -> None:
    raise AssertionError("ran again")


@pytest.mark.parametrize("damage", ["changed", "gone", "version"])
def test_a_stage_runs_again_when_its_outputs_do_not_stand(
    run: Run, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = _write(run, "scan/summary.json", "one")
    run.stage("scan", {"data": "1"}, work, ["scan/summary.json"])
    target = run.root / "scan/summary.json"
    if damage == "changed":
        target.write_text("two")
    elif damage == "gone":
        target.unlink()
    else:
        monkeypatch.setattr("tunegate.runs.__version__", "9.9.9")
    assert not run.done("scan")
    assert run.stage("scan", {"data": "1"}, work, ["scan/summary.json"])
    assert target.read_text() == "one"


def test_a_folder_counts_with_all_that_it_holds(run: Run) -> None:
    def work() -> None:
        with run.new_folder("route/finetune") as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / "a.json").write_text("[]")

    run.stage("route", {}, work, ["route/finetune"])
    assert run.done("route")
    (run.root / "route/finetune/deep/b.json").write_text("[]")
    assert not run.done("route")
    run.stage("route", {}, work, ["route/finetune"])
    assert sorted(p.name for p in (run.root / "route/finetune/deep").iterdir()) == ["a.json"]
    assert not list(run.root.rglob(STAGING + "*"))


def test_changed_outputs_forget_what_was_made_from_them(run: Run) -> None:
    def chain(text: str) -> None:
        run.stage(
            "scan",
            {"data": text},
            _write(run, "scan/findings.jsonl", text),
            ["scan/findings.jsonl"],
        )

    chain("one")
    vault = "vault/arms"
    run.stage("tune", run.made_by("scan"), _write(run, vault, "weights"), [vault])
    run.stage("verdict", run.made_by("tune"), _write(run, "verdict.json", "go"), ["verdict.json"])
    run.stage("other", {"data": "x"}, _write(run, "other", "x"), ["other"])
    chain("one")
    assert run.done("verdict")
    chain("two")
    assert run.done_stages() == ("other", "scan")
    assert not (run.root / "verdict.json").exists()
    assert (run.root / vault).exists(), "what lies in the vault is dear to make again"
    assert set(run.timings()) == {"other", "scan"}


def test_the_same_outputs_from_other_inputs_keep_later_stages(run: Run) -> None:
    work = _write(run, "scan/findings.jsonl", "same")
    run.stage("scan", {"data": "1"}, work, ["scan/findings.jsonl"])
    run.stage("late", run.made_by("scan"), _write(run, "verdict.json", "go"), ["verdict.json"])
    run.stage("scan", {"data": "2"}, work, ["scan/findings.jsonl"])
    assert run.done("late")


def test_times_stand_in_timings_only(run: Run) -> None:
    work = _write(run, "scan/findings.jsonl", "12345")
    run.stage("scan", {}, work, ["scan/findings.jsonl"])
    timing = run.timings()["scan"]
    assert timing.records == 5
    assert timing.records_per_second > 0
    assert timing.peak_memory_bytes > 1 << 20
    manifest = (run.root / "manifest.json").read_text()
    assert "seconds" not in manifest
    assert manifest.endswith("}\n")


def test_a_missing_stage_is_named(run: Run) -> None:
    with pytest.raises(InputError) as caught:
        run.made_by("scan")
    assert caught.value.code == "stage_missing"
    assert caught.value.params["verb"] == "scan"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file(
    run: Run, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.rules.write("old\n")

    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError) as caught:
        run.rules.write("new\n")
    assert caught.value.code == "disk_full"
    assert run.rules.read() == "old\n"
    assert not list(run.root.rglob(STAGING + "*"))


def test_a_full_disk_that_a_library_tells_of(run: Run) -> None:
    def work() -> None:
        raise RuntimeError("I/O error: No space left on device (os error 28)")

    with pytest.raises(InputError) as caught:
        run.stage("tune", {}, work, [])
    assert caught.value.code == "disk_full"


def test_other_errors_pass_as_they_are(run: Run) -> None:
    def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run.stage("tune", {}, work, [])
    assert not run.done("tune")


def test_two_runs_on_a_folder_are_refused(run: Run) -> None:
    with (
        filelock.FileLock(run.root / ".lock", is_singleton=False),
        pytest.raises(InputError) as caught,
        run.lock(),
    ):
        pass
    assert caught.value.code == "run_locked"
    with run.lock():
        pass


def test_the_lock_sweeps_what_a_kill_left(run: Run) -> None:
    run.path("route/x")
    (run.root / "route" / f"{STAGING}folder" / "deep").mkdir(parents=True)
    (run.root / f"{STAGING}file").touch()
    with run.lock():
        assert not list(run.root.rglob(STAGING + "*"))


@pytest.mark.parametrize("name", ["../up", "", "a/b", ".hidden", "x" * 65, "a\n"])
def test_arm_names_cannot_leave_the_folder(run: Run, name: str) -> None:
    with pytest.raises(InputError) as caught:
        run.arm_folder(name)
    assert caught.value.code == "arm_name"


def test_the_project_is_the_nearest_folder_with_a_key(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_project(inner) == inner
    (tmp_path / ".tunegate").mkdir()
    (tmp_path / ".tunegate" / "key").touch()
    assert find_project(inner) == tmp_path


def test_settings_hash_tells_values_apart() -> None:
    assert settings_hash(1, 2) != settings_hash(12)
    assert settings_hash(Reason(code="a")) != settings_hash(Reason(code="b"))
    assert settings_hash({"a": 1, "b": 2}) == settings_hash({"b": 2, "a": 1})


_PROGRAM = """
    import sys
    from pathlib import Path
    from tunegate.runs import Run

    run = Run.open(sys.argv[1], create=True)
    with run.lock():
        for number in range(12):
            def work() -> None:
                with run.new_folder(f"route/{number}") as folder:
                    for name in range(20):
                        (folder / f"{name}.json").write_text(f"{number} {name} " * 500)
                run.path(f"scan/{number}").write_text(str(number))
            run.stage(f"s{number}", {"n": str(number)}, work, [f"route/{number}", f"scan/{number}"])
"""


def test_a_killed_run_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    program = [sys.executable, "-c", textwrap.dedent(_PROGRAM)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    began = time.monotonic()
    subprocess.run([*program, str(tmp_path / "whole")], env=environment, check=True)
    seconds = time.monotonic() - began
    rng = random.Random(1)
    for _ in range(4):
        process = subprocess.Popen([*program, str(tmp_path / "killed")], env=environment)
        time.sleep(seconds * rng.uniform(0.5, 1.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run([*program, str(tmp_path / "killed")], env=environment, check=True)
    assert _bytes(tmp_path / "killed") == _bytes(tmp_path / "whole")
    assert hash_path(tmp_path / "killed" / "route") == hash_path(tmp_path / "whole" / "route")
