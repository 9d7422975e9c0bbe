"""One JSON value from bytes: msgspec where it agrees with the standard library, else the latter."""

from __future__ import annotations

import json

import msgspec

from tunegate.types import Json, Reason

MAX_BYTES = 256 * 1024 * 1024
MAX_DEPTH = 200  # far above real data, far below the depth at which writing would fail


class UnreadableError(Exception):
    """A record cannot be read; carries the reason. It never leaves `records/`."""

    def __init__(self, code: str, **params: str | int | float) -> None:
        self.reason = Reason(code=code, params=params)
        super().__init__(code)


def parse(data: bytes) -> Json | Reason:
    """The value in `data`, or why there is none.

    msgspec refuses what Python's own `json` takes and LLaMA-Factory's users have: lone
    surrogates, NaN, numbers beyond a float's range, integers of thousands of digits.
    """
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _parse_slowly(data)
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _deeper_than(value, MAX_DEPTH):
        return Reason(code="too_deep", params={"most": MAX_DEPTH})
    return value


def _parse_slowly(data: bytes) -> Json | Reason:
    try:
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        return Reason(code="not_utf8")
    except json.JSONDecodeError as error:
        return Reason(code="broken_json", params={"at": error.pos})
    except RecursionError:
        return Reason(code="too_deep", params={"most": MAX_DEPTH})
    except ValueError:  # the only one left: an integer longer than Python converts
        return Reason(code="number_too_long")


def _deeper_than(value: Json, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True


def dump(value: Json) -> bytes:
    """Compact one-line JSON in UTF-8, unescaped; a lone surrogate stays as its escape."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def canonical(value: Json) -> bytes:
    """Bytes that are equal for equal content, whatever the order of the keys."""
    try:
        return msgspec.json.encode(value, order="sorted")
    except UnicodeEncodeError:  # lone surrogates
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str).encode(
            "utf-8", "surrogatepass"
        )
