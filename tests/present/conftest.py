"""The sample's own words, laid over the shipped catalogues."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tunegate.present.catalogue import LANGUAGES, Catalogue

SAMPLE_WORDS = Path(__file__).with_name("sample_words.yaml")


@pytest.fixture
def sample_words(monkeypatch: pytest.MonkeyPatch) -> dict[str, Catalogue]:
    """Both catalogues with the sample's words added; `Catalogue.load` gives these."""
    added = yaml.safe_load(SAMPLE_WORDS.read_text(encoding="utf-8"))
    filled: dict[str, Catalogue] = {}
    for lang in LANGUAGES:
        shipped = Catalogue.load(lang)
        words = {code: shipped.template(code) for code in shipped.codes()}
        words |= {code: both[lang] for code, both in added.items()}
        filled[lang] = Catalogue(lang, words)
    monkeypatch.setattr(Catalogue, "load", lambda lang: filled[lang])
    return filled
