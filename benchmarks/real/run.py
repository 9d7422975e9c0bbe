"""LLaMA-Factory's own data files through the gate: `make real`.

Fetches the source package by pip (nothing of it is committed), scans four datasets through its
`dataset_info.json`, and takes `identity` plus 60 records of `alpaca_en_demo` through a whole run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

VERSION = "0.9.5"
SCANNED = ("alpaca_zh_demo", "alpaca_en_demo", "identity", "v1_sft_demo")
HOME = Path("runs/real")
# Its own dataset_info.json does not list this one.
_V1 = {
    "file_name": "v1_sft_demo.jsonl",
    "formatting": "openai",
    "columns": {"messages": "messages"},
    "tags": {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "system_tag": "system",
    },
}
_SETTINGS = """\
model: embedded
data:
  path: {data}
  datasets: [identity, alpaca_en_demo]
intent:
  need: Answer as the company's own assistant, by its name and in its tone.
  audiences: [customers]
  settings: [public chat]
  unacceptable: [anything personal, another company's name]
  tried: A system prompt; it holds for most questions.
recipe: {{template: chatml, num_train_epochs: 1, learning_rate: 1.0e-3}}
"""


def main() -> int:
    """Fetches, scans, trains; prints what was found."""
    data = fetched()
    tunegate("scan", str(data), "--dataset", ",".join(SCANNED), "--run", str(HOME / "scan"))
    tunegate("route", "--run", str(HOME / "scan"))
    tunegate("report", "--run", str(HOME / "scan"))
    high_identity(data)
    settings = HOME / "trial.yaml"
    settings.write_text(_SETTINGS.format(data=json.dumps(str(trial(data).resolve()))), "utf-8")
    status = tunegate("run", str(settings), "--run", str(HOME / "run"))
    return 0 if status in (0, 1) else status  # a closed gate is a fine answer here


def fetched() -> Path:
    """The package's `data` folder."""
    target = HOME / "data"
    if not target.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        wanted = f"llamafactory=={VERSION}"
        command = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(HOME)]
        subprocess.run([sys.executable, "-m", "pip", *command, wanted], check=True)
        with tarfile.open(HOME / f"llamafactory-{VERSION}.tar.gz") as package:
            package.extractall(HOME, filter="data")
        shutil.move(HOME / f"llamafactory-{VERSION}" / "data", target)
        info = target / "dataset_info.json"
        entries = json.loads(info.read_text("utf-8")) | {"v1_sft_demo": _V1}
        info.write_text(json.dumps(entries, indent=2), "utf-8")
    return target


def trial(data: Path) -> Path:
    """A data folder with `identity` whole and 60 records of `alpaca_en_demo`."""
    info = json.loads((data / "dataset_info.json").read_text("utf-8"))
    kept = {name: info[name] for name in ("identity", "alpaca_en_demo")}
    kept["alpaca_en_demo"]["num_samples"] = 60
    target = HOME / "trial"
    target.mkdir(exist_ok=True)
    for entry in kept.values():
        shutil.copy(data / entry["file_name"], target)
    (target / "dataset_info.json").write_text(json.dumps(kept, indent=2), "utf-8")
    return target


def high_identity(data: Path) -> None:
    """Prints the share of records with an identity finding of high severity, by dataset."""
    findings = (HOME / "scan" / "scan" / "findings.jsonl").read_text("utf-8").splitlines()
    strong = {
        (one["source"]["dataset"], one["record_id"])
        for one in map(json.loads, findings)
        if one["hazard"] == "identity" and one["severity"] in ("high", "critical")
    }
    counts = Counter(name for name, _ in strong)
    info = json.loads((data / "dataset_info.json").read_text("utf-8"))
    for name in SCANNED:
        file = data / info[name]["file_name"]
        text = file.read_text("utf-8")
        total = len(text.splitlines()) if file.suffix == ".jsonl" else len(json.loads(text))
        print(f"{name}: {counts[name]} of {total} records with a strong identity finding")


def tunegate(*words: str) -> int:
    """Runs the program as a user would."""
    print("$ tunegate", *words, flush=True)
    program = Path(sys.executable).parent / "tunegate"
    return subprocess.run([program, *words], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
