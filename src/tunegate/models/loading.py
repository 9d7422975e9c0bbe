"""Loads a causal language model from this machine, once, and tells what it is."""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tunegate.errors import InputError
from tunegate.models.embedded import NAME, Notify, embedded_folder

Dtype = Literal["auto", "fp32", "bf16"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # numbers of malloc.h


@dataclass(slots=True)
class Base:
    """A base model in memory.

    Attributes:
        model: A transformers causal LM, or a PEFT wrapper around it while an adapter is on.
        digest: SHA-256 over its configuration, tokenizer and weights.
        embedded: Whether it is the built-in stand-in rather than the team's own model.
        plain: The base model itself, while a whole tuned model stands in its place.
    """

    model: Any
    tokenizer: Any
    name: str
    digest: str
    dtype: Literal["fp32", "bf16"]
    device: str
    embedded: bool
    plain: Any = None


def _keep_freed_memory() -> None:
    """Lets glibc keep large blocks that are freed; else every batch faults its memory in anew.

    On a CPU that is some 8 % of the time of scoring. Other C libraries lack the call.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


def device_name() -> str:
    """`cuda` when a GPU is there, else `cpu`."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_dtype(wanted: Dtype, device: str) -> Literal["fp32", "bf16"]:
    """bf16 where the processor has instructions for it (it is slower than fp32 elsewhere)."""
    import torch

    if wanted != "auto":
        return wanted
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if fast else "fp32"


def model_folder(model: str, notify: Notify | None = None) -> Path:
    """The local folder of a model given as `embedded` or as a path.

    `notify` is called with a message code before the embedded one is converted.

    Raises:
        InputError: There is no such folder, or it holds no model in safetensors.
    """
    if model == NAME:
        return embedded_folder(notify)
    folder = Path(model).expanduser()
    if not folder.exists():
        return _from_hub_cache(model)
    if not (folder / "config.json").is_file():
        raise InputError("not_a_model", path=str(folder))
    if not list(folder.glob("*.safetensors")):
        raise InputError("model_without_safetensors", path=str(folder))
    return folder


def _from_hub_cache(model: str) -> Path:
    """A hub id is looked up in the local hub cache only: nothing is ever downloaded."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, HfHubHTTPError, OSError) as error:
        raise InputError("model_missing", model=model) from error


def folder_digest(folder: Path) -> str:
    """SHA-256 over names and bytes of all that makes the model what it is."""
    total = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in {".json", ".safetensors", ".jinja", ".model", ".txt"}:
            total.update(path.name.encode())
            with path.open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def load(model: str, *, dtype: Dtype = "auto") -> Base:
    """Loads base model and tokenizer without running any code that came with them.

    Args:
        model: `embedded`, a local folder, or a hub id that is already in the local cache.
        dtype: `auto` takes what the processor does well.

    Raises:
        InputError: The folder is missing, is no model, or its files are damaged.
    """
    quiet()
    folder = model_folder(model)
    device = device_name()
    if device == "cpu" and sys.platform == "linux":
        _keep_freed_memory()
    chosen = choose_dtype(dtype, device)
    weights = load_weights(folder, dtype=chosen, device=device)
    tokenizer = load_tokenizer(model)
    name = NAME if model == NAME else folder.name
    return Base(weights, tokenizer, name, folder_digest(folder), chosen, device, model == NAME)


def load_weights(
    folder: Path, *, dtype: Literal["fp32", "bf16"], device: str, strict: bool = False
) -> Any:
    """A model without its tokenizer, frozen and laid out for its device.

    Args:
        folder: A model's.
        dtype: Of its weights in memory.
        device: Where they go.
        strict: Refuse a model that lacks weights; the library below would draw them at random.

    Raises:
        InputError: The folder holds no model, its files are damaged, or weights are missing.
    """
    import torch
    from transformers import AutoModelForCausalLM

    kind = torch.bfloat16 if dtype == "bf16" else torch.float32
    try:
        weights, told = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=kind,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except Exception as error:  # transformers raises whatever the damaged file provoked
        raise InputError("not_a_model", path=str(folder)) from error
    lacking = [*told.get("missing_keys", ()), *told.get("mismatched_keys", ())]
    if strict and lacking:
        raise InputError("model_incomplete", path=str(folder), count=len(lacking))
    weights.to(device)
    weights.requires_grad_(False)
    weights.eval()
    weights.get_output_embeddings().register_forward_pre_hook(_contiguous)
    if device == "cpu" and dtype == "fp32":
        _lay_out(weights)
    return weights


def _contiguous(_head: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Hidden states in one piece: for a slice (each row's last token, as in generation) `matmul`
    would copy the whole output matrix once a row."""
    return (inputs[0].contiguous(), *inputs[1:])


def _lay_out(model: Any) -> None:
    """Keeps each layer's matrix as its products read it: inputs by outputs.

    Products of a few rows, as in generation, then take a third of the time on a CPU (MKL, fp32);
    those of many rows take the same. Shapes and values stay as they were.
    """
    from torch.nn import Linear

    head = model.get_output_embeddings()  # often the embeddings too, which are read by the row
    for module in model.modules():
        if isinstance(module, Linear) and module is not head:
            module.weight.data = module.weight.data.t().contiguous().t()


def load_tokenizer(model: str) -> Any:
    """A model's tokenizer alone, without its weights.

    Raises:
        InputError: There is no such model, or its tokenizer cannot tell characters from tokens.
    """
    quiet()
    from transformers import AutoTokenizer

    folder = model_folder(model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # transformers raises whatever the damaged file provoked
        raise InputError("not_a_model", path=str(folder)) from error
    if not getattr(tokenizer, "is_fast", False):
        raise InputError("tokenizer_without_offsets", path=str(folder))
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def quiet() -> None:
    """Silences bars and warnings of the libraries below us: the core never prints.

    Raises:
        InputError: They are not installed.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    # peft asks transformers for an attribute that is about to be renamed.
    warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
    try:
        from transformers.utils import logging
    except ImportError as error:
        raise InputError("model_extra_missing", library=str(error.name)) from error

    logging.set_verbosity_error()
    logging.disable_progress_bar()
