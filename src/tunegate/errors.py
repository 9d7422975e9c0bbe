"""The one exception that users see: a place, what is wrong there, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping


class InputError(Exception):
    """Bad input or settings; the command line turns it into exit status 2.

    Args:
        code: Catalogue key of the message in `present/locales/` (both languages).
        params: What the message names: the file, the line, the value, the nearest known name.
            Never raw record text.
    """

    def __init__(self, code: str, **params: str | int | float) -> None:
        self.code = code
        self.params: Mapping[str, str | int | float] = params
        super().__init__(f"{code}: " + ", ".join(f"{k}={v}" for k, v in params.items()))


class VoidError(InputError):
    """The audit cannot mean anything (broken randomisation, lost canaries, unmoved weights).

    The command line turns it into exit status 3.
    """
