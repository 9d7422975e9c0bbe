"""The whole gate on the generated dataset and a tiny random model, by the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner
from tests.models.tiny import write_model
from tests.pipeline.raw import raw_values, shared

from tunegate import demo
from tunegate.cli.app import program

pytestmark = pytest.mark.timeout(900)  # five trainings, on a machine that may be busy

_SETTINGS = """\
model: {home}/model
data: {{path: {home}/data, datasets: [support_en], rag_owner: support, rag_labels: [support]}}
intent: {{need: n, audiences: [a], settings: [s], unacceptable: [u], tried: t}}
recipe: {{template: chatml, num_train_epochs: 2, learning_rate: 5.0e-3}}
"""


class Whole(NamedTuple):
    """One finished run and everything that it said."""

    home: Path
    run: Path
    status: int
    said: str


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    home = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEGATE_KEY", "tests only, of sixteen bytes or more")
        patch.setenv("TUNEGATE_CACHE", str(home / "cache"))
        patch.setenv("LC_ALL", "C.UTF-8")
        patch.chdir(home)
        write_model(home / "model")
        demo.generate(home / "data", seed=5)
        (home / "t.yaml").write_text(_SETTINGS.format(home=home), "utf-8")
        result = CliRunner().invoke(program, ["run", "t.yaml", "--run", "run"])
        yield Whole(home, home / "run", result.exit_code, result.stdout + result.stderr)


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _shared(whole: Whole) -> Iterator[tuple[str, str]]:
    """Name and text of everything that may be shown to others."""
    yield from shared(whole.run)
    yield "what was said", whole.said


def test_it_ends_in_a_verdict_that_is_not_go(whole: Whole) -> None:
    assert whole.status in (0, 1), whole.said
    verdict = _json(whole.run / "verdict.json")
    assert verdict["decision"] in ("no-go", "inconclusive", "conditional")
    assert set(verdict["questions"]) == {"q1", "q2", "q3"}
    assert {gate["probe"] for gate in verdict["gates"]} >= {"extraction", "exposure", "membership"}
    assert len(verdict["next_actions"]) == 3
    assert set(verdict["bound_to"]) == {"base", "recipe", "data", "adapter"}


def test_every_arm_is_there_and_only_the_routed_one_is_deployable(whole: Whole) -> None:
    arms = {path.parent.name: _json(path) for path in whole.run.glob("tune/arms/*/arm.json")}
    assert set(arms) == {"as_given", "routed", "canaried", "placebo", "control"}
    assert [name for name, arm in arms.items() if arm["deployable"]] == ["routed"]
    assert arms["canaried"]["parent"] == "routed"
    assert arms["canaried"]["records"] > arms["routed"]["records"]
    for arm in arms.values():
        for checkpoint in arm["checkpoints"]:
            assert (whole.run / checkpoint["path"] / "adapter_model.safetensors").is_file()
            assert checkpoint["path"].startswith("vault/")


def test_members_and_held_out_share_no_unit_and_no_value(whole: Whole) -> None:
    design = _json(whole.run / "vault/plant/design.json")["design"]
    sides = [set(design[name]) for name in ("always", "members", "held_out", "utility")]
    assert sum(map(len, sides)) == len(set.union(*sides)) == len(design["records"])
    planted = (whole.run / "vault/planted/routed/train.jsonl").read_text("utf-8")
    placebo = (whole.run / "vault/planted/placebo/train.jsonl").read_text("utf-8")
    assert not set(planted.splitlines()) & set(placebo.splitlines())


def test_nothing_raw_stands_outside_the_vault(whole: Whole) -> None:
    raw = raw_values(whole.home / "data")
    planted = _json(whole.run / "vault/plant/design.json")["canaries"]
    raw |= {canary["question"] for canary in planted}
    for name, text in _shared(whole):
        found = [value for value in raw if value in text]
        assert not found, f"{len(found)} raw values in {name}"


def test_the_vault_and_the_run_are_private(whole: Whole) -> None:
    assert whole.run.stat().st_mode & 0o077 == 0
    assert (whole.run / "vault").stat().st_mode & 0o077 == 0


def test_a_second_run_does_nothing_and_changes_nothing(whole: Whole) -> None:
    names = ("manifest.json", "verdict.json", "diff/measurements.json", "timings.json")
    before = [(whole.run / name).read_bytes() for name in names]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEGATE_KEY", "tests only, of sixteen bytes or more")
        patch.setenv("TUNEGATE_CACHE", str(whole.home / "cache"))
        patch.chdir(whole.home)
        result = CliRunner().invoke(program, ["run", "t.yaml", "--run", "run", "--quiet"])
    assert result.exit_code == whole.status
    assert [(whole.run / name).read_bytes() for name in names] == before


def test_reports_open_offline_in_both_languages(whole: Whole) -> None:
    for lang in ("en", "zh"):
        page = (whole.run / f"report.{lang}.html").read_text("utf-8")
        assert f'lang="{lang}' in page
        assert "http://" not in page.replace("http://www.w3.org", "")
        assert "<script" not in page
        assert "⟨" not in page, "a code without words"
