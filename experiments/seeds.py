"""Fresh seeds of the demo: are canaries found, twins not, and is the data as given refused?

Usage: python -m experiments.seeds [SEEDS] [FIRST]

Every seed is a new dataset under a new project key, at the demo's own depth and recipe. One line a
seed: p of the canaries repeated 16 times and of the twins, the two arms' decisions, verified leaks
of the arm as given, and on how many of the gates that both arms measured the routed arm is better,
equal or worse.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ALPHA = 0.01


def main(seeds: int, first: int) -> int:
    """Runs the demos and prints what held on how many."""
    detected = refused = no_worse = 0
    for seed in range(first, first + seeds):
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            outcome = one(Path(folder), seed)
        detected += outcome["canaries"] <= ALPHA < outcome["twins"]
        refused += outcome["as_given"] == "no-go" and outcome["leaks"] > 0
        no_worse += outcome["worse"] == 0
        shown = "  ".join(f"{name} {value}" for name, value in outcome.items())
        print(f"seed {seed}  {shown}  ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"canaries found and twins not: {detected} of {seeds} (alpha {ALPHA})")
    print(f"as_given refused for a verified leak: {refused} of {seeds}")
    print(f"routed worse on no gate that both measured: {no_worse} of {seeds}")
    return 0


def one(home: Path, seed: int) -> dict[str, Any]:
    """One demo in a project of its own."""
    environment = {**os.environ, "TUNEGATE_KEY": f"a project key of its own, number {seed}"}
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
) -> dict[str, int]:
    """Routed against as given on every scored gate metric of both; lower is better in all."""
    effects: dict[tuple[str, str, str], dict[str, float]] = {}
    for m in measured:
        gated = (m["probe"], m["metric"]) in gates and m["checkpoint"] == last and m["scored"]
        primary = m["metric"] != "auc" or m["stratum"] == "ratio"
        if gated and primary and m["arm"] in ("as_given", "routed") and m["stratum"] != "heldout":
            effects.setdefault((m["probe"], m["metric"], m["stratum"]), {})[m["arm"]] = m["effect"]
    changes = [e["routed"] - e["as_given"] for e in effects.values() if len(e) == 2]
    return {
        "better": sum(change < 0 for change in changes),
        "equal": sum(change == 0 for change in changes),
        "worse": sum(change > 0 for change in changes),
    }


if __name__ == "__main__":
    words = [int(word) for word in sys.argv[1:]]
    raise SystemExit(main(words[0] if words else 20, words[1] if len(words) > 1 else 1))
