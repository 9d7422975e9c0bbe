"""Members that were learnt are told apart; under the null p-values are uniform."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom
from tests.diff.build import context, said, sample, tokens

from tunegate.diff import Answers, Context, Sample
from tunegate.diff.membership import Membership, min_k_plus_plus
from tunegate.diff.scores import score_query
from tunegate.models.queries import TokenScores
from tunegate.types import Measurement

PROBE = Membership()
ATTACKS = {"ratio", "loss", "min_k_plus_plus", "zlib"}


def units(members: int, held_out: int, *, strata: int = 1) -> list[Sample]:
    inside = [sample(f"m{i}", "member", stratum=f"s{i % strata}") for i in range(members)]
    outside = [sample(f"h{i}", "held_out", stratum=f"s{i % strata}") for i in range(held_out)]
    return inside + outside


def asked(
    samples: list[Sample],
    rng: np.random.Generator,
    *,
    learnt: float = 0.0,
    by_stratum: float = 0.0,
) -> Answers:
    """Difficulty varies between records; tuned gains everywhere, and `learnt` on members."""
    base, tuned = {}, {}
    for one in samples:
        hard = rng.normal(-3, 1, 6) - by_stratum * (one.stratum == "s1")
        gain = rng.normal(0.3, 0.2) + learnt * (one.side == "member")
        gain -= by_stratum * (one.stratum == "s1")
        base[score_query(one)] = said(*hard.tolist())
        tuned[score_query(one)] = said(*(hard + gain).tolist())
    return Answers(base, tuned)


def areas(one: Context, given: Answers) -> dict[str, Measurement]:
    found = PROBE.measure(one, given).measurements
    return {m.stratum: m for m in found if m.metric == "auc"}


def test_members_that_were_learnt_are_told_apart() -> None:
    samples = units(30, 30)
    given = asked(samples, np.random.default_rng(1), learnt=1.0)
    result = PROBE.measure(context(samples=samples), given)
    found = areas(context(samples=samples), given)
    assert set(found) == ATTACKS
    ratio = found["ratio"]
    assert ratio.effect is not None
    assert ratio.effect > 0.99
    assert ratio.p is not None
    assert ratio.p < 1e-6
    assert ratio.interval is not None
    assert ratio.interval[0] > 0.85
    assert (ratio.n, ratio.params["members"]) == (60, 30)
    [curve] = result.curves
    assert curve.points[0] == (0.0, 0.0)
    assert curve.points[-1] == (1.0, 1.0)


def test_under_the_null_the_primary_attack_is_uniform() -> None:
    rng = np.random.default_rng(3)
    samples = units(9, 7, strata=2)
    ps = []
    for _ in range(200):
        p = areas(context(samples=samples), asked(samples, rng))["ratio"].p
        assert p is not None
        ps.append(p)
    for alpha in (0.05, 0.2, 0.5):
        hits = sum(p <= alpha for p in ps)
        assert hits <= binom.ppf(0.9995, 200, alpha)
        assert hits >= binom.ppf(0.0005, 200, alpha - 0.02)  # exact p-values come in steps


def test_a_difference_between_strata_is_no_membership() -> None:
    """Members sit in the easier stratum more often; drawing within strata sees through it."""
    rng = np.random.default_rng(4)
    samples = [
        *(sample(f"m{i}", "member", stratum="s0" if i < 16 else "s1") for i in range(20)),
        *(sample(f"h{i}", "held_out", stratum="s0" if i < 4 else "s1") for i in range(20)),
    ]
    ratio = areas(context(samples=samples), asked(samples, rng, by_stratum=3.0))["ratio"]
    assert ratio.effect is not None
    assert ratio.effect > 0.7
    assert ratio.p is not None
    assert ratio.p > 0.01


def test_records_of_a_unit_count_once() -> None:
    samples = [
        *(sample(f"m{i}", "member", unit=f"um{i // 3}") for i in range(9)),
        *(sample(f"h{i}", "held_out", unit=f"uh{i // 3}") for i in range(9)),
    ]
    given = asked(samples, np.random.default_rng(1))
    assert areas(context(samples=samples), given)["ratio"].n == 6


def test_few_units_get_a_p_value_and_no_interval() -> None:
    samples = units(19, 30)
    found = areas(context(samples=samples), asked(samples, np.random.default_rng(1)))
    assert all(one.interval is None and one.p is not None for one in found.values())


@pytest.mark.parametrize(("held_out", "scored"), [(299, False), (300, True)])
def test_a_rate_at_one_per_cent_needs_three_hundred(held_out: int, scored: bool) -> None:
    samples = units(20, held_out)
    given = asked(samples, np.random.default_rng(1), learnt=2.0)
    found = PROBE.measure(context(samples=samples), given).measurements
    [rate] = [m for m in found if m.metric == "tpr_at_1pct_fpr"]
    assert rate.scored == scored
    if scored:
        assert rate.effect == 1.0
        assert float(rate.params["fpr"]) <= 0.01 < float(rate.params["fpr_upper"])
    else:
        assert rate.reason is not None
        assert rate.reason.code == "few_heldout"
        assert rate.effect is None


@pytest.mark.parametrize("side", ["member", "held_out"])
def test_one_side_alone_is_not_scored(side: str) -> None:
    samples = [one for one in units(5, 5) if one.side == side]
    given = asked(samples, np.random.default_rng(1))
    [one] = PROBE.measure(context(samples=samples), given).measurements
    assert not one.scored
    assert one.reason is not None
    assert one.reason.code == "one_side_only"


def test_reserved_units_are_not_looked_at() -> None:
    samples = [*units(2, 2), sample("u", "utility"), sample("a", "always")]
    assert len(PROBE.plan(context(samples=samples))) == 4


def test_min_k_takes_the_least_likely_fifth_in_standard_units() -> None:
    n = 10
    scores = TokenScores(
        tuple(-float(i) for i in range(n)), (-2.0,) * n, (2.0,) * n, (None,) * n, (False,) * n
    )
    assert min_k_plus_plus(scores) == pytest.approx(((-9 + 2) / 2 + (-8 + 2) / 2) / 2)
    assert min_k_plus_plus(tokens([-1.0])) == pytest.approx(2.0)
    assert min_k_plus_plus(tokens([])) == 0.0
