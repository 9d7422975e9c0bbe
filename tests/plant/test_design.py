"""The draw: by unit, balanced, bound to key and attempt, and by chance alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from scipy.stats import chisquare

from tunegate.errors import InputError
from tunegate.keys import Key
from tunegate.plant import AuditSettings, Design, counts, draw

KEY = Key(b"a key for tests only")
SETTINGS = AuditSettings(held_out_fraction=0.3, utility_fraction=0.25)
UNITS = {f"r{n:03d}": f"u{n // 2 if n < 60 else n:03d}" for n in range(200)}  # 30 pairs, 140 alone


def drawn(units: dict[str, str] = UNITS, **change: Any) -> Design:
    arguments: dict[str, Any] = {
        "routed": frozenset(units),
        "settings": SETTINGS,
        "limit": 10_000,
        "key": KEY,
        "dataset": "d",
    }
    return draw(units, **{**arguments, **change})


def sides(design: Design) -> list[str]:
    return [*design.always, *design.members, *design.held_out, *design.utility]


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 6), min_size=2, max_size=60),
    limit=st.integers(20, 200),
    secret=st.binary(min_size=16, max_size=16),
    gone=st.sets(st.integers(0, 100)),
)
def test_every_unit_is_on_one_side_with_all_its_records(
    sizes: list[int], limit: int, secret: bytes, gone: set[int]
) -> None:
    units = {f"{u}-{r}": f"u{u}" for u, size in enumerate(sizes) for r in range(size)}
    routed = frozenset(r for r in units if int(r.split("-")[0]) not in gone)
    design = drawn(units, routed=routed, limit=limit, key=Key(secret))
    assert max(Counter(sides(design)).values()) == 1
    assert set(sides(design)) == set(design.records)
    for unit, records in design.records.items():
        assert set(records) == {r for r, u in units.items() if u == unit}
    assert sum(map(len, design.records.values())) <= limit
    assert design.members
    assert design.held_out
    trained, held_out = design.side("trained"), design.side("held_out")
    utility, placebo = design.side("utility"), design.side("placebo")
    assert not trained & (held_out | utility)
    assert placebo == held_out | utility
    assert not held_out & utility
    assert set(design.pseudo_members) <= set(design.members)
    assert not placebo & design.side("members")


def test_fractions_are_those_of_the_settings() -> None:
    design = drawn()
    assert len(design.records) == 170
    outside = len(design.held_out) + len(design.utility)
    assert outside == pytest.approx(0.3 * 170, abs=1)
    assert len(design.utility) == pytest.approx(0.25 * outside, abs=1)
    assert len(design.pseudo_members) == pytest.approx(0.5 * len(design.members), abs=1)


def test_every_stratum_gets_its_share() -> None:
    """Routed or not, alone or not: four strata, each split at three in ten."""
    routed = frozenset(r for r in UNITS if int(r[1:]) % 5 or int(r[1:]) < 60)
    design = drawn(routed=routed, settings=structs.replace(SETTINGS, utility_fraction=0.0))
    outside = set(design.held_out) | set(design.utility)
    strata: dict[tuple[bool, bool], list[bool]] = {}
    for unit, records in design.records.items():
        stratum = (any(r in routed for r in records), len(records) > 1)
        strata.setdefault(stratum, []).append(unit in outside)
    assert len(strata) == 3
    for held in strata.values():
        assert sum(held) == pytest.approx(0.3 * len(held), abs=1)


def test_the_draw_is_bound_to_key_dataset_and_attempt() -> None:
    design = drawn()
    assert drawn(dict(reversed(UNITS.items()))) == design
    again = structs.replace(SETTINGS, attempt=2)
    others = [drawn(key=Key(b"another key, for tests")), drawn(dataset="e"), drawn(settings=again)]
    assert all(other.members != design.members for other in others)
    assert [other.attempt for other in others] == [1, 1, 2]


def test_chance_gives_every_unit_the_same_odds() -> None:
    units = {f"r{n}": f"u{n}" for n in range(10)}
    times: Counter[str] = Counter()
    for attempt in range(1, 601):
        design = drawn(units, settings=structs.replace(SETTINGS, attempt=attempt))
        times.update(design.held_out)
        times.update(design.utility)
    assert set(times) == set(units.values())
    expected = sum(times.values()) / 10
    # Drawn without replacement within an attempt, so the statistic is a little smaller than it
    # would be for independent draws; 27.9 is the 0.1 % point at nine degrees of freedom.
    assert chisquare([times[u] for u in sorted(times)], [expected] * 10).statistic < 27.9


def test_the_limit_takes_whole_units() -> None:
    design = drawn(limit=51)
    size = sum(map(len, design.records.values()))
    assert 50 <= size <= 51
    assert len(set(map(len, design.records.values()))) == 2


def test_a_unit_too_large_to_hold_out_is_always_trained() -> None:
    units = UNITS | {f"big{n}": "crowd" for n in range(40)}
    for attempt in range(1, 8):
        design = drawn(units, settings=structs.replace(SETTINGS, attempt=attempt))
        assert design.always == ("crowd",)
        assert len(design.side("trained") - design.side("members")) == 40


@pytest.mark.parametrize("units", [{}, {"r0": "u"}, {f"r{n}": "u" for n in range(50)}])
def test_too_few_units_are_refused(units: dict[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        drawn(units)
    assert caught.value.code == "too_few_units"
    assert caught.value.params["records"] == len(units)


def test_with_two_units_privacy_comes_before_utility() -> None:
    design = drawn({"a": "ua", "b": "ub"})
    assert (len(design.members), len(design.held_out), len(design.utility)) == (1, 1, 0)


def test_counts_show_sizes_only() -> None:
    design = drawn()
    shown = counts(design)
    assert shown["records"] == 200
    assert (
        shown["units"]
        == 170
        == sum(shown[side] for side in ("always", "members", "held_out", "utility"))
    )
    assert all(isinstance(value, int) for value in shown.values())
