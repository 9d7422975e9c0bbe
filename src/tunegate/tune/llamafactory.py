"""LLaMA-Factory as the trainer: the user's own YAML, run by its own program.

It lives in an environment of its own, so it is driven as a process and read by what it leaves:
`trainer_log.jsonl` for progress, one `checkpoint-N` an epoch. Everything that it writes, prints and
caches holds training data or weights, and so stays in the folder that is given here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import structs

from tunegate import yamlfile
from tunegate.errors import InputError
from tunegate.models.loading import Base
from tunegate.models.template import Encoded
from tunegate.tune import checkpoints
from tunegate.tune.outcome import Progress, Trained, summary
from tunegate.types import Recipe

VARIABLE = "TUNEGATE_LLAMAFACTORY"
_PROGRAM = "llamafactory-cli"
# What it takes where the YAML says nothing.
_DEFAULTS: Mapping[str, Any] = {
    "save_only_model": False,
    "overwrite_output_dir": False,
    "eval_strategy": "no",
    "load_best_model_at_end": False,
    "do_eval": False,
    "do_predict": False,
    "predict_with_generate": False,
    "push_to_hub": False,
    "use_swanlab": False,
}
_STAGE: Mapping[str, Any] = {
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "logging_steps": 5,
}
_OURS = frozenset({"dtype", "max_samples", "val_size"})
# Written even where they are our defaults, for LLaMA-Factory's may be others.
_ALWAYS = frozenset(
    {
        *("learning_rate", "num_train_epochs", "per_device_train_batch_size", "template"),
        *("lora_rank", "lora_alpha", "lora_target", "cutoff_len", "lr_scheduler_type"),
    }
)
_POLL = 0.5  # seconds between two looks at the log
_PATIENCE = 10.0  # seconds for a program that is asked to stop


class Change(NamedTuple):
    """One key of the user's YAML that is set for the trial; `was` is None if it was not there."""

    key: str
    was: str | None
    becomes: str


def program(named: str) -> Path:
    """LLaMA-Factory's program.

    Args:
        named: An environment's folder, the program itself, or empty for the variable
            TUNEGATE_LLAMAFACTORY and then the search path.

    Raises:
        InputError: It is not there.
    """
    named = named or os.environ.get(VARIABLE, "")
    if not named:
        found = shutil.which(_PROGRAM)
        if found is None:
            raise InputError("llamafactory_missing", path=_PROGRAM)
        return Path(found)
    path = Path(named).expanduser()
    for place in (path / "bin" / _PROGRAM, path / _PROGRAM, path):
        if place.is_file() and os.access(place, os.X_OK):
            return place.absolute()
    raise InputError("llamafactory_missing", path=named)


def effective(
    config: Mapping[str, Any], *, model: Path | None, data: Path, names: Sequence[str], output: Path
) -> dict[str, Any]:
    """The user's keys with those changed that a trial needs, and no others.

    Args:
        config: The user's YAML.
        model: A local base model; None leaves what the user named.
        data: Folder with `dataset_info.json`.
        names: Datasets in it.
        output: Gets checkpoints.
    """
    own: dict[str, Any] = {"do_train": True, "dataset_dir": str(data), "output_dir": str(output)}
    if sorted(datasets(config)) != sorted(names):
        own["dataset"] = ",".join(names)
    if model is not None and str(config.get("model_name_or_path")) != str(model):
        own["model_name_or_path"] = str(model)
    # A checkpoint an epoch, all of them kept, and one to go on from after an interruption.
    own |= {"save_strategy": "epoch", "save_total_limit": None, "save_only_model": False}
    own |= {"overwrite_output_dir": False, "resume_from_checkpoint": None}
    # The planted folder holds no other set, and nothing is to leave this machine.
    own |= {"eval_dataset": None, "eval_strategy": "no", "load_best_model_at_end": False}
    own |= {"do_eval": False, "do_predict": False, "predict_with_generate": False}
    own |= {"push_to_hub": False, "report_to": "none", "use_swanlab": False, "cache_dir": None}
    needed = {k: v for k, v in own.items() if config.get(k, _DEFAULTS.get(k)) != v}
    return {**config, **needed}


