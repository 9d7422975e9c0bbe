"""Project key, keyed digests and masking: the only ways in which raw text leaves the vault."""

from __future__ import annotations

import hashlib
import hmac
import os
import random
import secrets
from pathlib import Path

from tunegate.errors import InputError

KEY_VARIABLE = "TUNEGATE_KEY"
KEY_FILE = Path(".tunegate") / "key"
_MIN_KEY_BYTES = 16


class Key:
    """The project's secret: all digests and all seeds come from it.

    A bare hash of a phone number can be guessed by trying all phone numbers, hence HMAC.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and hmac.compare_digest(self._secret, other._secret)

    def __hash__(self) -> int:
        return hash(self._secret)

    def digest(self, text: str | bytes, *, purpose: str = "text", length: int = 24) -> str:
        """Hex HMAC-SHA256 of `text`, first `length` digits; `purpose` separates the domains."""
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
        mac = hmac.new(self._secret, purpose.encode() + b"\0" + data, hashlib.sha256)
        return mac.hexdigest()[:length]

    def seed(self, *parts: str | int) -> int:
        """A 63-bit seed bound to the key and to everything in `parts`."""
        return int(self.digest("\0".join(map(str, parts)), purpose="seed"), 16) % 2**63

    def rng(self, *parts: str | int) -> random.Random:
        """A generator seeded by `seed(*parts)`."""
        return random.Random(self.seed(*parts))


def load_key(project: Path) -> Key:
    """Reads the project key, or makes one (mode 0600) on first use.

    Args:
        project: The folder that holds `.tunegate/`.

    Raises:
        InputError: The key is too short, or its file can be read by other users.
    """
    if value := os.environ.get(KEY_VARIABLE):
        return Key(_checked(value.encode(), where=f"${KEY_VARIABLE}"))
    path = project / KEY_FILE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            raise InputError("key_readable_by_others", path=str(path)) from None
        return Key(_checked(path.read_bytes().strip(), where=str(path)))
    except OSError as error:
        raise InputError("key_unwritable", path=str(path), why=str(error.strerror)) from error
    with os.fdopen(handle, "wb") as file:
        secret = secrets.token_hex(32).encode()
        file.write(secret + b"\n")
    return Key(secret)


def _checked(secret: bytes, *, where: str) -> bytes:
    if len(secret) < _MIN_KEY_BYTES:
        raise InputError("key_too_short", where=where, least=_MIN_KEY_BYTES)
    return secret


def content_hash(*parts: str | bytes) -> str:
    """SHA-256 over length-prefixed parts: for files and settings, never for personal values."""
    total = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()


def shape(text: str, *, limit: int = 24) -> str:
    """The shape of a value and nothing else: letters become `a`, digits `9`, Han `字`.

    Runs longer than four are shortened, so that the length of a secret stays vague.
    """
    out: list[str] = []
    run = 0
    for char in text:
        mark = _mark(char)
        run = run + 1 if out and out[-1] == mark else 1
        if run <= 4:
            out.append(mark)
        if len(out) >= limit:
            out.append("…")
            break
    return "".join(out)


def _mark(char: str) -> str:
    if char.isdigit():
        return "9"
    if "\u4e00" <= char <= "\u9fff":
        return "字"
    if char.isalpha():
        return "a"
    return char if char in "@.-:/_+ ()" else "·"
