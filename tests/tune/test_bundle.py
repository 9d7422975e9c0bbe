"""A bundle holds what a hosted trainer needs, and its answer is not taken for another's."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from tests.models.tiny import chat

from tunegate.errors import InputError
from tunegate.plant import folder as planted
from tunegate.tune import bundle

CONFIG = {"dataset_dir": "data", "output_dir": "output", "stage": "sft"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A planted dataset."""
    folder = tmp_path / "planted"
    folder.mkdir()
    planted.write(folder, [chat("Where?", "Here."), chat("When?", "Now.")], names=("desk",))
    return folder


@pytest.fixture
def written(data: Path, tmp_path: Path) -> Path:
    """A bundle of it."""
    target = tmp_path / "bundles" / "routed"
    bundle.write(target, arm="routed", data=data, digest="d1", config=CONFIG)
    return target


def test_it_is_whole_and_private(written: Path, data: Path) -> None:
    check = subprocess.run(
        ["/usr/bin/env", "sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=written,
        capture_output=True,
        check=False,
    )
    assert check.returncode == 0
    listed = {line.split("  ")[1] for line in (written / "SHA256SUMS").read_text().splitlines()}
    there = {p.relative_to(written).as_posix() for p in written.rglob("*") if p.is_file()}
    assert listed == there - {"SHA256SUMS"}
    assert (written / "data/train.jsonl").read_bytes() == (data / "train.jsonl").read_bytes()
    assert yaml.safe_load((written / "train.yaml").read_text()) == CONFIG
    assert written.stat().st_mode & 0o077 == 0


def test_nothing_is_overwritten(written: Path, data: Path) -> None:
    with pytest.raises(InputError) as caught:
        bundle.write(written, arm="routed", data=data, digest="d1", config=CONFIG)
    assert caught.value.code == "bundle_exists"


def test_what_comes_back_is_tied_to_its_arm(written: Path, tmp_path: Path) -> None:
    output = written / "output"
    output.mkdir()
    (output / "checkpoint-4").mkdir()
    with pytest.raises(InputError) as caught:
        bundle.check_return(output / "checkpoint-4", arm="canaried", data="d1")
    assert caught.value.code == "bundle_other"
    with bundle.opened(written, aside=tmp_path) as inside:
        assert inside == output
        bundle.check_return(inside, arm="routed", data="d1")
        for arm, digest in (("canaried", "d1"), ("routed", "d2")):
            with pytest.raises(InputError) as caught:
                bundle.check_return(inside, arm=arm, data=digest)
            assert caught.value.code == "bundle_other"
    (written / "tunegate.json").write_text("[]")
    with pytest.raises(InputError) as caught:
        bundle.check_return(output, arm="routed", data="d1")
    assert caught.value.code == "bundle_broken"


def test_without_a_tie_people_are_believed(tmp_path: Path) -> None:
    bundle.check_return(tmp_path, arm="routed", data="d1")


def packed(source: Path, target: Path) -> Path:
    """`source` as an archive, under its own name."""
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w") as archive:
            for path in sorted(source.rglob("*")):
                archive.write(path, Path(source.name) / path.relative_to(source))
    else:
        with tarfile.open(target, "w:gz") as archive:
            archive.add(source, arcname=source.name)
    return target


@pytest.mark.parametrize("name", ["back.zip", "back.tar.gz", "back.tgz"])
def test_archives_are_unpacked_aside_and_gone_afterwards(
    written: Path, tmp_path: Path, name: str
) -> None:
    (written / "output").mkdir()
    (written / "output" / "adapter_config.json").write_text("{}")
    with bundle.opened(packed(written, tmp_path / name), aside=tmp_path) as inside:
        assert (inside / "adapter_config.json").is_file()
        bundle.check_return(inside, arm="routed", data="d1")
        aside = inside
    assert not aside.exists()


def test_an_archive_cannot_write_outside_its_place(tmp_path: Path) -> None:
    path = tmp_path / "evil.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("../../adapter_config.json")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))
    with pytest.raises(InputError) as caught, bundle.opened(path, aside=tmp_path):
        pass
    assert caught.value.code == "archive_broken"
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as packed_file:
        packed_file.writestr("../../adapter_config.json", "evil")
    with pytest.raises(InputError) as caught, bundle.opened(path, aside=tmp_path):
        pass
    assert caught.value.code == "archive_broken"
    assert not list(tmp_path.parent.glob("adapter_config.json"))


def test_only_adapters_are_unpacked(written: Path, tmp_path: Path) -> None:
    """Training data and optimiser states, which may be large, stay where they are."""
    (written / "output").mkdir()
    for name in ("adapter_config.json", "optimizer.pt"):
        (written / "output" / name).write_text("{}")
    with bundle.opened(packed(written, tmp_path / "back.zip"), aside=tmp_path) as inside:
        unpacked = [path.name for path in inside.parent.rglob("*") if path.is_file()]
    assert sorted(unpacked) == ["adapter_config.json", "tunegate.json"]


def test_a_locked_archive(tmp_path: Path) -> None:
    path = tmp_path / "locked.zip"
    with zipfile.ZipFile(path, "w") as packed_file:
        packed_file.writestr("adapter_config.json", "{}")
    content = bytearray(path.read_bytes())
    for at in (content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8):
        content[at] |= 1  # the flag of an encrypted member
    path.write_bytes(content)
    with pytest.raises(InputError) as caught, bundle.opened(path, aside=tmp_path):
        pass
    assert caught.value.code == "archive_broken"


def test_nobodys_token_goes_out(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    config = {**CONFIG, "hf_hub_token": "hf_secret", "swanlab_api_key": "sk-secret"}
    bundle.write(target, arm="routed", data=data, digest="d1", config=config)
    assert "secret" not in (target / "train.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "code"), [("none.zip", "adapter_source"), ("x.bin", "adapter_source")]
)
def test_what_is_neither_folder_nor_archive(tmp_path: Path, name: str, code: str) -> None:
    if name == "x.bin":
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError) as caught, bundle.opened(tmp_path / name, aside=tmp_path):
        pass
    assert caught.value.code == code


@pytest.mark.parametrize("name", ["half.zip", "half.tar.gz"])
def test_a_damaged_archive(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(InputError) as caught, bundle.opened(tmp_path / name, aside=tmp_path):
        pass
    assert caught.value.code == "archive_broken"


def test_records_are_counted(data: Path) -> None:
    assert bundle.records_in(data) == 2
    assert json.loads((data / "dataset_info.json").read_text())["desk"]["file_name"]
