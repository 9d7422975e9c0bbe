"""SIGKILL at random moments: a resumed run must leave the bytes of an undisturbed one.

Usage: python -m experiments.kills [KILLS]

Runs the whole gate on the demo dataset with a tiny random model, undisturbed, then again in a
fresh folder of the same name, killing it at random moments until so many kills hit, and compares.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.models.tiny import write_model

from tunegate import demo

_IGNORED = {"timings.json", ".lock"}
_SETTINGS = """\
model: {model}
data: {{path: data, datasets: [support_en], rag_owner: support, rag_labels: [support]}}
intent: {{need: n, audiences: [a], settings: [s], unacceptable: [u], tried: t}}
recipe: {{template: chatml, num_train_epochs: 2}}
"""


def main(kills: int) -> int:
    """Prints the kills, the stages that they hit, and whether the bytes are the same."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        demo.generate(home / "data", seed=3, records_en=60, records_zh=40)
        model = write_model(home / "model")
        (home / "t.yaml").write_text(_SETTINGS.format(model=model), "utf-8")
        environment = {**os.environ, "TUNEGATE_KEY": "experiment key of enough bytes"}
        environment["TUNEGATE_CACHE"] = str(home / "cache")
        start = time.monotonic()
        run(home, environment).wait()
        whole = time.monotonic() - start
        expected = digests(home / "run")
        shutil.rmtree(home / "run")
        shutil.rmtree(home / "cache" / "controls")
        hit = disturbed(home, environment, kills=kills, longest=whole)
        got = digests(home / "run")
    different = sorted(p for p in expected.keys() | got.keys() if expected.get(p) != got.get(p))
    print(f"{hit} kills in runs of {whole:.0f} s; {len(expected)} files compared")
    print("different:", ", ".join(different) or "none")
    return 1 if different else 0


def run(home: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Starts the program in a session of its own."""
    command = [sys.executable, "-m", "tunegate.cli", "run", "t.yaml", "--run", "run", "--quiet"]
    return subprocess.Popen(
        command,
        cwd=home,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def disturbed(home: Path, environment: dict[str, str], *, kills: int, longest: float) -> int:
    """Kills the run at random moments until `kills` hit; starts afresh whenever one got through.

    The last run goes through. Returns the number of kills that hit a live process.
    """
    rng = random.Random(30)
    hit = 0
    while hit < kills:
        process = run(home, environment)
        try:
            process.wait(timeout=rng.uniform(0.5, 0.6 * longest))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            hit += 1
            print(f"kill {hit}: {stage(home / 'run')}", flush=True)
            continue
        if hit < kills:
            shutil.rmtree(home / "run")
            shutil.rmtree(home / "cache" / "controls", ignore_errors=True)
    run(home, environment).wait()
    return hit


def stage(folder: Path) -> str:
    """The last stage that was complete when the kill came."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        return "before the first stage"
    text = manifest.read_text("utf-8")
    names = ("verdict", "diff", "tune.control", "tune.placebo", "tune.canaried", "tune.routed")
    names += ("tune.as_given", "plant", "estimate", "report", "route", "scan")
    return "after " + next((name for name in names if f'"{name}"' in text), "nothing")


def digests(folder: Path) -> dict[str, str]:
    """Relative path → SHA-256 of every file that must be the same."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in _IGNORED
    }


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
