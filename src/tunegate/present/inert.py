"""Strings from a dataset are hostile until shown otherwise: this makes them harmless to show."""

from __future__ import annotations

import unicodedata

_UNSHOWABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MOST_MARKS = 2
REPLACEMENT = "\ufffd"


def inert(text: str, *, limit: int = 160) -> str:
    """One line of plain characters, at most `limit` code points.

    Control characters, bidi and zero-width controls, lone surrogates and private code points
    become U+FFFD, so that they are seen and do nothing; piles of combining marks are cut, for
    they paint over the lines above. Escaping for HTML is the template's work, not done here.

    Args:
        text: Anything a dataset, a path or a person may hold.
        limit: Code points to keep; what is cut is marked by an ellipsis.
    """
    out: list[str] = []
    marks = 0
    # A record may be 50 MB long: nothing behind the limit is looked at, save what marks drop.
    for char in text[: limit * 4 + 4]:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > _MOST_MARKS:
            continue
        if char in "\t\n\r":
            out.append(" ")
        else:
            out.append(REPLACEMENT if category in _UNSHOWABLE else char)
        if len(out) > limit:
            break
    return "".join(out[: limit - 1]) + "…" if len(out) > limit else "".join(out)


def tail(text: str, *, limit: int = 60) -> str:
    """`inert`, but keeps the end: of a long path, the file name says most."""
    return (
        inert(text, limit=limit)
        if len(text) <= limit
        else "…" + inert(text[-(limit - 1) :], limit=limit)
    )
