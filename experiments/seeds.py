"""Fresh seeds of the demo: are canaries found, twins not, and is the data as given refused?

Usage: python -m experiments.seeds [SEEDS] [--first N] [--jobs N] [--keep FILE]

Every seed is a new dataset under a new project key, at the demo's own depth and recipe. One line a
seed: p of the canaries repeated 16 times and of the twins, the two arms' decisions, verified leaks
of the arm as given, and on how many of the gates that both arms measured the routed arm is better,
equal or worse, and on which worse. FILE keeps finished seeds, so that an interrupted experiment
goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ALPHA = 0.01


def main() -> int:
    """Runs the demos and prints what held on how many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int, nargs="?", default=20)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1, help="demos at once, cores shared out")
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    kept = _kept(given.keep)
    wanted = range(given.first, given.first + given.seeds)
    threads = max(1, (os.cpu_count() or 1) // given.jobs)

    def work(seed: int) -> dict[str, Any]:
        if seed not in kept:
            start = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                kept[seed] = {"seed": seed, **one(Path(folder), seed, threads=threads)}
            kept[seed]["seconds"] = round(time.monotonic() - start)
            if given.keep:
                with given.keep.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(kept[seed]) + "\n")
        print("  ".join(f"{name} {value}" for name, value in kept[seed].items()), flush=True)
        return kept[seed]

    with ThreadPoolExecutor(given.jobs) as pool:
        outcomes = list(pool.map(work, wanted))
    _summarise(outcomes)
    return 0


def _kept(path: Path | None) -> dict[int, dict[str, Any]]:
    if path is None or not path.exists():
        return {}
    lines = map(json.loads, path.read_text("utf-8").splitlines())
    return {line["seed"]: line for line in lines}


def _summarise(outcomes: list[dict[str, Any]]) -> None:
    seeds = len(outcomes)
    detected = sum(o["canaries"] <= ALPHA < o["twins"] for o in outcomes)
    refused = sum(o["as_given"] == "no-go" and o["leaks"] > 0 for o in outcomes)
    no_worse = sum(not o["worse"] for o in outcomes)
    print(f"canaries found and twins not: {detected} of {seeds} (alpha {ALPHA})")
    print(f"as_given refused for a verified leak: {refused} of {seeds}")
    print(f"routed worse on no gate that both measured: {no_worse} of {seeds}")


def one(home: Path, seed: int, *, threads: int) -> dict[str, Any]:
    """One demo in a project of its own."""
    environment = {**os.environ, "TUNEGATE_KEY": f"a project key of its own, number {seed}"}
    environment |= {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "OPENBLAS")}
    command = [sys.executable, "-m", "tunegate.cli", "demo", "--seed", str(seed), "--run", "run"]
    subprocess.run([*command, "--quiet"], cwd=home, env=environment, check=True, stdout=-3)
    measured = json.loads((home / "run/diff/measurements.json").read_text("utf-8"))
    verdict = json.loads((home / "run/verdict.json").read_text("utf-8"))
    lines = (home / "run/diff/evidence.jsonl").read_text("utf-8").splitlines()
    last = max(m["checkpoint"] for m in measured if m["arm"] == "as_given")
    p = {m["stratum"]: m["p"] for m in measured if m["arm"] == "canaried" and m["p"] is not None}
    leaks = [
        e for e in map(json.loads, lines) if e["arm"] == "as_given" and e["checkpoint"] == last
    ]
    gates = {(g["probe"], g["metric"]) for g in verdict["gates"]}
    return {
        "canaries": round(p["repeats=16"], 4),
        "twins": round(p["repeats=0"], 4),
        **verdict["by_arm"],
        "leaks": sum(e.get("verified", False) for e in leaks),
        **compared(measured, gates, last),
    }


def compared(
    measured: list[dict[str, Any]], gates: set[tuple[str, str]], last: int
) -> dict[str, Any]:
    """Routed against as given on every scored gate metric of both; lower is better in all."""
    effects: dict[tuple[str, str, str], dict[str, float]] = {}
    for m in measured:
        gated = (m["probe"], m["metric"]) in gates and m["checkpoint"] == last and m["scored"]
        primary = m["metric"] != "auc" or m["stratum"] == "ratio"
        if gated and primary and m["arm"] in ("as_given", "routed") and m["stratum"] != "heldout":
            effects.setdefault((m["probe"], m["metric"], m["stratum"]), {})[m["arm"]] = m["effect"]
    changes = {key: e["routed"] - e["as_given"] for key, e in effects.items() if len(e) == 2}
    return {
        "better": sum(change < 0 for change in changes.values()),
        "equal": sum(change == 0 for change in changes.values()),
        "worse": [f"{metric} {by:+.3f}" for (_, metric, _), by in changes.items() if by > 0],
    }


if __name__ == "__main__":
    raise SystemExit(main())
