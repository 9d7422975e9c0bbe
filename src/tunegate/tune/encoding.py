"""How LLaMA-Factory encodes: asked of itself, and held against what is scored here.

Scores mean something only if the model is asked in the very tokens that it was trained in.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tunegate import yamlfile
from tunegate.errors import InputError
from tunegate.models.template import Encoded
from tunegate.tune.llamafactory import environment

TRIED = ("0.9.5",)  # versions of LLaMA-Factory that this was tested with
_SCRIPT = Path(__file__).with_name("inside_llamafactory.py")
_LIMIT = 1800.0  # seconds; it encodes some thousand records a second
_PYTHONS = ("python", "python3")


class Told(msgspec.Struct, frozen=True):
    """What LLaMA-Factory says of itself.

    Attributes:
        version: Its version.
        chat_template: Its template as Jinja; empty where it cannot be written so.
        largest_id: Of all tokens in all examples.
        vocabulary: Rows of the model's embedding.
        examples: A digest of each example's tokens and targets.
    """

    version: str
    chat_template: str
    largest_id: int
    vocabulary: int
    examples: tuple[str, ...]


def ask(command: Path, config: Mapping[str, Any], *, folder: Path) -> Told:
    """Lets LLaMA-Factory encode a dataset as it would before training.

    Args:
        command: Its program; the interpreter beside it is run.
        config: What it would be given; `dataset_dir` names the planted dataset.
        folder: For its log and its caches, which hold data; emptied afterwards but for the log.

    Raises:
        InputError: It failed; the log's place is named.
    """
    python = next((p for name in _PYTHONS if (p := command.with_name(name)).is_file()), None)
    if python is None:
        raise InputError("llamafactory_python", path=str(command.parent))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings, answer, log = folder / "encode.yaml", folder / "answer.json", folder / "log.txt"
    answer.unlink(missing_ok=True)
    settings.write_text(yamlfile.dump(dict(config)), "utf-8")
    try:
        with log.open("wb") as told:
            done = subprocess.run(
                # Isolated: beside the script lies a module that is called like the library.
                [str(python), "-I", str(_SCRIPT), str(settings), str(answer)],
                stdout=told,
                stderr=subprocess.STDOUT,
                env=environment(folder),
                timeout=_LIMIT,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise InputError("llamafactory_slow", path=str(log), seconds=_LIMIT) from error
    finally:
        shutil.rmtree(folder / "cache", ignore_errors=True)
    if done.returncode or not answer.is_file():
        raise InputError("llamafactory_encoding", status=done.returncode, path=str(log))
    told_us = msgspec.json.decode(answer.read_bytes(), type=Told)
    answer.unlink()
    return told_us


def digest(encoded: Encoded) -> str:
    """An example's tokens and targets, as `inside_llamafactory.py` digests them."""
    targets = "".join("1" if on else "0" for on in encoded.target)
    text = f"{','.join(map(str, encoded.ids))} {targets}"
    return hashlib.sha256(text.encode()).hexdigest()


def differing(ours: Sequence[Encoded], told: Told) -> list[int]:
    """Which examples LLaMA-Factory encodes otherwise, or leaves out, by their number."""
    theirs = Counter(told.examples)
    found = []
    for number, one in enumerate(ours):
        name = digest(one)
        if theirs[name]:
            theirs[name] -= 1
        else:
            found.append(number)
    return found
