from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import msgspec
import pytest
from tests.present.sample import sample

from tunegate.present.catalogue import LANGUAGES, Catalogue
from tunegate.present.figures import Drawing, data_figures, measured_figures
from tunegate.present.view import Report
from tunegate.types import Measurement

REPORT = sample(hostile=False)
EN = Catalogue.load("en")


def _all(report: Report, words: Catalogue = EN) -> dict[str, Drawing]:
    return {one.name: one for one in data_figures(report, words) + measured_figures(report, words)}


def _only(metric: str, **changes: object) -> Report:
    measured = tuple(
        msgspec.structs.replace(one, **changes)
        for one in REPORT.measurements
        if one.metric == metric
    )
    return Report(measurements=measured, curves=REPORT.curves)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_all_six_are_drawn_as_clean_svg(lang: str) -> None:
    drawn = _all(sample(), Catalogue.load(lang))
    assert set(drawn) == {"routes", "hazards", "leaks", "exposure", "roc", "epochs"}
    ids: list[str] = []
    for one in drawn.values():
        tree = ET.fromstring(one.svg)  # noqa: S314  (our own drawing)
        assert tree.tag == "svg"
        assert tree.find("title") is not None
        ids += re.findall(r'\bid="([^"]+)"', one.svg)
        assert set(re.findall(r"url\(#([^)]+)\)", one.svg)) <= set(ids)
    assert len(ids) == len(set(ids))


def test_text_stays_text_in_the_language_of_the_reader() -> None:
    drawn = _all(REPORT, Catalogue.load("zh"))
    assert "手机号" in drawn["hazards"].svg
    assert "从未植入" in drawn["exposure"].svg


def test_the_same_data_give_the_same_bytes_whatever_the_users_style() -> None:
    first = {name: one.svg for name, one in _all(REPORT).items()}
    with mpl.rc_context({"font.size": 30, "svg.hashsalt": "other", "svg.fonttype": "path"}):
        assert {name: one.svg for name, one in _all(REPORT).items()} == first


def test_without_data_nothing_is_drawn() -> None:
    assert _all(Report()) == {}


def test_a_claim_about_membership_needs_an_interval_above_guessing() -> None:
    assert _all(REPORT)["roc"].takeaway.code == "take.roc"
    weak = _all(_only("auc", effect=0.55, interval=(0.47, 0.63)))
    assert weak["roc"].takeaway.code == "take.roc_none"


def test_no_leak_is_told_as_a_bound() -> None:
    none = _all(_only("leak_rate", tuned=0.0, effect=0.0, interval=(0.0, 0.0159)))["leaks"]
    assert none.takeaway.code == "take.leaks_none"
    assert "1.6%" in EN.say(none.takeaway)
    some = _all(REPORT)["leaks"]
    assert "18.8%" in EN.say(some.takeaway)


def test_exposure_tells_the_highest_repeats_and_counts_its_canaries() -> None:
    one = _all(REPORT)["exposure"]
    assert one.takeaway.params["times"] == 16
    assert one.takeaway.params["candidates"] == 256
    assert one.counts == ((24, "canary"),)


def test_exposure_without_a_known_candidate_space_is_not_drawn() -> None:
    assert "exposure" not in _all(_only("exposure_bits", params={}))


def test_epochs_need_two_checkpoints_and_name_the_best() -> None:
    assert _all(REPORT)["epochs"].takeaway.params["epoch"] == 2
    last = tuple(one for one in REPORT.measurements if one.checkpoint == 3)
    assert "epochs" not in _all(Report(measurements=last))


def test_unscored_measurements_are_never_drawn_as_zero() -> None:
    unscored: list[Measurement] = [
        msgspec.structs.replace(one, scored=False, effect=None, tuned=None, interval=None)
        for one in REPORT.measurements
    ]
    assert _all(Report(measurements=tuple(unscored))) == {}