def keys_of(recipe: Recipe, *, model: str) -> dict[str, Any]:
    """A recipe of ours as LLaMA-Factory's keys, for a team without a YAML of its own."""
    plain = structs.asdict(Recipe())
    kept = {
        key: value
        for key, value in structs.asdict(recipe).items()
        if key not in _OURS and (key in _ALWAYS or value != plain[key])
    }
    return {"model_name_or_path": model, **_STAGE, **kept}


def datasets(config: Mapping[str, Any]) -> list[str]:
    """The datasets that a YAML names, as a list or parted by commas."""
    named = config.get("dataset") or []
    parts = named if isinstance(named, list) else str(named).split(",")
    return [str(part).strip() for part in parts if str(part).strip()]


def seed(config: Mapping[str, Any]) -> int:
    """The seed that it trains with."""
    return int(config.get("seed", 42))


def changes(config: Mapping[str, Any], ours: Mapping[str, Any]) -> tuple[Change, ...]:
    """What `effective` changed, for people to read."""
    return tuple(
        Change(key, str(config[key]) if key in config else None, str(value))
        for key, value in ours.items()
        if key not in config or config[key] != value
    )


def train(
    base: Base,
    examples: Sequence[Encoded],
    config: Mapping[str, Any],
    *,
    command: Path,
    folder: Path,
    progress: Progress | None = None,
) -> Trained:
    """Trains one adapter; an interrupted training goes on from its last checkpoint.

    Args:
        base: The base model, for checking what comes out and for rates.
        examples: The records as this package encodes them, for counting tokens.
        config: What `effective` gave.
        command: What `program` gave.
        folder: Gets `epoch-1` … with an adapter each.
        progress: Called as the trainer's own log grows.

    Raises:
        InputError: The program failed, left no checkpoint, or left weights that cannot be used.
        VoidError: The weights did not move.
    """
    output = Path(config["output_dir"])
    if (there := checkpoints.taken_before(folder)) and not output.exists():
        return summary(base, examples, there, here=0, seconds=0.0)
    output.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = len(checkpoints.finished(output))
    whole = sum(len(example.ids) for example in examples)
    started = time.perf_counter()
    _run(command, config, output, _reporter(progress, whole, config))
    seconds = time.perf_counter() - started
    found = checkpoints.finished(output)
    if not found:
        raise InputError("llamafactory_no_checkpoint", path=str(output))
    done = checkpoints.take(base, found, folder)
    shutil.rmtree(output)
    return summary(base, examples, done, here=len(found) - before, seconds=seconds)


def _reporter(progress: Progress | None, tokens: int, config: Mapping[str, Any]) -> Progress:
    whole = round(tokens * float(config.get("num_train_epochs", 3.0)))

    def report(step: int, steps: int) -> None:
        if progress:
            progress(round(whole * step / max(steps, 1)), whole)

    return report


def _run(command: Path, config: Mapping[str, Any], output: Path, report: Progress) -> None:
    """One run of the program; its log lies beside its checkpoints."""
    settings = output / "train.yaml"
    settings.write_text(yamlfile.dump(dict(config)), "utf-8")
    log = output / "log.txt"
    with (
        log.open("ab") as told,
        _process([str(command), "train", str(settings)], told, environment(output)) as process,
    ):
        while process.poll() is None:
            time.sleep(_POLL)
            _follow(output / "trainer_log.jsonl", report)
    _follow(output / "trainer_log.jsonl", report)
    if process.returncode:
        raise InputError("llamafactory_failed", status=process.returncode, path=str(log))


def environment(folder: Path) -> dict[str, str]:
    """Variables for its programs: offline, and what it caches of the data stays in `folder`."""
    own = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(folder / "cache")}
    ours = ("TUNEGATE_KEY", "TUNEGATE_ENDPOINT_KEY")  # nothing that it needs to know
    return {name: value for name, value in os.environ.items() if name not in ours} | own


@contextmanager
def _process(
    words: Sequence[str], told: Any, variables: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that does not outlive what it is needed for."""
    process = subprocess.Popen(words, stdout=told, stderr=subprocess.STDOUT, env=variables)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _follow(path: Path, report: Progress) -> None:
    try:
        lines = path.read_text("utf-8").splitlines()
        last = json.loads(lines[-1])
        report(int(last["current_steps"]), int(last["total_steps"]))
    except (OSError, ValueError, LookupError):
        return  # not there yet, or in the middle of a line
