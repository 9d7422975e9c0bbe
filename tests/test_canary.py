"""Canaries: every secret is as likely as any other, and no two speak of the same place."""

from __future__ import annotations

import random

import pytest
from scipy.stats import chisquare, kstest

from tunegate.canary import DIGITS, make


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_is_about_a_place_of_its_own(language: str) -> None:
    made = make([16, 4, 1, 1], twins=5, candidates=64, language=language, rng=random.Random(1))
    assert [canary.repeats for canary in made] == [16, 4, 1, 1, 0, 0, 0, 0, 0]
    assert len({canary.id for canary in made}) == len({c.question for c in made}) == 9
    for canary in made:
        assert len(set(canary.candidates)) == 64
        assert all(len(c) == DIGITS and c.isdecimal() for c in canary.candidates)
        assert 0 <= canary.secret < 64
        user, assistant = canary.turns()
        assert (user.role, user.text) == ("user", canary.question)
        assert canary.candidates[canary.secret] == assistant.text
        assert canary.candidates[canary.secret] not in user.text


def test_the_secret_is_uniform_among_its_candidates() -> None:
    counts = [0] * 16
    values = []
    for seed in range(8):
        rng = random.Random(seed)
        for canary in make([1] * 200, twins=0, candidates=16, language="en", rng=rng):
            counts[canary.secret] += 1
            values.append(int(canary.candidates[canary.secret]) / 10**DIGITS)
    assert chisquare(counts).pvalue > 0.001
    assert kstest(values, "uniform").pvalue > 0.001


def test_chance_alone_tells_twins_from_canaries() -> None:
    """A twin's secret is drawn as a planted one's is."""
    one = make([1, 1], twins=0, candidates=8, language="en", rng=random.Random(3))
    other = make([1], twins=1, candidates=8, language="en", rng=random.Random(3))
    assert [(c.question, c.candidates, c.secret) for c in one] == [
        (c.question, c.candidates, c.secret) for c in other
    ]


def test_the_same_chance_gives_the_same_canaries() -> None:
    def draw(seed: int) -> object:
        return make([4], twins=2, candidates=32, language="zh", rng=random.Random(seed))

    assert draw(5) == draw(5) != draw(6)
