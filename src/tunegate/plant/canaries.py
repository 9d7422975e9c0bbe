"""How many canaries a trial can carry, and in which language they speak."""

from __future__ import annotations

from collections.abc import Sequence

# One step of growth each: a repeat count to add a canary for. The first round is the least that
# shows how exposure grows with repeats; later rounds favour single occurrences, which is what
# most records are.
_FIRST = (16, 4, 1)
_MORE = (1, 1, 4, 1, 1, 16)
_MOST = {16: 3, 4: 4, 1: 16}


def allocate(*, trained_tokens: int, canary_tokens: int, share: float) -> tuple[list[int], bool]:
    """How often each canary is repeated, within the share of trained tokens.

    Args:
        trained_tokens: One epoch of the arm without canaries.
        canary_tokens: One copy of a canary.
        share: Most that canaries may take of all trained tokens, below 1.

    Returns:
        Repeats, one per canary, and whether even the least set exceeds the share (the audit is
        then called a stress test).
    """
    budget = share / (1.0 - share) * trained_tokens / canary_tokens
    chosen = list(_FIRST)
    if sum(chosen) > budget:
        return chosen, True
    grown = True
    while grown:
        grown = False
        for repeats in _MORE:
            if chosen.count(repeats) < _MOST[repeats] and sum(chosen) + repeats <= budget:
                chosen.append(repeats)
                grown = True
    return sorted(chosen, reverse=True), False


def language_of(texts: Sequence[str]) -> str:
    """`zh` when more than a tenth of the characters are Han, else `en`."""
    sample = "".join(texts)[:20_000]
    han = sum("\u4e00" <= char <= "\u9fff" for char in sample)
    return "zh" if han > 0.1 * max(len(sample), 1) else "en"
