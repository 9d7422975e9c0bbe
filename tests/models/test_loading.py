"""Loading tells what is wrong with a folder, and changes no value of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tunegate.errors import InputError
from tunegate.models.loading import (
    Base,
    choose_dtype,
    folder_digest,
    load,
    load_tokenizer,
    model_folder,
)


@pytest.fixture
def copied(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model that a test may damage."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "copy"))


def refused(folder: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        load(str(folder), dtype="fp32")
    return caught.value.code


def test_a_sound_folder_is_loaded_frozen(tiny_folder: Path, base: Base) -> None:
    assert (base.name, base.dtype, base.embedded) == (tiny_folder.name, "fp32", False)
    assert not base.model.training
    assert not any(p.requires_grad for p in base.model.parameters())
    assert {p.dtype for p in base.model.parameters()} == {torch.float32}
    assert base.digest == folder_digest(tiny_folder)


def test_a_missing_folder(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere") == "model_missing"


def test_an_id_that_is_in_no_cache_is_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert refused("nobody/no-such-model") == "model_missing"


def test_a_folder_without_config(copied: Path) -> None:
    (copied / "config.json").unlink()
    assert refused(copied) == "not_a_model"


def test_a_damaged_config(copied: Path) -> None:
    (copied / "config.json").write_text("{")
    assert refused(copied) == "not_a_model"


def test_pickled_weights_are_not_opened(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    (copied / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    assert refused(copied) == "model_without_safetensors"


@pytest.mark.parametrize("kept", [0, 7, 2_000])
def test_damaged_weights(copied: Path, kept: int) -> None:
    path = copied / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert refused(copied) == "not_a_model"


def test_code_in_a_model_folder_is_not_run(copied: Path) -> None:
    mark = copied / "ran"
    (copied / "evil.py").write_text(f"open({str(mark)!r}, 'w')\n")
    config = json.loads((copied / "config.json").read_text())
    config["model_type"] = "evil"
    config["auto_map"] = {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}
    (copied / "config.json").write_text(json.dumps(config))
    assert refused(copied) == "not_a_model"
    assert not mark.exists()


def test_a_damaged_tokenizer(copied: Path) -> None:
    (copied / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError) as caught:
        load_tokenizer(str(copied))
    assert caught.value.code == "not_a_model"


def test_a_tokenizer_without_padding_pads_with_the_end(copied: Path) -> None:
    path = copied / "tokenizer_config.json"
    config = json.loads(path.read_text())
    del config["pad_token"]
    path.write_text(json.dumps(config))
    tokenizer = load_tokenizer(str(copied))
    assert tokenizer.pad_token == "<|im_end|>"


def test_the_digest_changes_with_every_file_that_matters(copied: Path, tiny_folder: Path) -> None:
    sound = folder_digest(tiny_folder)
    assert folder_digest(copied) == sound
    (copied / "README.md").write_text("words about the model")
    assert folder_digest(copied) == sound
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        path = copied / name
        kept = path.read_bytes()
        path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
        assert folder_digest(copied) != sound
        path.write_bytes(kept)


def test_a_folder_is_taken_as_it_is(tiny_folder: Path) -> None:
    assert model_folder(str(tiny_folder)) == tiny_folder


@pytest.mark.parametrize(
    ("avx", "amx", "expected"),
    [(True, False, "bf16"), (False, True, "bf16"), (False, False, "fp32")],
)
def test_bf16_is_chosen_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, avx: bool, amx: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert choose_dtype("auto", "cpu") == expected
    assert choose_dtype("fp32", "cpu") == "fp32"
    assert choose_dtype("bf16", "cpu") == "bf16"


@pytest.mark.parametrize(("able", "expected"), [(True, "bf16"), (False, "fp32")])
def test_a_graphics_card_decides_for_itself(
    monkeypatch: pytest.MonkeyPatch, able: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: able)
    assert choose_dtype("auto", "cuda") == expected


def test_bf16_weights_are_bf16(tiny_folder: Path) -> None:
    small = load(str(tiny_folder), dtype="bf16")
    assert small.dtype == "bf16"
    assert {p.dtype for p in small.model.parameters()} == {torch.bfloat16}


def test_the_layout_in_memory_changes_no_value(tiny_folder: Path, base: Base) -> None:
    saved = load_file(tiny_folder / "model.safetensors")
    held = base.model.state_dict()
    assert all(torch.equal(value, held[name]) for name, value in saved.items())
    name = "model.layers.0.mlp.gate_proj.weight"
    assert held[name].t().is_contiguous()
    assert held["model.embed_tokens.weight"].is_contiguous()


def test_slices_of_hidden_states_reach_the_head_in_one_piece(base: Base) -> None:
    """As in generation; `matmul` would copy the output matrix once a row otherwise."""
    seen: list[bool] = []
    head = base.model.get_output_embeddings()
    handle = head.register_forward_hook(lambda _m, args, _o: seen.append(args[0].is_contiguous()))
    with torch.inference_mode():
        base.model(input_ids=torch.ones((3, 4), dtype=torch.long), logits_to_keep=1)
    handle.remove()
    assert seen == [True]
