"""The figures that show the data: where its records go, and which hazards it holds."""

from __future__ import annotations

from collections import Counter

from markupsafe import escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from tunegate.present import measured, svg
from tunegate.present.catalogue import Catalogue, Lang
from tunegate.present.inert import inert
from tunegate.present.view import INTO_WEIGHTS, Report, destinations
from tunegate.types import SEVERITIES, Noun, Reason

_MOST_KINDS = 10
_LABEL: dict[Lang, int] = {"en": 26, "zh": 14}  # characters beside a bar
_GAP, _LEAST_SLOT, _END = 0.02, 0.075, 0.52


class Drawing(Noun, frozen=True, kw_only=True):
    """One figure: its drawing, the sentence to take away, and its (n, unit) counts."""

    name: str
    svg: str
    takeaway: Reason
    counts: tuple[tuple[int, str], ...]
    wide: bool = False


def data_figures(report: Report, words: Catalogue) -> list[Drawing]:
    """The figures that need no model, as far as their data are there."""
    with svg.style():
        drawn = [_routes(report, words), _hazards(report, words)]
    return [one for one in drawn if one is not None]


def measured_figures(report: Report, words: Catalogue) -> list[Drawing]:
    """The figures of the measurements, as far as their data are there."""
    out: list[Drawing] = []
    with svg.style():
        for name, draw in measured.PLOTS.items():
            plot = draw(report, words)
            if plot is not None:
                out.append(
                    Drawing(
                        name=name,
                        svg=_markup(plot.figure, name, plot.takeaway, words),
                        takeaway=plot.takeaway,
                        counts=plot.counts,
                        wide=plot.wide,
                    )
                )
    return out


def _markup(figure: Figure, name: str, takeaway: Reason, words: Catalogue) -> str:
    label = f"{words.text(f'figure.{name}')}: {words.say(takeaway)}"
    return svg.markup(figure, name=f"fig-{name}", label=str(escape(label)))


def _routes(report: Report, words: Catalogue) -> Drawing | None:
    counts = destinations(report.routes)
    total = sum(counts.values())
    if not total:
        return None
    # Thin ribbons get room for their labels.
    slots = {name: max(count / total, _LEAST_SLOT) for name, count in counts.items()}
    height = sum(slots.values()) + _GAP * (len(slots) - 1)
    figure, (axes,) = svg.canvas(left=0.02, right=0.99, top=0.99, bottom=0.02)
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(-0.01, height + 0.1))
    offset = (height - 1) / 2
    left, right = height - offset, height
    for name, count in counts.items():
        share, colour = count / total, svg.DESTINATION_COLOURS[name]
        top = right - (slots[name] - share) / 2
        axes.add_patch(_ribbon(left, top, share, colour))
        axes.add_patch(Rectangle((_END, top - share), 0.018, share, color=colour, linewidth=0))
        label = f"{words.name('destination', name)}\u2002{count:,} · {100 * share:.0f}%"
        axes.text(_END + 0.035, top - share / 2, label, va="center")
        left -= share
        right -= slots[name] + _GAP
    axes.add_patch(Rectangle((0.0, offset), 0.018, 1, color=svg.INK, linewidth=0))
    axes.text(0.0, offset + 1.03, words.text("figure.all_records", {"n": total}), va="bottom")
    into = sum(count for name, count in counts.items() if name in INTO_WEIGHTS)
    takeaway = Reason(
        code="take.routes", params={"into": into, "total": total, "outside": total - into}
    )
    return Drawing(
        name="routes",
        svg=_markup(figure, "routes", takeaway, words),
        takeaway=takeaway,
        counts=((total, "record"),),
    )


def _ribbon(left: float, right: float, share: float, colour: str) -> PathPatch:
    start, bend, end = 0.018, 0.27, _END
    points = [
        (start, left),
        (bend, left),
        (bend, right),
        (end, right),
        (end, right - share),
        (bend, right - share),
        (bend, left - share),
        (start, left - share),
        (start, left),
    ]
    curve, line = Path.CURVE4, Path.LINETO
    codes = [Path.MOVETO, curve, curve, curve, line, curve, curve, curve, Path.CLOSEPOLY]
    return PathPatch(Path(points, codes), facecolor=colour, alpha=0.28, linewidth=0)


def _hazards(report: Report, words: Catalogue) -> Drawing | None:
    counts = Counter((one.kind, one.severity) for one in report.findings)
    if not counts:
        return None
    totals = Counter(one.kind for one in report.findings)
    kinds = sorted(totals, key=lambda kind: (-totals[kind], kind))[:_MOST_KINDS]
    figure, (axes,) = svg.canvas(
        height=max(2.4, 0.8 + 0.27 * len(kinds)), left=0.36, right=0.92, top=0.9, bottom=0.04
    )
    axes.grid(visible=False)
    axes.xaxis.set_visible(False)
    axes.spines[["bottom", "left"]].set_visible(False)
    for row, kind in enumerate(kinds):
        at = 0
        for severity in reversed(SEVERITIES):
            width = counts[(kind, severity)]
            axes.barh(row, width, left=at, height=0.62, color=svg.SEVERITY_COLOURS[severity])
            at += width
        axes.text(at + totals[kinds[0]] * 0.015, row, f"{at:,}", va="center", fontsize=9)
    axes.set_yticks(
        range(len(kinds)),
        [inert(words.name("kind", kind), limit=_LABEL[words.lang]) for kind in kinds],
    )
    axes.tick_params(axis="y", labelcolor=svg.INK)
    axes.set_ylim(len(kinds) - 0.5, -0.6)
    _severity_key(axes, words)
    critical = sum(one.severity == "critical" for one in report.findings)
    takeaway = Reason(
        code="take.hazards",
        params={
            "kind": kinds[0],
            "count": totals[kinds[0]],
            "total": len(report.findings),
            "critical": critical,
        },
    )
    return Drawing(
        name="hazards",
        svg=_markup(figure, "hazards", takeaway, words),
        takeaway=takeaway,
        counts=((len(report.findings), "finding"),),
    )


def _severity_key(axes: Axes, words: Catalogue) -> None:
    for at, severity in enumerate(reversed(SEVERITIES)):
        left = 0.02 + 0.2 * at
        colour = svg.SEVERITY_COLOURS[severity]
        figure = axes.figure
        figure.text(left, 0.945, "■", color=colour, fontsize=10, va="center")
        label = words.name("severity", severity)
        figure.text(left + 0.032, 0.945, label, color=svg.SOFT, fontsize=9, va="center")
