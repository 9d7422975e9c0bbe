"""The ways a value is written: width, separators, letter case; taken off and put back."""

from __future__ import annotations

import re

# Letters, digits and the marks that stand inside numbers; other full-width marks stay.
_ODD = re.compile(
    "[\u00a0\u2010-\u2015\u2212\u3000\uff0b\uff0d\uff0e\uff10-\uff19\uff20-\uff3a\uff3f\uff41-\uff5a]"
)
_WIDTH = 0xFEE0  # from an ASCII character to its full-width form
_SPACES = "\u00a0\u3000"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"


def fold(text: str) -> str:
    """Full-width letters, digits and marks, odd dashes and spaces as ASCII; the length stays."""
    return text if text.isascii() else _ODD.sub(_ascii, text)


def restyle(folded: str, *, like: str) -> str:
    """`folded` in full-width letters and digits where `like` had a full-width character.

    Where `folded` has grown longer than `like`, the rest takes the style of the last character.
    """
    if like.isascii():
        return folded
    styles = like.ljust(len(folded), like[-1])
    return "".join(
        _styled(char, style) for char, style in zip(folded, styles[: len(folded)], strict=True)
    )


def compact(value: str) -> str:
    """Letters and digits of `value`, in upper case: the significant part of a number."""
    return "".join(filter(str.isalnum, value)).upper()


def refill(value: str, significant: str) -> str:
    """`value` with its letters and digits replaced in order; separators and letter case stay."""
    fresh = iter(significant)
    return "".join(
        (next(fresh).lower() if char.islower() else next(fresh)) if char.isalnum() else char
        for char in value
    )


def _ascii(odd: re.Match[str]) -> str:
    char = odd[0]
    if char in _SPACES:
        return " "
    return "-" if char in _DASHES else chr(ord(char) - _WIDTH)


def _styled(char: str, style: str) -> str:
    if fold(style) == char:
        return style  # a separator that stayed
    wide = "\uff01" <= style <= "\uff5e" and "!" <= char <= "~"
    return chr(ord(char) + _WIDTH) if wide else char
