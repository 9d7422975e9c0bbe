"""A bundle: what a hosted LLaMA-Factory needs to train an arm, and what ties its answer to it.

    ARM/data/dataset_info.json, ARM/data/*.jsonl    the planted dataset
    ARM/train.yaml                                  the team's own YAML, pointed at it
    ARM/tunegate.json                               which arm and which data this is
    ARM/SHA256SUMS                                  for `sha256sum --check`

A bundle holds training data as it is, so it belongs where the data may go and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tunegate import yamlfile
from tunegate.errors import InputError
from tunegate.files import STAGING
from tunegate.models.adapters import CONFIG, WEIGHTS

TIE = "tunegate.json"
SETTINGS = "train.yaml"
DATA = "data"
OUTPUT = "output"
_SUMS = "SHA256SUMS"
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_WANTED = frozenset({CONFIG, WEIGHTS, "trainer_state.json", TIE})
# What the libraries raise for what is damaged, locked or packed in a way of its own.
_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError),
    *(RuntimeError, NotImplementedError),
)
_SECRET = re.compile("token|api_key|password|secret", re.IGNORECASE)


def write(folder: Path, *, arm: str, data: Path, digest: str, config: Mapping[str, Any]) -> None:
    """Writes one arm's bundle.

    Args:
        folder: Where; it must not exist yet.
        arm: The arm's name.
        data: Its planted dataset folder.
        digest: Hash of that folder.
        config: What LLaMA-Factory is to be given, its paths relative to the bundle; keys that hold
            somebody's token or password are left out.

    Raises:
        InputError: There is something already.
    """
    if folder.exists():
        raise InputError("bundle_exists", path=str(folder))
    folder.mkdir(parents=True, mode=0o700)
    shutil.copytree(data, folder / DATA)
    kept = {key: value for key, value in config.items() if not _SECRET.search(key)}
    (folder / SETTINGS).write_text(yamlfile.dump(kept), "utf-8")
    tie = {"arm": arm, "data": digest}
    (folder / TIE).write_text(json.dumps(tie, indent=1, sort_keys=True) + "\n", "utf-8")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in files
    )
    (folder / _SUMS).write_text(sums, "utf-8")


def check_return(folder: Path, *, arm: str, data: str) -> None:
    """Makes sure that what came back was not trained on another arm's data, where it can tell.

    Raises:
        InputError: It carries the tie of another bundle.
    """
    places = (folder, *folder.absolute().parents[:3])  # a checkpoint lies two below the bundle
    path = next((place / TIE for place in places if (place / TIE).is_file()), None)
    if path is None:
        return
    try:
        tie = json.loads(path.read_text("utf-8"))
        known = str(tie["arm"]), str(tie["data"])
    except (ValueError, LookupError, TypeError) as error:
        raise InputError("bundle_broken", path=str(path)) from error
    if known != (arm, data):
        raise InputError("bundle_other", path=str(path), arm=arm, theirs=known[0][:40])


@contextmanager
def opened(source: Path, *, aside: Path) -> Iterator[Path]:
    """A trainer's output, be it a folder or an archive of one.

    Args:
        source: The folder or archive.
        aside: Where an archive's adapters are unpacked for a while; in the vault.

    Raises:
        InputError: It is not there, damaged, or would write outside its place.
    """
    if source.is_dir():
        inner = source / OUTPUT
        yield inner if inner.is_dir() and (source / TIE).is_file() else source
        return
    if not source.is_file() or not source.name.endswith(_ARCHIVES):
        raise InputError("adapter_source", path=str(source))
    with tempfile.TemporaryDirectory(prefix=STAGING, dir=aside) as place:
        target = Path(place)
        try:
            with _unpacking(source) as members:
                for name, member in members:
                    _put(name, member, target)
        except (*_DAMAGED, ValueError, OSError) as error:
            raise InputError("archive_broken", path=str(source)) from error
        yield _inner(target)


@contextmanager
def _unpacking(source: Path) -> Iterator[Iterator[tuple[PurePosixPath, IO[bytes]]]]:
    """The files of an archive that are wanted, by name; data and the rest stay packed."""
    if source.suffix == ".zip":
        with zipfile.ZipFile(source) as packed:
            named = ((PurePosixPath(one.filename), one) for one in packed.infolist())
            yield ((name, packed.open(one)) for name, one in named if name.name in _WANTED)
        return
    with tarfile.open(source) as archive:
        files = ((PurePosixPath(one.name), one) for one in archive if one.isfile())
        yield (
            (name, file)
            for name, one in files
            if name.name in _WANTED and (file := archive.extractfile(one)) is not None
        )


def _put(name: PurePosixPath, member: IO[bytes], target: Path) -> None:
    with member:
        if name.is_absolute() or ".." in name.parts:
            raise ValueError(name.name)
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            shutil.copyfileobj(member, file)


def _inner(folder: Path) -> Path:
    """The output itself: archives often hold one folder, and a bundle keeps it in `output`."""
    while True:
        if (folder / OUTPUT).is_dir():
            return folder / OUTPUT
        inside = [path for path in folder.iterdir() if not path.name.startswith(("._", "__MACOSX"))]
        if len(inside) != 1 or not inside[0].is_dir():
            return folder
        folder = inside[0]


def records_in(data: Path) -> int:
    """How many records a planted dataset folder holds."""
    return sum(len(path.read_bytes().splitlines()) for path in data.glob("*.jsonl"))
