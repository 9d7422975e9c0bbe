"""What another trainer left is found in order, checked, and taken once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.tiny import write_adapter, write_model

from tunegate.errors import InputError, VoidError
from tunegate.models.adapters import WEIGHTS
from tunegate.models.loading import Base, load
from tunegate.tune import checkpoints


def output(base: Base, folder: Path, *steps: int, last: bool = True) -> Path:
    """A trainer's output folder: a checkpoint a step, and the last adapter beside them."""
    history = []
    for number, step in enumerate(steps, 1):
        adapter = write_adapter(base, folder / f"checkpoint-{step}", seed=step)
        history.append({"epoch": float(number), "loss": 4.0 - number, "step": step})
        (adapter / "trainer_state.json").write_text(json.dumps({"log_history": history}))
        (adapter / "optimizer.pt").write_bytes(b"a pickle that nobody opens")
    if last:
        for name in ("adapter_config.json", WEIGHTS):
            shutil.copy(folder / f"checkpoint-{steps[-1]}" / name, folder / name)
    return folder


def test_steps_are_taken_in_their_numbers_order_and_the_last_one_once(
    base: Base, tmp_path: Path
) -> None:
    found = checkpoints.left_in(output(base, tmp_path / "out", 9, 100))
    assert [one.folder.name for one in found] == ["checkpoint-9", "checkpoint-100"]
    taken = checkpoints.take(base, found, tmp_path / "arm")
    assert [(one.epoch, one.train_loss) for one in taken] == [(1, 3.0), (2, 2.0)]
    assert sorted(path.name for path in taken[0].folder.iterdir()) == sorted(
        ["adapter_config.json", WEIGHTS, "epoch.json"]
    )
    assert checkpoints.taken_before(tmp_path / "arm") == taken


def test_a_last_adapter_of_its_own_comes_last(base: Base, tmp_path: Path) -> None:
    folder = output(base, tmp_path / "out", 5, last=False)
    write_adapter(base, folder, seed=77)
    assert [one.folder for one in checkpoints.left_in(folder)] == [
        folder / "checkpoint-5",
        folder,
    ]


def test_a_folder_with_one_adapter_is_enough(base: Base, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "one")
    [taken] = checkpoints.take(base, checkpoints.left_in(adapter), tmp_path / "arm")
    assert (taken.epoch, taken.train_loss) == (1, None)


def test_a_half_written_checkpoint_is_passed_over(base: Base, tmp_path: Path) -> None:
    folder = output(base, tmp_path / "out", 5, 10, last=False)
    (folder / "checkpoint-10" / "trainer_state.json").unlink()
    assert [one.folder.name for one in checkpoints.finished(folder)] == ["checkpoint-5"]


def test_digests_tell_weights_apart(base: Base, tmp_path: Path) -> None:
    one, same, other = (
        checkpoints.digest(checkpoints.left_in(write_adapter(base, tmp_path / name, seed=seed)))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert one == same != other


def refusal(base: Base, folder: Path, target: Path) -> str:
    """The code of the refusal, from finding to taking."""
    with pytest.raises(InputError) as caught:
        found = checkpoints.left_in(folder)
        checkpoints.digest(found)
        checkpoints.take(base, found, target)
    assert not list(target.glob("epoch-*"))
    return caught.value.code


def test_nothing_there(base: Base, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert refusal(base, tmp_path / "empty", tmp_path / "arm") == "adapter_none"


def test_a_broken_state(base: Base, tmp_path: Path) -> None:
    folder = output(base, tmp_path / "out", 5)
    for text in ("{", '{"log_history": [1]}', '{"log_history": [{"loss": "x", "epoch": 1}]}', "[]"):
        (folder / "checkpoint-5" / "trainer_state.json").write_text(text)
        assert refusal(base, folder, tmp_path / "arm") == "checkpoint_broken", text


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"PK\x03\x04 an archive of pickles", "adapter_pickle"),
        (b"\x80\x04\x95 a pickle", "adapter_pickle"),
        (b"", "adapter_damaged"),
        (b"\xff" * 64, "adapter_damaged"),
        ((1 << 40).to_bytes(8, "little") + b"{}", "adapter_damaged"),
        ((64).to_bytes(8, "little") + b'{"a": ', "adapter_damaged"),
    ],
)
def test_what_is_no_safetensors_is_not_opened(
    base: Base, tmp_path: Path, content: bytes, code: str
) -> None:
    adapter = write_adapter(base, tmp_path / "one")
    (adapter / WEIGHTS).write_bytes(content)
    assert refusal(base, adapter, tmp_path / "arm") == code


def test_only_a_pickle_is_there(base: Base, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "one")
    (adapter / WEIGHTS).rename(adapter / "adapter_model.bin")
    assert refusal(base, adapter, tmp_path / "arm") == "adapter_pickle"


def test_values_that_are_no_numbers(base: Base, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "one")
    values = load_file(adapter / WEIGHTS)
    next(iter(values.values()))[0, 0] = torch.nan
    save_file(values, adapter / WEIGHTS)
    assert refusal(base, adapter, tmp_path / "arm") == "adapter_not_finite"


def test_an_adapter_for_another_base(base: Base, tmp_path: Path) -> None:
    other = load(str(write_model(tmp_path / "other", hidden=32)), dtype="fp32")
    adapter = write_adapter(other, tmp_path / "one")
    assert refusal(base, adapter, tmp_path / "arm") == "adapter_unfit"


def test_weights_that_did_not_move(base: Base, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "one", scale=0.0)
    with pytest.raises(VoidError):
        checkpoints.take(base, checkpoints.left_in(adapter), tmp_path / "arm")
