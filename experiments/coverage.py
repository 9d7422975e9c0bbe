"""Simulated coverage of every interval and validity of every p-value in `tunegate.stats`.

    .venv/bin/python experiments/coverage.py [--replicates 2000] [--seed 1]

Nominal 95 % intervals must reach 93.5 %; an interval that is withheld (None) claims nothing and
so misses nothing, and the table says how often that happens. Exit status 1 if anything is short.
Rows marked "limit" lie outside of what is promised and are shown so that nobody relies on them.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from itertools import islice
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from tunegate import stats

REACH = 0.935
SIZES = (20, 60, 300)
RATES = (0.0, 0.01, 0.5)
ALPHA = 0.05
RESAMPLES = 299  # of the library's 1999: coarser tails, hence the harder case

Trial = Callable[[np.random.Generator], tuple[stats.Interval | None, float]]
Draw = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]


class Case(NamedTuple):
    """One row: `trial` draws data and returns an interval with the truth it should hold."""

    kind: str
    setting: str
    n: int
    trial: Trial
    promised: bool = True


class Coverage(NamedTuple):
    """`covered` counts withheld intervals as no miss; `given` is among those not withheld."""

    covered: float
    given: float
    withheld: float
    width: float


def coverage(case: Case, *, replicates: int, rng: np.random.Generator) -> Coverage:
    """Runs one case."""
    hits, widths = 0, []
    for _ in range(replicates):
        interval, truth = case.trial(rng)
        if interval is not None:
            hits += interval[0] - 1e-12 <= truth <= interval[1] + 1e-12
            widths.append(interval[1] - interval[0])
    withheld = replicates - len(widths)
    return Coverage(
        covered=(hits + withheld) / replicates,
        given=hits / len(widths) if widths else math.nan,
        withheld=withheld / replicates,
        width=float(np.median(widths)) if widths else math.nan,
    )


def cases() -> Iterator[Case]:
    """All rows of the table."""
    for n in SIZES:
        for rate in RATES:
            yield Case("proportion", f"rate {rate}", n, _proportion(rate, n))
        for up, down in ((0, 0), (0.01, 0), (0.5, 0), (0.01, 0.01), (0.5, 0.01), (0.5, 0.5)):
            setting = f"gains {up} losses {down}"
            yield Case("paired_difference", setting, n, _paired(up, down, n))
        for name, (draw, truth, promised) in MEANS.items():
            yield Case("paired_mean", name, n, mean_trial(draw, truth, n), promised)
        for name, (inside, outside, truth) in AREAS.items():
            yield Case("auc", name, n, auc_trial(inside, outside, truth, n))
        for name, (draw, truth) in BOUNDED.items():
            yield Case("bounded_mean", name, n, bounded_trial(draw, truth, n))
    for shift in (0.0, 1.0, 3.0):
        yield Case("tpr at 1 % FPR", f"shift {shift}", 300, _operating(shift, "tpr"))
        yield Case("realised FPR", f"shift {shift}", 300, _operating(shift, "fpr"))


@cache
def _clopper_pearson(successes: int, n: int) -> stats.Interval:
    return stats.clopper_pearson(successes, n)


@cache
def _paired_difference(gains: int, losses: int, n: int) -> stats.Interval:
    return stats.paired_difference(gains, losses, n)


def _proportion(rate: float, n: int) -> Trial:
    return lambda rng: (_clopper_pearson(int(rng.binomial(n, rate)), n), rate)


def _paired(up: float, down: float, n: int) -> Trial:
    def trial(rng: np.random.Generator) -> tuple[stats.Interval, float]:
        gains, losses, _ = rng.multinomial(n, [up, down, 1 - up - down]).tolist()
        return _paired_difference(gains, losses, n), up - down

    return trial


def mean_trial(draw: Draw, truth: float, n: int) -> Trial:
    """Draws `n` differences and returns the interval of their mean."""
    return lambda rng: (stats.paired_mean(draw(rng, n), rng=rng, resamples=RESAMPLES), truth)


def bounded_trial(draw: Draw, truth: float, n: int) -> Trial:
    """Draws `n` values in [0, 1] and returns the interval of their mean."""
    return lambda rng: (stats.bounded_mean(draw(rng, n), low=0.0, high=1.0), truth)


def auc_trial(inside: Draw, outside: Draw, truth: float, n: int) -> Trial:
    """Draws `n` scores a side and returns the interval of the AUC."""
    return lambda rng: (stats.auc_interval(inside(rng, n), outside(rng, n)), truth)


def _operating(shift: float, which: str) -> Trial:
    def trial(rng: np.random.Generator) -> tuple[stats.Interval | None, float]:
        inside, outside = rng.normal(shift, 1, 300), rng.normal(size=300)
        point = stats.tpr_at_fpr(inside, outside, target=0.01)
        if point is None:
            return None, math.nan
        if which == "tpr":
            return point.tpr_interval, float(norm.sf(point.threshold - shift))
        return point.fpr_interval, float(norm.sf(point.threshold))

    return trial


def _inflated(share: float) -> Draw:
    return lambda rng, n: np.where(rng.random(n) < share, rng.exponential(size=n), 0.0)


def _normal(mean: float, spread: float) -> Draw:
    return lambda rng, n: rng.normal(mean, spread, n)


def _mixed(share: float) -> Draw:
    return lambda rng, n: rng.normal(size=n) + np.where(rng.random(n) < share, 20.0, 0.0)


def _levels(*weights: float) -> Draw:
    return lambda rng, n: rng.choice(len(weights), size=n, p=weights).astype(np.float64)


MEANS: dict[str, tuple[Draw, float, bool]] = {
    "normal": (_normal(0, 1), 0.0, True),
    "heavy tails (t, 3 df)": (lambda rng, n: rng.standard_t(3, n), 0.0, True),
    "exponential": (lambda rng, n: rng.exponential(size=n), 1.0, True),
    "log-normal, sigma 1": (lambda rng, n: rng.lognormal(0, 1, n), math.exp(0.5), True),
    "log-normal, sigma 1.5": (lambda rng, n: rng.lognormal(0, 1.5, n), math.exp(1.125), False),
    "all zero": (_inflated(0.0), 0.0, True),
    "1 % not zero": (_inflated(0.01), 0.01, True),
    "10 % not zero": (_inflated(0.1), 0.1, True),
    "50 % not zero": (_inflated(0.5), 0.5, True),
}

BOUNDED: dict[str, tuple[Draw, float]] = {
    "uniform": (lambda rng, n: rng.random(n), 0.5),
    "all at the bound": (lambda _, n: np.ones(n), 1.0),
    "one half at either bound": (lambda rng, n: rng.integers(0, 2, n).astype(np.float64), 0.5),
    "1 % at the other bound": (lambda rng, n: (rng.random(n) < 0.01).astype(np.float64), 0.01),
    "exposure, 256 candidates": (
        lambda rng, n: 1.0 - np.log2(rng.integers(1, 257, n)) / 8.0,
        stats.chance_exposure(256) / 8.0,
    ),
}

AREAS: dict[str, tuple[Draw, Draw, float]] = {
    "normal, AUC .5": (_normal(0, 1), _normal(0, 1), 0.5),
    "normal, AUC .7": (_normal(norm.ppf(0.7) * 2**0.5, 1), _normal(0, 1), 0.7),
    "normal, AUC .99": (_normal(norm.ppf(0.99) * 2**0.5, 1), _normal(0, 1), 0.99),
    "members spread x3, AUC .9": (_normal(norm.ppf(0.9) * 10**0.5, 3), _normal(0, 1), 0.9),
    "10 % memorised": (_mixed(0.1), _normal(0, 1), 0.55),
    "98 % memorised": (_mixed(0.98), _normal(0, 1), 0.99),
    "three levels (ties)": (_levels(0.2, 0.3, 0.5), _levels(0.5, 0.3, 0.2), 0.695),
    "separated, AUC 1": (_normal(99, 1), _normal(0, 1), 1.0),
}


def nulls() -> dict[str, Callable[[np.random.Generator], float]]:
    """Tests under a true null; each returns one p-value (the smallest, for families)."""

    def mcnemar(rng: np.random.Generator) -> float:
        gains = int(rng.binomial(20, 0.5))
        return stats.mcnemar_p(gains, 20 - gains, alternative="two-sided")

    def flips(n: int) -> Callable[[np.random.Generator], float]:
        return lambda rng: stats.sign_flip_p(rng.standard_t(3, n), rng=rng, draws=199)

    def areas(n: int) -> Callable[[np.random.Generator], float]:
        strata = [unit // 10 for unit in range(n)]

        def p(rng: np.random.Generator) -> float:
            member = np.tile([True, False], n // 2)
            scores = np.round(rng.normal(size=n) + np.asarray(strata), 1)  # ties, unlike strata
            return stats.auc_p(scores, member, strata=strata, rng=rng, draws=99)

        return p

    def exposures(rng: np.random.Generator) -> float:
        scores = np.round(rng.normal(size=(4, 64)), 1)
        ranks = [stats.worst_rank(row, int(rng.integers(64))) for row in scores]
        return stats.mean_exposure_p(ranks, 64)

    def best_of_four(rng: np.random.Generator) -> float:
        scores = rng.normal(size=(4, 40)) + rng.normal(size=40)
        member = np.tile([True, False], 20)
        labels = stats.label_permutations(member, rng=rng, draws=199)
        observed = stats.aucs(scores, member[None])[0]
        return float(stats.max_t(observed, stats.aucs(scores, labels)).min())

    return {
        "McNemar, 20 discordant": mcnemar,
        "sign flips, n 10 (exact)": flips(10),
        "sign flips, n 60": flips(60),
        "AUC in strata, n 40 (exact)": areas(40),
        "AUC in strata, n 600": areas(600),
        "mean exposure, 4 canaries": exposures,
        "max-T, best of 4 attacks": best_of_four,
        "Holm, 5 looks": lambda rng: float(stats.holm(rng.random(5)).min()),
    }


def false_alarms(
    p: Callable[[np.random.Generator], float], *, replicates: int, rng: np.random.Generator
) -> float:
    """Share of p-values at or below `ALPHA` under the null."""
    return sum(p(rng) <= ALPHA for _ in range(replicates)) / replicates


def simulated_auc_power(
    area: float, n_in: int, n_out: int, *, replicates: int, rng: np.random.Generator
) -> float:
    """Share of normal samples with the given AUC on which `auc_p` is at or below `ALPHA`."""
    shift = float(norm.ppf(area)) * 2**0.5
    member = np.arange(n_in + n_out) < n_in
    hits = 0
    for _ in range(replicates):
        scores = rng.normal(size=member.size) + shift * member
        hits += stats.auc_p(scores, member, rng=rng, draws=199) <= ALPHA
    return hits / replicates


def _in_parallel(replicates: int, seed: int) -> Iterator[Coverage]:
    """One worker a core; each row has its own seed, so the number of cores changes nothing."""
    rows = range(len(list(cases())))
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(_row, replicates=replicates, seed=seed), rows)


def _row(index: int, *, replicates: int, seed: int) -> Coverage:
    case = next(islice(cases(), index, None))  # by number: a case holds closures
    return coverage(case, replicates=replicates, rng=np.random.default_rng([seed, index]))


def main() -> int:
    """Prints the three tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng, replicates = np.random.default_rng(arguments.seed), arguments.replicates
    began, short = time.monotonic(), 0

    print(f"{'interval':18}{'setting':28}{'n':>4}  covered  if given  withheld  width (median)")
    for case, found in zip(cases(), _in_parallel(replicates, arguments.seed), strict=True):
        failed = case.promised and found.covered < REACH
        short += failed
        note = "SHORT" if failed else "" if case.promised else "limit"
        print(
            f"{case.kind:18}{case.setting:28}{case.n:4}  {found.covered:7.4f}  {found.given:8.4f}"
            f"  {found.withheld:8.4f}  {found.width:14.4f}  {note}",
            flush=True,
        )
    allowed = ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / replicates)
    print(f"\nP(p <= {ALPHA}) under the null (at most {allowed:.4f} with its Monte Carlo error)")
    for name, p in nulls().items():
        share = false_alarms(p, replicates=replicates, rng=rng)
        short += share > allowed
        print(f"{name:32}{share:.4f}  {'SHORT' if share > allowed else ''}", flush=True)
    print("\nPower of the AUC test, alpha .05 one-sided: formula, simulated")
    for area, n_in, n_out in ((0.7, 20, 20), (0.6, 60, 60), (0.65, 30, 60), (0.9, 20, 20)):
        seen = simulated_auc_power(area, n_in, n_out, replicates=replicates // 4, rng=rng)
        planned = stats.auc_power(area, n_in, n_out)
        print(f"AUC {area}, {n_in} in, {n_out} out: {planned:.3f} {seen:.3f}", flush=True)
    print(f"\n{replicates} replicates, seed {arguments.seed}: {time.monotonic() - began:.0f} s")
    return int(short > 0)


if __name__ == "__main__":
    sys.exit(main())
