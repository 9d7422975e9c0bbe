"""A quiet drawing style and its way into the page: inline SVG, the same bytes for the same data.

Text stays text (`svg.fonttype: none`), so the reader's browser brings the Chinese glyphs; the font
is set by the page's style sheet. No pyplot: nothing global is touched.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

INK, SOFT, RULE, FAINT = "#1c2430", "#5b6673", "#d9dee4", "#eef1f4"
ARM_COLOURS = {"as_given": "#b4532a", "routed": "#17616e", "canaried": "#6a4c93"}
OTHER_ARM = "#4a5a75"
SEVERITY_COLOURS = {
    "low": "#cbd4dc",
    "medium": "#e0b45c",
    "high": "#cc6f3c",
    "critical": "#8f2428",
}
DESTINATION_COLOURS = {
    "finetune": "#17616e",
    "scrub": "#5fa3a3",
    "rag": "#5878a6",
    "rules": "#8a7fae",
    "human": "#d09a3f",
    "drop": "#b3bcc6",
}
# Any: the keys are a literal type in some releases of matplotlib and plain strings in others.
_STYLE: Any = {
    "svg.hashsalt": "tunegate",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar sign in somebody's data is no formula
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "lines.solid_capstyle": "round",
}
# The page is HTML: of the XML file only the drawing is kept, and none of its addresses.
_NOT_HTML = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<style.*?</style>|\sxmlns(:\w+)?=\"[^\"]*\"",
    re.DOTALL,
)
_ID = re.compile(r'((?:\bid="|href="#|url\(#))([\w.:-]+)')


@contextmanager
def style() -> Iterator[None]:
    """Everything drawn within has the report's style, whatever the user's matplotlibrc says."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


def canvas(
    *, width: float = 5.0, height: float = 3.1, panels: int = 1, **margins: float
) -> tuple[Figure, Sequence[Axes]]:
    """A figure of `width` × `height` inches and its axes, side by side.

    Margins are fixed rather than fitted: fitting would need the width of glyphs that only the
    browser has.
    """
    figure = Figure(figsize=(width, height))
    FigureCanvasSVG(figure)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    figure.subplots_adjust(
        **{"left": 0.1, "right": 0.97, "top": 0.92, "bottom": 0.16, "wspace": 0.28, **margins}
    )
    for one in axes:
        one.tick_params(length=0, pad=6)
        one.grid(axis="y", color=FAINT, linewidth=1)
    return figure, list(axes)


def markup(figure: Figure, *, name: str, label: str) -> str:
    """The figure as an `<svg>` element whose ids start with `name` and whose title is `label`.

    Args:
        label: Read aloud in place of the drawing; must be escaped already.
    """
    file = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(file, format="svg", metadata=nothing)
    body = _NOT_HTML.sub("", file.getvalue()).replace("xlink:href", "href")
    body = _ID.sub(rf"\g<1>{name}-\g<2>", body)
    start = body.index("<svg")
    size = re.search(r'viewBox="[^"]+"', body)
    inner = body[body.index(">", start) + 1 :].strip()
    named = f'class="drawing" role="img" aria-labelledby="{name}-title"'
    head = f"<svg {named} {size[0] if size else ''}>"
    return f'{head}\n<title id="{name}-title">{label}</title>\n{inner}'


def arm_colour(arm: str) -> str:
    """One colour an arm, throughout the report."""
    return ARM_COLOURS.get(arm, OTHER_ARM)


def few_ticks() -> MaxNLocator:
    """At most four steps on an axis."""
    return MaxNLocator(nbins=4)
