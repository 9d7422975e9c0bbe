"""Files that are whole or not there: atomic writing, typed reading, content hashes."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import msgspec
import platformdirs

from tunegate.errors import InputError

STAGING = ".staging-"  # what a kill may leave behind; swept by the next run
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO),
    *(errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG),
}
_BLOCK = 1 << 20

T = TypeVar("T")


def cache_folder() -> Path:
    """What is worth keeping between runs; `TUNEGATE_CACHE` overrides the user's cache folder."""
    return Path(os.environ.get("TUNEGATE_CACHE") or platformdirs.user_cache_dir("tunegate"))


@contextmanager
def translate_errors(place: Path) -> Iterator[None]:
    """Turns a full disk and a forbidden place into messages for people; the rest passes.

    Raises:
        InputError: `disk_full` or `unwritable`.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        # Libraries that write natively (safetensors) tell of a full disk in their own exceptions.
        if number in _FULL or os.strerror(errno.ENOSPC) in str(error):
            raise InputError("disk_full", path=str(place)) from error
        if number in _DENIED:
            where = str(getattr(error, "filename", None) or place)
            raise InputError("unwritable", path=where, why=os.strerror(number or 0)) from error
        raise


@contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of `path` when the block ends well (mode 0600)."""
    with translate_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=STAGING, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
            _sync_folder(path.parent)
        finally:
            Path(name).unlink(missing_ok=True)


def rename_folder(source: Path, target: Path) -> None:
    """Puts `source` where `target` is; a kill in between leaves no `target`, never a mixture."""
    aside = Path(tempfile.mkdtemp(prefix=STAGING, dir=target.parent))
    if target.exists():
        target.rename(aside / target.name)
    source.rename(target)
    _sync_folder(target.parent)
    shutil.rmtree(aside)


def _sync_folder(folder: Path) -> None:
    """Makes a rename in `folder` last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def hash_path(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files with their relative names in order."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if not path.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    total = hashlib.sha256(b"folder")
    for child in sorted(child for child in path.rglob("*") if child.is_file()):
        name = os.fsencode(child.relative_to(path))
        total.update(len(name).to_bytes(8, "big") + name + bytes.fromhex(hash_path(child)))
    return total.hexdigest()


class Text:
    """One text file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Whether it has been written."""
        return self.path.is_file()

    def read(self) -> str:
        """The whole text.

        Raises:
            InputError: It has not been written.
        """
        return _read(self.path).decode()

    def write(self, text: str) -> None:
        """Replaces the file."""
        with atomic(self.path) as file:
            file.write(text.encode("utf-8", "backslashreplace"))


class Document(Generic[T]):
    """One JSON document: indented, keys sorted, a newline at the end."""

    def __init__(self, path: Path, type_: Any) -> None:
        self.path = path
        self._type = type_

    def exists(self) -> bool:
        """Whether it has been written."""
        return self.path.is_file()

    def read(self) -> T:
        """The document.

        Raises:
            InputError: It has not been written, or is not what it should be.
        """
        try:
            value: T = msgspec.convert(json.loads(_read(self.path)), self._type, strict=True)
        except (ValueError, msgspec.ValidationError) as error:
            raise InputError("run_file_broken", path=str(self.path)) from error
        return value

    def write(self, value: T) -> None:
        """Replaces the file."""
        with atomic(self.path) as file:
            file.write(self.encode(value))

    @staticmethod
    def encode(value: Any) -> bytes:
        """The bytes of a document.

        A lone surrogate has no UTF-8, and `backslashreplace` writes just JSON's escape of it.
        """
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False, indent=2, sort_keys=True)
        return text.encode("utf-8", "backslashreplace") + b"\n"


class Lines(Generic[T]):
    """One JSONL file, a value a line; read and written as a stream."""

    def __init__(self, path: Path, type_: Any) -> None:
        self.path = path
        self._type = type_
        self._decoder = msgspec.json.Decoder(type_)

    def exists(self) -> bool:
        """Whether it has been written."""
        return self.path.is_file()

    def read(self) -> Iterator[T]:
        """The values one by one.

        Raises:
            InputError: A line is not what it should be, or the file has not been written.
        """
        if not self.exists():
            raise InputError("run_file_missing", path=str(self.path))
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield self._decode(line)
                except (ValueError, msgspec.ValidationError) as error:
                    raise InputError("run_line_broken", path=str(self.path), line=number) from error

    def write(self, values: Iterable[T]) -> int:
        """Replaces the file; gives the number of values written."""
        count = 0
        with atomic(self.path) as file:
            for value in values:
                file.write(_line(value))
                count += 1
        return count

    def _decode(self, line: bytes) -> T:
        value: T
        try:
            value = self._decoder.decode(line)
        except msgspec.DecodeError:  # the standard library reads escaped lone surrogates
            value = msgspec.convert(json.loads(line), self._type)
        return value


def _line(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value) + b"\n"
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace") + b"\n"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError("run_file_missing", path=str(path)) from None
    except OSError as error:
        raise InputError("unreadable", path=str(path), why=str(error.strerror)) from error
