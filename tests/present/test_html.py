from __future__ import annotations

import functools
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.present.sample import HOSTILE, prefixes, sample

from tunegate.present import html
from tunegate.present.catalogue import LANGUAGES, Catalogue
from tunegate.present.view import Report

PREFIXES = prefixes()
_VOID = {"meta", "link", "br", "img", "base", "input"}
_HOLDERS = {"ul", "ol", "dl", "tbody", "figure", "h1", "h2", "h3", "h4", "td", "th", "li", "dd"}
pytestmark = pytest.mark.usefixtures("sample_words")


class Page(HTMLParser):
    """What a browser would find: elements, attributes, text, and whether all is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.empty: list[str] = []
        self._open: list[list[object]] = []
        self.feed(page)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append([tag, False])

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("rect", "line"):
            self._fill()

    def handle_endtag(self, tag: str) -> None:
        name, filled = self._open.pop()
        assert name == tag, f"<{name}> is closed by </{tag}>"
        if tag in _HOLDERS and not filled:
            self.empty.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "style":
            return
        self.text.append(data)
        if data.strip():
            self._fill()

    def _fill(self) -> None:
        for one in self._open:
            one[1] = True


@functools.cache
def rendered(stage: str, lang: str) -> str:
    """The page of the report up to `stage`; each is drawn once for all tests."""
    return html.render(PREFIXES[stage], lang)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("stage", list(PREFIXES))
def test_any_prefix_of_the_stages_gives_a_whole_page(stage: str, lang: str) -> None:
    page = Page(rendered(stage, lang))
    assert not page.empty
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for tag, attrs in page.elements:
        if label := attrs.get("aria-labelledby"):
            assert set(label.split()) <= set(ids), (tag, label)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_asks_nobody_for_anything(lang: str) -> None:
    text = rendered("verdict", lang)
    page = Page(text)
    assert {tag for tag, _ in page.elements} & {"script", "img", "base", "iframe", "a"} == set()
    for tag, attrs in page.elements:
        assert not [name for name in attrs if name.startswith("on")], tag
        assert "src" not in attrs
        href = attrs.get("href")
        assert href is None or href == "data:," or href.startswith("#"), (tag, href)
    assert "http://" not in text
    assert "https://" not in text
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    policy = [attrs for _, attrs in page.elements if "http-equiv" in attrs]
    assert policy[0]["content"] == ("default-src 'none'; style-src 'unsafe-inline'; img-src data:")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_hostile_strings_are_shown_and_do_nothing(lang: str) -> None:
    text = rendered("verdict", lang)
    text.encode("utf-8")
    for char in "\u202e\u2066\x00\x1b\x07\ud800":
        assert char not in text
    assert "<script" not in text
    assert "<img" not in text
    assert "{{ 7*7 }}{% raw %}" in "".join(Page(text).text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "长" * 700 not in text
    assert len(text) < 400_000
    assert all(html.render(Report(project=one, run=one), lang) for one in HOSTILE)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_same_report_gives_the_same_bytes(lang: str) -> None:
    assert html.render(sample(), lang) == rendered("verdict", lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_is_left_without_words(lang: str) -> None:
    text = "".join(Page(html.render(sample(hostile=False), lang)).text)
    assert "⟨" not in text
    assert not re.findall(r"\{[a-z_]+\}", text)


def test_the_chinese_page_holds_no_english_sentences(sample_words: dict[str, Catalogue]) -> None:
    text = " ".join("".join(Page(html.render(sample(hostile=False), "zh")).text).split())
    english = sample_words["en"]
    sentences = [
        part.strip()
        for code in english.codes()
        for part in re.split(r"\{[^}]*\}", english.template(code))
        if len(part.split()) >= 4
    ]
    assert len(sentences) > 80
    assert not [sentence for sentence in sentences if sentence in text]


def test_the_decision_comes_first_with_its_reasons_and_commands() -> None:
    text = rendered("verdict", "en")
    order = [
        text.index(mark)
        for mark in ("Inconclusive</span>", "that is not a pass", ">Why<", "tunegate tune --run")
    ]
    order += [
        text.index(f'id="h-{name}"')
        for name in (
            "questions",
            "ledger",
            "withdrawn",
            "bought",
            "figures",
            "gates",
            "controls",
            "limits",
            "intent",
            "findings",
            "evidence",
            "appendix",
        )
    ]
    assert order == sorted(order)


def test_a_scan_alone_is_a_data_report_that_names_the_next_step() -> None:
    text = rendered("scan", "en")
    assert "Data report" in text
    assert "The next step is route." in text
    assert "Not checked in the data: raw dialogue, special cases, structure." in text
    for name in ("questions", "ledger", "bought", "gates", "controls", "evidence"):
        assert f"h-{name}" not in text


def test_no_report_says_safe() -> None:
    for stage in PREFIXES:
        text = "".join(Page(rendered(stage, "en")).text)
        said = re.findall(r"\bsafe\b", text)
        assert len(said) == text.count('Nothing here says "safe"') > 0, stage


def test_every_figure_has_a_title_a_sentence_and_n() -> None:
    text = rendered("verdict", "en")
    drawn = text.count('class="drawing"')
    assert drawn == 6
    assert text.count("<figcaption>") == drawn
    assert text.count('<p class="n">n = ') == drawn
    titles = re.findall(r'<title id="fig-\w+-title">(.+?)</title>', text)
    assert len(titles) == drawn


@pytest.mark.browser
def test_a_browser_opens_it_and_runs_nothing(tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("Chromium is not installed")
    page = tmp_path / "report.en.html"
    page.write_text(rendered("verdict", "en"), encoding="utf-8")
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    done = subprocess.run(
        [browser, *flags.split(), f"--user-data-dir={tmp_path}", "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert 'id="h-appendix"' in done.stdout
    assert "<script" not in done.stdout
