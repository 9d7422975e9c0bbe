"""The report as one self-contained HTML page: no script, no request, no trust in the data."""

from __future__ import annotations

import functools

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tunegate.present import figures, view
from tunegate.present.catalogue import Catalogue
from tunegate.present.inert import inert, tail
from tunegate.present.metrics import about
from tunegate.present.view import Report
from tunegate.types import Measurement, Reason, Source

MOST_FINDINGS = 30
MOST_EVIDENCE = 20
MOST_SKIPPED = 20


def render(report: Report, lang: str) -> str:
    """The whole page, in one language.

    Args:
        report: Any prefix of the stages; a section without data leaves no heading behind.
        lang: `en` or `zh`.

    Returns:
        A page whose bytes depend on the report and nothing else.

    Raises:
        InputError: There is no such language.
    """
    words = Catalogue.load(lang)
    page = _environment().get_template("report.html")
    return page.render(
        report=report,
        view=view,
        words=words,
        w=words.text,
        name=words.name,
        say=lambda reason: _say(reason, words),
        each=lambda reasons: list(dict.fromkeys(_say(reason, words) for reason in reasons)),
        stratum=lambda one: _stratum(one, words),
        hazards=lambda names: words.listed("hazard", names),
        about=about,
        data_figures=figures.data_figures(report, words),
        measured_figures=figures.measured_figures(report, words),
        most_findings=MOST_FINDINGS,
        most_evidence=MOST_EVIDENCE,
        most_skipped=MOST_SKIPPED,
    )


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tunegate.present"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["inert"] = _inert
    environment.filters["place"] = _place
    # Drawn by this package, with its labels escaped there.
    environment.filters["drawing"] = Markup
    environment.tests["measurement"] = lambda value: isinstance(value, Measurement)
    environment.tests["counted"] = lambda value: isinstance(value, int)
    return environment


def _inert(text: object, limit: int = 160) -> Markup:
    """A string of somebody's, set apart so that its direction ends with it."""
    return Markup("<bdi>{}</bdi>").format(inert(str(text), limit=limit))


def _place(source: Source) -> Markup:
    """`file.json #12` or `file.jsonl:12`; the whole path is no use to a reader."""
    at = f":{source.line}" if source.line is not None else ""
    if source.index is not None:
        at = f" #{source.index}"
    return Markup("<bdi>{}</bdi>{}").format(tail(source.path, limit=44), at)


def _say(reason: Reason, words: Catalogue) -> Markup:
    """A reason in words; what stands between backticks is code, and its command a block."""
    parts = words.say(reason).split("`")
    text = Markup("")
    for at, part in enumerate(parts):
        closed = at % 2 == 1 and at < len(parts) - 1
        text += Markup("<code>{}</code>").format(part) if closed else escape(part)
    command = reason.params.get("command")
    if isinstance(command, str) and command:
        text += Markup('<pre class="command">{}</pre>').format(inert(command, limit=400))
    return text


def _stratum(one: Measurement, words: Catalogue) -> str:
    times = view.repeats(one)
    if times == 0:
        return words.text("figure.never_planted")
    if times is not None:
        return words.text("stratum.repeats", {"times": times})
    return words.name("stratum", one.stratum)
