from __future__ import annotations

import io

import msgspec
import pytest
from rich.console import Console, RenderableType
from tests.present.sample import sample

from tunegate.errors import InputError, VoidError
from tunegate.present import terminal
from tunegate.present.catalogue import LANGUAGES, Catalogue
from tunegate.types import Reason, Skipped, Source

REPORT = sample()
pytestmark = pytest.mark.usefixtures("sample_words")


def _shown(renderable: RenderableType, *, width: int = 110) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, highlight=False).print(renderable)
    return out.getvalue()


@pytest.fixture(params=LANGUAGES)
def words(request: pytest.FixtureRequest) -> Catalogue:
    return Catalogue.load(request.param)


def test_a_scan_is_shown_with_its_counts_and_gaps(words: Catalogue) -> None:
    assert REPORT.scan_summary is not None
    shown = _shown(terminal.scan(REPORT.scan_summary, REPORT.findings, words))
    assert "480" in shown
    assert words.name("kind", "cn_resident_id") in shown
    assert words.name("hazard", "raw_dialogue") in shown
    assert "⟨" not in shown
    assert not set(shown) & set("\x1b\u202e\u2066\x00\x07")


def test_an_empty_scan_has_no_empty_tables(words: Catalogue) -> None:
    assert REPORT.scan_summary is not None
    nothing = msgspec.structs.replace(
        REPORT.scan_summary, findings=0, by_kind={}, by_hazard={}, skipped=(), not_checked=()
    )
    assert len(_shown(terminal.scan(nothing, (), words)).splitlines()) == 1


def test_many_skipped_records_are_cut_and_counted() -> None:
    assert REPORT.scan_summary is not None
    one = Skipped(source=Source(path="a.jsonl", line=4), reason=Reason(code="sample.broken"))
    many = msgspec.structs.replace(REPORT.scan_summary, skipped=(one,) * 12)
    shown = _shown(terminal.scan(many, (), Catalogue.load("en")))
    assert shown.count("a.jsonl:4") == 5
    assert "7 more" in shown


def test_routes_and_estimate(words: Catalogue) -> None:
    shown = _shown(terminal.routes(REPORT.routes, words))
    assert "480" in shown
    assert words.name("destination", "scrub") in shown
    assert REPORT.estimate is not None
    assert "372" in _shown(terminal.estimate(REPORT.estimate, words))


def test_the_verdict_ends_with_its_commands(words: Catalogue) -> None:
    assert REPORT.verdict is not None
    shown = _shown(terminal.verdict(REPORT.verdict, words))
    assert words.name("decision", "inconclusive") in shown
    assert words.name("metric", "np_rate") in shown
    assert shown.rstrip().endswith("tunegate sign --run runs/demo")
    assert "⟨" not in shown


def test_an_error_is_one_message_and_void_says_so(words: Catalogue) -> None:
    problem = {"path": "[red]\x1b[31mx", "where": "y", "least": 16}
    words = Catalogue(words.lang, {"broken": "{path} is broken", "terminal.error": "Stop"})
    shown = _shown(terminal.error(InputError("broken", **problem), words))
    assert shown.startswith("Stop")
    assert shown.endswith("[red]\ufffd[31mx is broken\n")
    assert "⟨terminal.void⟩" in _shown(terminal.error(VoidError("broken"), words))
