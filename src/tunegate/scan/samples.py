"""Values that manuals, forms and examples print, which are nobody's."""

from __future__ import annotations

from itertools import pairwise

from tunegate.scan.rules import load_words

SAMPLES = load_words("samples")


def trivial(digits: str) -> bool:
    """Repeated or counting digits, and numbers that manuals print as samples."""
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(digits)}
    return steps in ({1}, {9}) or len(set(digits[-8:])) == 1 or digits in SAMPLES["numbers"]
