"""The figures of what was measured; each knows the sentence that it proves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tunegate.present import svg
from tunegate.present.catalogue import Catalogue
from tunegate.present.metrics import about, candidate_count, null_value
from tunegate.present.view import Report, arm_order, final, headline, is_control, repeats
from tunegate.types import Measurement, Reason

_RATES = ("greedy_rate", "np_rate", "leak_rate")
_RISKS = ("np_rate", "leak_rate", "exposure_bits", "auc")
_MOST_PANELS = 4
_LEAST_RATE_AXIS = 0.05


class Plot(NamedTuple):
    """A drawn figure, its sentence, and its (n, unit) counts."""

    figure: Figure
    takeaway: Reason
    counts: tuple[tuple[int, str], ...]
    wide: bool = False


def exposure(report: Report, words: Catalogue) -> Plot | None:
    """Exposure of canaries by repeats, between chance and the most that can be."""
    found = [m for m in final(report.measurements) if m.metric == "exposure_bits" and m.scored]
    arms = sorted({m.arm for m in found if not is_control(m.arm)}, key=arm_order)
    # Only canaried arms carry canaries; the last in order is the one made for them.
    points = [m for m in found if m.arm in arms[-1:] and repeats(m) and m.effect is not None]
    candidates = candidate_count(points[0]) if points else None
    if not points or candidates is None:
        return None
    most, null = math.log2(candidates), null_value(points[0]) or 0.0
    twins = headline(report.measurements, metric="twin_exposure_bits", arm=points[0].arm)
    shown = ([twins] if twins and twins.effect is not None else []) + points
    figure, (axes,) = svg.canvas(left=0.09, right=0.84, bottom=0.17)
    for at, one in enumerate(shown):
        _whisker(axes, at, one, svg.SOFT if one is twins else svg.arm_colour(one.arm))
    labels = [words.text("figure.never_planted") if m is twins else f"{repeats(m)}×" for m in shown]
    axes.set_xticks(range(len(shown)), labels)
    axes.set(xlim=(-0.6, len(shown) - 0.4), ylim=(0, most * 1.14))
    axes.set_xlabel(words.text("figure.axis.repeats"))
    _level(axes, most, words.text("figure.most"))
    _level(axes, null, words.text("figure.chance"))
    axes.set_title(words.text("scale.bits"), loc="left", fontsize=9, color=svg.SOFT)
    top = points[-1]
    takeaway = Reason(
        code="take.exposure",
        params={
            "times": repeats(top) or 0,
            "bits": words.number(top.effect, "bits"),
            "most": words.number(most, "bits"),
            "chance": words.number(null, "bits"),
            "candidates": candidates,
        },
    )
    counts = ((sum(m.n for m in points), points[0].unit),)
    return Plot(figure, takeaway, counts)


def _whisker(axes: Axes, at: float, one: Measurement, colour: str) -> None:
    if one.interval:
        axes.plot([at, at], one.interval, color=colour, linewidth=5, alpha=0.25)
    if one.effect is not None:
        axes.plot([at], [one.effect], "o", color=colour, markersize=7)
        # Left of the point, on paper of its own: the dashed levels run through here.
        axes.annotate(
            f"{one.effect:.1f}",
            (at, one.effect),
            xytext=(-9, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            color=colour,
            fontsize=9,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )


def _level(axes: Axes, value: float, label: str) -> None:
    axes.axhline(value, color=svg.SOFT, linewidth=0.9, dashes=(4, 3))
    right = axes.get_xlim()[1]
    axes.text(right + 0.06, value, label, va="center", fontsize=8.5, color=svg.SOFT)


def roc(report: Report, words: Catalogue) -> Plot | None:
    """Membership inference: hits against false alarms, with the line of guessing."""
    last: dict[str, tuple[tuple[float, float], ...]] = {}
    for curve in sorted(report.curves, key=lambda one: one.checkpoint):
        primary = curve.name in ("roc", "roc.ratio", "ratio")
        if curve.probe == "membership" and primary and not is_control(curve.arm):
            last[curve.arm] = curve.points
    scored = {arm: headline(report.measurements, metric="auc", arm=arm) for arm in last}
    judged = [m for m in scored.values() if m is not None and m.effect is not None]
    if not last or not judged:
        return None
    figure, (axes,) = svg.canvas(left=0.12, right=0.96, bottom=0.17)
    axes.plot([0, 1], [0, 1], color=svg.SOFT, linewidth=0.9, dashes=(4, 3))
    axes.text(0.86, 0.8, words.text("figure.guessing"), color=svg.SOFT, fontsize=8.5, va="top")
    for row, arm in enumerate(sorted(last, key=arm_order)):
        xs, ys = zip(*last[arm], strict=True)
        axes.plot(xs, ys, color=svg.arm_colour(arm), linewidth=1.9, drawstyle="steps-post")
        one = scored[arm]
        label = f"{words.name('arm', arm)}  AUC {words.number(one.effect if one else None, 'auc')}"
        axes.text(0.97, 0.05 + 0.08 * row, label, ha="right", color=svg.arm_colour(arm))
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks, [f"{100 * at:.0f}%" for at in ticks])
    axes.set_yticks(ticks, [f"{100 * at:.0f}%" for at in ticks])
    axes.set_xlabel(words.text("figure.axis.false_alarms"))
    axes.set_title(words.text("figure.axis.hits"), loc="left", fontsize=9, color=svg.SOFT)
    top = max(judged, key=lambda one: one.effect or 0)
    params = {
        "arm": top.arm,
        "auc": words.number(top.effect, "auc"),
        "interval": words.interval(top.interval, "auc"),
        "chance": words.number(0.5, "auc"),
    }
    code = "take.roc" if top.interval and top.interval[0] > 0.5 else "take.roc_none"
    return Plot(figure, Reason(code=code, params=params), ((top.n, top.unit),))


def leaks(report: Report, words: Catalogue) -> Plot | None:
    """Leak rates before and after tuning; the band is the interval of the excess over base."""
    last = [m for m in final(report.measurements) if m.metric in _RATES and m.scored]
    arms = sorted({m.arm for m in last if not is_control(m.arm)}, key=arm_order)
    rows = [
        one
        for metric in _RATES
        for arm in arms
        if (one := headline(last, metric=metric, arm=arm)) and one.tuned is not None
    ]
    if not rows:
        return None
    figure, (axes,) = svg.canvas(
        width=10.2, height=max(2.2, 0.95 + 0.32 * len(rows)), left=0.2, top=0.88, bottom=0.12
    )
    axes.grid(visible=False)
    axes.grid(axis="x", color=svg.FAINT)
    edge = max(_LEAST_RATE_AXIS, *(_band(one)[1] for one in rows)) * 1.12
    for row, one in enumerate(rows):
        colour = svg.arm_colour(one.arm)
        axes.plot(_band(one), [row, row], color=colour, linewidth=6, alpha=0.22)
        for like in last:
            if (like.metric, like.arm, like.stratum) == (one.metric, one.arm, "heldout"):
                axes.plot([like.tuned or 0.0], [row], "^", mfc="white", mec=colour, markersize=6)
        axes.plot([one.base or 0.0], [row], "o", mfc="white", mec=svg.SOFT, markersize=7)
        axes.plot([one.tuned or 0.0], [row], "o", color=colour, markersize=6)
        label = words.number(one.tuned, "percent")
        axes.text(_band(one)[1] + edge * 0.012, row, label, va="center", color=colour, fontsize=9)
    axes.set_yticks(
        range(len(rows)),
        [f"{words.name('metric_short', m.metric)} · {words.name('arm', m.arm)}" for m in rows],
    )
    axes.tick_params(axis="y", labelcolor=svg.INK)
    axes.set(ylim=(len(rows) - 0.4, -0.6), xlim=(-edge * 0.02, edge))
    axes.xaxis.set_major_locator(svg.few_ticks())
    axes.xaxis.set_major_formatter(lambda at, _: words.tick(at, "percent"))
    figure.text(0.2, 0.95, words.text("figure.leaks_key"), color=svg.SOFT, fontsize=9)
    top = max(rows, key=lambda one: (one.effect or 0.0, one.n))
    return Plot(figure, _leak_sentence(top, words), _least(rows), wide=True)


def _band(one: Measurement) -> tuple[float, float]:
    """The interval of the excess, laid around the tuned rate."""
    tuned = one.tuned or 0.0
    if one.interval is None or one.effect is None:
        return (tuned, tuned)
    low, high = (tuned - one.effect + bound for bound in one.interval)
    return (max(low, 0.0), min(high, 1.0))


def _leak_sentence(top: Measurement, words: Catalogue) -> Reason:
    params: dict[str, str | int | float] = {
        "metric": top.metric,
        "arm": top.arm,
        "n": top.n,
        "base_rate": words.number(top.base, "percent"),
        "tuned_rate": words.number(top.tuned, "percent"),
        "upper_rate": words.number(top.interval[1] if top.interval else None, "percent"),
    }
    return Reason(code="take.leaks" if top.effect else "take.leaks_none", params=params)


def epochs(report: Report, words: Catalogue) -> Plot | None:
    """Gain and risk side by side as training goes on."""
    series = _series(report)
    metrics = ["heldout_loss", *(name for name in _RISKS if name in series)][:_MOST_PANELS]
    metrics = [name for name in metrics if name in series]
    if not metrics:
        return None
    figure, panels = svg.canvas(
        width=10.2, height=2.75, panels=len(metrics), left=0.05, right=0.985, top=0.76, bottom=0.19
    )
    arms = sorted({arm for name in metrics for arm in series[name]}, key=arm_order)
    for axes, name in zip(panels, metrics, strict=True):
        _panel(axes, name, series[name], words)
    for at, arm in enumerate(arms):
        label = f"● {words.name('arm', arm)}"
        figure.text(0.05 + 0.13 * at, 0.95, label, color=svg.arm_colour(arm), fontsize=9.5)
    shown = [one for name in metrics for line in series[name].values() for one in line]
    return Plot(figure, _epoch_sentence(series, metrics, words), _least(shown), wide=True)


_Series = Mapping[str, Mapping[str, list[Measurement]]]


def _series(report: Report) -> _Series:
    """metric → arm → its measurements over the checkpoints; only where there are two or more."""
    out: dict[str, dict[str, list[Measurement]]] = {}
    for metric in ("heldout_loss", *_RISKS):
        for arm in sorted({m.arm for m in report.measurements if not is_control(m.arm)}):
            top = headline(report.measurements, metric=metric, arm=arm)
            if top is None:
                continue
            key = (metric, arm, top.stratum, top.setting)
            line = [
                m
                for m in report.measurements
                if (m.metric, m.arm, m.stratum, m.setting) == key and _shown(m) is not None
            ]
            if len(line) > 1:
                line.sort(key=lambda one: one.checkpoint)
                out.setdefault(metric, {})[arm] = line
    return out


def _shown(one: Measurement) -> float | None:
    """The loss itself rather than its difference; of risks, the effect that the gates judge."""
    if not one.scored:
        return None
    return one.tuned if about(one.metric).direction == "gain" else one.effect


def _panel(
    axes: Axes, metric: str, lines: Mapping[str, list[Measurement]], words: Catalogue
) -> None:
    for arm in sorted(lines, key=arm_order):
        line, colour = lines[arm], svg.arm_colour(arm)
        xs = [one.checkpoint for one in line]
        bands = [one.interval for one in line]
        if about(metric).direction == "risk" and all(bands):
            low, high = zip(*(band for band in bands if band), strict=True)
            axes.fill_between(xs, low, high, color=colour, alpha=0.12, linewidth=0)
        axes.plot(xs, [_shown(one) or 0.0 for one in line], "o-", color=colour, markersize=4.5)
    first = next(iter(lines.values()))
    level = first[0].base if about(metric).direction == "gain" else null_value(first[0])
    if level is not None:
        axes.axhline(level, color=svg.SOFT, linewidth=0.9, dashes=(4, 3))
    axes.set_title(words.name("metric_short", metric), loc="left", fontsize=9.5, pad=9)
    steps = sorted({one.checkpoint for line in lines.values() for one in line})
    axes.set_xticks(steps, [str(step) for step in steps])
    axes.margins(x=0.08)
    axes.set_xlabel(words.text("figure.axis.epoch"))
    if about(metric).scale == "percent":
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(svg.few_ticks())
    axes.yaxis.set_major_formatter(lambda at, _: words.tick(at, about(metric).scale))


def _epoch_sentence(series: _Series, metrics: list[str], words: Catalogue) -> Reason:
    risk = next((name for name in metrics if about(name).direction == "risk"), None)
    gain = series.get("heldout_loss")
    if gain is None or risk is None:
        name = metrics[0]
        arm = min(series[name], key=arm_order)
        line = series[name][arm]
        scale = about(name).scale
        return Reason(
            code="take.epochs_one",
            params={
                "metric": name,
                "arm": arm,
                "first": words.number(_shown(line[0]), scale),
                "last": words.number(_shown(line[-1]), scale),
            },
        )
    arm = min(set(gain) & set(series[risk]) or set(gain), key=arm_order)
    best = min(gain[arm], key=lambda one: _shown(one) or 0.0)
    line = series[risk].get(arm) or series[risk][min(series[risk], key=arm_order)]
    scale = about(risk).scale
    return Reason(
        code="take.epochs",
        params={
            "arm": line[0].arm,
            "epoch": best.checkpoint,
            "metric": risk,
            "first": words.number(_shown(line[0]), scale),
            "last": words.number(_shown(line[-1]), scale),
        },
    )


def _least(shown: Iterable[Measurement]) -> tuple[tuple[int, str], ...]:
    """The smallest n behind a figure, for each unit."""
    least: dict[str, int] = {}
    for one in shown:
        least[one.unit] = min(one.n, least.get(one.unit, one.n))
    return tuple(
        (n, unit) for unit, n in sorted(least.items(), key=lambda item: (-item[1], item[0]))
    )


PLOTS: Mapping[str, Callable[[Report, Catalogue], Plot | None]] = {
    "leaks": leaks,
    "exposure": exposure,
    "roc": roc,
    "epochs": epochs,
}
