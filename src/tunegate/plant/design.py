"""The audit design: which units an arm is trained on, and which it never sees.

Membership can be told from luck only when chance decided it. Units, not records, are drawn: what
shares a person or is near-duplicate goes to one side together.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence

from tunegate.errors import InputError
from tunegate.keys import Key
from tunegate.plant.settings import AuditSettings
from tunegate.types import Noun

_LEAST_UNITS = 2


class Design(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """One draw.

    Attributes:
        attempt: Number of this draw; re-rolling shows.
        always: Units too large to be held out; trained, and left out of the comparison.
        members: Units that arms are trained on.
        held_out: Units that no arm but the placebo is trained on, looked at for privacy.
        utility: Held-out units looked at for utility and nothing else.
        pseudo_members: Half of the members, drawn at random: to the placebo arm, which saw
            neither half, the two halves are alike.
        records: Unit → its record ids within the trial.
    """

    attempt: int
    always: tuple[str, ...]
    members: tuple[str, ...]
    held_out: tuple[str, ...]
    utility: tuple[str, ...]
    pseudo_members: tuple[str, ...]
    records: Mapping[str, tuple[str, ...]]

    def trained(self) -> tuple[str, ...]:
        """Units that the arms of the trial are trained on."""
        return (*self.always, *self.members)

    def side(self, name: str) -> frozenset[str]:
        """Record ids of one side: `trained`, `members`, `held_out`, `utility`, `placebo`."""
        units = {
            "trained": self.trained(),
            "members": self.members,
            "held_out": self.held_out,
            "utility": self.utility,
            "placebo": (*self.held_out, *self.utility),
        }[name]
        return frozenset(r for unit in units for r in self.records[unit])


def draw(
    units: Mapping[str, str],
    *,
    routed: frozenset[str],
    settings: AuditSettings,
    limit: int,
    key: Key,
    dataset: str,
) -> Design:
    """Draws the trial and its sides.

    Args:
        units: Record id → unit id of the whole dataset.
        routed: Records that are still in the routed set. Units with and without such records are
            drawn apart, so that the routed arm gets the same balance as the one as given.
        settings: Fractions and the attempt.
        limit: Most records in the trial.
        key: Seeds come from it.
        dataset: Digest of the dataset, part of the seed.

    Raises:
        InputError: Fewer than two units can be told apart.
    """
    rng = key.rng("design", dataset, settings.attempt)
    records: dict[str, list[str]] = {}
    for record_id in sorted(units):
        records.setdefault(units[record_id], []).append(record_id)
    chosen = _trial(records, limit=limit, rng=rng)
    total = sum(len(records[unit]) for unit in chosen)
    large = max(1.0, settings.large_unit_share * total)
    always = [u for u in chosen if len(records[u]) > large] if len(chosen) > 20 else []
    free = [u for u in chosen if u not in set(always)]
    if len(free) < _LEAST_UNITS:
        raise InputError("too_few_units", units=len(free), records=len(units))
    strata = {u: (any(r in routed for r in records[u]), len(records[u]) > 1) for u in free}
    held_out, members = _split(free, strata, share=settings.held_out_fraction, rng=rng)
    utility, private = _split(held_out, strata, share=settings.utility_fraction, rng=rng)
    if not private:  # with very few units, privacy comes first
        private, utility = utility, []
    pseudo, _ = _split(members, strata, share=0.5, rng=rng)
    return Design(
        attempt=settings.attempt,
        always=tuple(sorted(always)),
        members=tuple(sorted(members)),
        held_out=tuple(sorted(private)),
        utility=tuple(sorted(utility)),
        pseudo_members=tuple(sorted(pseudo)),
        records={unit: tuple(records[unit]) for unit in sorted(chosen)},
    )


def _trial(records: Mapping[str, Sequence[str]], *, limit: int, rng: random.Random) -> list[str]:
    """Whole units in random order until the limit is reached."""
    order = sorted(records)
    rng.shuffle(order)
    chosen, size = [], 0
    for unit in order:
        if size + len(records[unit]) <= limit:
            chosen.append(unit)
            size += len(records[unit])
    return chosen


def _split(
    units: Sequence[str],
    strata: Mapping[str, object],
    *,
    share: float,
    rng: random.Random,
) -> tuple[list[str], list[str]]:
    """Draws `share` of the units within every stratum; fractions are carried on, not lost."""
    drawn: list[str] = []
    rest: list[str] = []
    carried = 0.5  # so that the total is rounded, not cut
    for stratum in sorted(set(map(repr, strata.values()))):
        here = sorted(u for u in units if repr(strata[u]) == stratum)
        rng.shuffle(here)
        wanted = share * len(here) + carried
        count = min(int(wanted), len(here))
        carried = wanted - count
        drawn += here[:count]
        rest += here[count:]
    if not drawn and len(rest) > 1:
        drawn.append(rest.pop())
    return drawn, rest


def counts(design: Design) -> dict[str, int]:
    """Sizes that may be shown to anyone."""
    sizes = Counter({unit: len(ids) for unit, ids in design.records.items()})
    return {
        "attempt": design.attempt,
        "records": sum(sizes.values()),
        "units": len(design.records),
        "always": len(design.always),
        "members": len(design.members),
        "held_out": len(design.held_out),
        "utility": len(design.utility),
        "pseudo_members": len(design.pseudo_members),
    }
