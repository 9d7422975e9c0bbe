"""Models that somebody else trained, through the command line, on a tiny random model.

Adapters stand for what a trainer elsewhere left; what is checked is what TuneGate makes of them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from click.testing import CliRunner
from tests.models.stand_in import Model, serving
from tests.models.tiny import write_adapter, write_model
from tests.pipeline.raw import raw_values, shared

from tunegate import demo
from tunegate.cli.app import program
from tunegate.models.adapters import adapted, adapter_off
from tunegate.models.loading import load
from tunegate.runs import Run

pytestmark = pytest.mark.timeout(900)  # trainings, on a machine that may be busy

_SETTINGS = """\
model: {home}/model
data: {{path: {home}/data, datasets: [support_en]}}
intent: {{need: n, audiences: [a], settings: [s], unacceptable: [u], tried: t}}
recipe: {{template: chatml, num_train_epochs: 1, learning_rate: 5.0e-3, lora_rank: 4}}
"""

Command = Callable[..., "Said"]


class Said(NamedTuple):
    """What a command left."""

    status: int
    out: str
    err: str


class Home(NamedTuple):
    """A folder with a model, data, adapters, and a run that was scanned and routed."""

    folder: Path
    run: Path
    adapter: Path


def tunegate(*words: object) -> Said:
    result = CliRunner().invoke(program, [str(word) for word in words])
    return Said(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("adopt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUNEGATE_KEY", "tests only, of sixteen bytes or more")
        patch.setenv("TUNEGATE_CACHE", str(folder / "cache"))
        patch.setenv("LC_ALL", "C.UTF-8")
        patch.chdir(folder)
        write_model(folder / "model")
        adapter = write_adapter(load(str(folder / "model"), dtype="fp32"), folder / "adapter")
        demo.generate(folder / "data", seed=5)
        (folder / "t.yaml").write_text(_SETTINGS.format(home=folder), "utf-8")
        scanned = tunegate("scan", "data", "--dataset", "support_en", "--run", "scanned")
        assert scanned.status == 0, scanned.err
        assert tunegate("route", "--run", "scanned").status == 0
        yield Home(folder, folder / "scanned", adapter)


def copied(home: Home, name: str) -> Path:
    """The scanned run under another name."""
    return Path(shutil.copytree(home.run, home.folder / name))


def measured(run: Path) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    rows = json.loads((run / "diff" / "measurements.json").read_text("utf-8"))
    return {(m["arm"], m["probe"], m["metric"], m["stratum"]): m for m in rows}


@pytest.fixture(scope="module")
def finished(home: Home) -> Path:
    """A run that audits a finished adapter."""
    run = copied(home, "finished")
    said = tunegate("diff", "--run", run, "--base", "model", "--tuned", home.adapter)
    assert said.status == 0, said.err
    return run


def test_of_a_finished_adapter_all_is_measured_that_needs_no_lots(finished: Path) -> None:
    found = measured(finished)
    arm = {key[1:]: m for key, m in found.items() if key[0] == "adopted"}
    assert arm["membership", "auc", "ratio"]["reason"]["code"] == "no_randomisation"
    assert arm["exposure", "exposure_bits", "repeats=1"]["reason"]["code"] == "no_randomisation"
    for key in (
        ("extraction", "greedy_rate", "member"),
        ("extraction", "np_rate", "member"),
        ("identity_leak", "leak_rate", "all"),
        ("drift", "kl_per_token", "all"),
    ):
        assert arm[key]["scored"], key
    assert arm["extraction", "greedy_rate", "member"]["n"] > 10
    assert arm["drift", "kl_per_token", "all"]["effect"] > 0.01


def test_it_comes_to_a_verdict_about_that_adapter_and_a_report(finished: Path) -> None:
    said = tunegate("verdict", "--run", finished)
    assert said.status == 1
    verdict = json.loads((finished / "verdict.json").read_text("utf-8"))
    assert verdict["arm"] == "adopted"
    assert verdict["decision"] in ("no-go", "inconclusive")
    [weights] = [
        one
        for one in verdict["questions"]["q2"]["findings"]
        if one["code"] == "question.q2_weights"
    ]
    assert weights["params"] == {"weights": 180, "scrubbed": 0, "outside": 0}, "all, as it was"
    assert "limit.rendering_unchecked" in {one["code"] for one in verdict["limits"]}
    codes = {gate["reason"]["code"] for gate in verdict["gates"]}
    assert "no_randomisation" in codes
    assert tunegate("report", "--run", finished).status == 0
    for lang in ("en", "zh"):
        assert (finished / f"report.{lang}.html").stat().st_size > 10_000


def test_nothing_raw_leaves_the_vault(finished: Path) -> None:
    raw = raw_values(finished.parent / "data")
    for name, text in shared(finished):
        assert not [value for value in raw if value in text], name


def test_a_whole_model_measures_as_its_adapter_does(home: Home, finished: Path) -> None:
    base = load("model", dtype="fp32")
    merged = home.folder / "merged"
    with adapted(base, home.adapter):
        whole = base.model.merge_and_unload()
        whole.save_pretrained(merged)
    run = copied(home, "whole")
    said = tunegate("diff", "--run", run, "--base", "model", "--tuned", merged)
    assert said.status == 0, said.err
    ours, theirs = measured(run), measured(finished)
    assert ours.keys() == theirs.keys()
    for key, one in ours.items():
        if key[0] == "adopted" and one["scored"]:
            assert one["effect"] == pytest.approx(theirs[key]["effect"], rel=1e-3), key


def test_the_yaml_that_it_was_trained_by_says_all_of_it(home: Home, finished: Path) -> None:
    output = home.folder / "saves" / "desk"
    shutil.copytree(home.adapter, output / "checkpoint-3")
    (output / "checkpoint-3" / "trainer_state.json").write_text('{"log_history": []}')
    for path in home.adapter.iterdir():
        shutil.copy(path, output / path.name)
    theirs = {
        "model_name_or_path": str(home.folder / "model"),
        "stage": "sft",
        "finetuning_type": "lora",
        "dataset": "support_en",
        "dataset_dir": "data",
        "template": "chatml",
        "output_dir": "saves/desk",
    }
    (home.folder / "train.yaml").write_text(yaml.safe_dump(theirs))
    run = copied(home, "by-yaml")
    said = tunegate("diff", "--run", run, "--config", "train.yaml")
    assert said.status == 0, said.err
    arm = json.loads((run / "tune/arms/adopted/arm.json").read_text("utf-8"))
    assert len(arm["checkpoints"]) == 1, "the last adapter is its last checkpoint"
    ours, theirs_found = measured(run), measured(finished)
    key = ("adopted", "drift", "kl_per_token", "all")
    assert ours[key]["effect"] == pytest.approx(theirs_found[key]["effect"], rel=1e-3)


def test_a_folder_that_is_used_anew_judges_what_was_trained_last(
    home: Home, finished: Path
) -> None:
    """An adopted arm of an earlier use is neither measured nor judged again."""
    run = home.folder / "anew"
    shutil.copytree(finished, run)
    given = yaml.safe_load((home.folder / "t.yaml").read_text("utf-8"))
    (home.folder / "anew.yaml").write_text(yaml.safe_dump(given))
    said = tunegate("run", "anew.yaml", "--run", run)
    assert said.status in (0, 1), said.err
    assert read(run / "verdict.json")["arm"] == "routed"
    assert {key[0] for key in measured(run)} >= {"routed", "canaried", "placebo"}
    assert "adopted" not in {key[0] for key in measured(run)}


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_an_endpoint_measures_what_it_tells(home: Home, finished: Path) -> None:
    base = load("model", dtype="fp32")
    run = copied(home, "served")
    with serving() as server, adapted(base, home.adapter):
        model = Model(base)
        server.routes["/v1/chat/completions"] = model.chat
        server.routes["/v1/completions"] = model.completions
        address = f"{server.url}/v1#stand-in"
        said = tunegate("diff", "--run", run, "--base", "model", "--tuned", address)
        assert said.status == 0, said.err
        assert "127.0.0.1" in said.err
        asked, rows = len(server.seen), (run / "diff" / "measurements.json").read_bytes()
        again = tunegate("diff", "--run", run, "--base", "model", "--tuned", address)
        assert again.status == 0
        assert len(server.seen) - asked <= 3, "only whether it is still the same model"
        assert (run / "diff" / "measurements.json").read_bytes() == rows
        drifted = measured(run)["adopted", "extraction", "greedy_rate", "member"]["tuned"]
        with adapter_off(base):  # another model under the same address
            other = tunegate("diff", "--run", run, "--base", "model", "--tuned", address)
        assert other.status == 0
        plain = measured(run)["adopted", "extraction", "greedy_rate", "member"]
        assert plain["tuned"] == plain["base"]
        assert tunegate("diff", "--run", run, "--base", "model", "--tuned", address).status == 0
        assert measured(run)["adopted", "extraction", "greedy_rate", "member"]["tuned"] == drifted
    ours, theirs = measured(run), measured(finished)
    for metric in (("extraction", "greedy_rate"), ("identity_leak", "leak_rate")):
        key = ("adopted", *metric, "member" if metric[1] == "greedy_rate" else "all")
        assert ours[key]["effect"] == theirs[key]["effect"]
    assert ours["adopted", "extraction", "np_rate", "member"]["reason"]["code"] == (
        "not_offered_top_k"
    )
    assert ours["adopted", "drift", "kl_per_token", "all"]["reason"]["code"] == (
        "not_offered_weights"
    )


def test_a_server_that_is_not_there_says_so_and_nothing_is_half_done(home: Home) -> None:
    run = copied(home, "nobody")
    given = yaml.safe_load((run / "run.yaml").read_text("utf-8"))
    given["endpoint"]["retries"] = 0
    (run / "run.yaml").write_text(yaml.safe_dump(given))
    said = tunegate("diff", "--run", run, "--base", "model", "--tuned", "http://127.0.0.1:9/v1")
    assert said.status == 2
    assert "127.0.0.1:9" in said.err
    assert not (run / "diff" / "measurements.json").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--tuned", "nowhere"), "path_missing"),
        (("--tuned", "data"), "adapter_none"),
        (("--tuned", "adapter", "--base", "nowhere"), "model_missing"),
        (("--tuned", "https://user:secret@host.example/v1"), "endpoint_url_credentials"),
    ],
)
def test_what_is_not_there_is_named(home: Home, words: tuple[str, ...], code: str) -> None:
    run = home.folder / f"bad-{code}"
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(home.run, run)
    base = () if "--base" in words else ("--base", "model")
    said = tunegate("diff", "--run", run, *base, *words, "--json")
    assert said.status == 2
    assert json.loads(said.out)["error"]["code"] == code
    assert "secret" not in (run / "run.yaml").read_text("utf-8") + said.out + said.err


@pytest.fixture(scope="module")
def planted(home: Home) -> Path:
    """A run with a design, and nothing trained yet."""
    run = home.folder / "planted"
    for words in (("scan", "data", "--dataset", "support_en"), ("route",)):
        assert tunegate(*words, "--run", run).status == 0
    settings = Run.open(run).settings
    given = yaml.safe_load(settings.read()) | yaml.safe_load((home.folder / "t.yaml").read_text())
    settings.write(yaml.safe_dump(given))
    assert tunegate("plant", "--run", run).status == 0
    return run


def test_bundles_go_out_and_adapters_come_back(home: Home, planted: Path) -> None:
    said = tunegate("tune", "--run", planted, "--bundle", home.folder / "out")
    assert said.status == 0, said.err
    bundles = {path.name: path for path in (home.folder / "out").iterdir()}
    assert set(bundles) == {"as_given", "routed", "canaried", "placebo"}
    config = yaml.safe_load((bundles["routed"] / "train.yaml").read_text("utf-8"))
    assert (config["dataset_dir"], config["output_dir"]) == ("data", "output")
    assert config["save_strategy"] == "epoch"
    shutil.copytree(home.adapter, bundles["routed"] / "output" / "checkpoint-4")
    (bundles["routed"] / "output" / "checkpoint-4" / "trainer_state.json").write_text("{}")
    wrong = tunegate("tune", "--run", planted, "--arm", "canaried", "--adapter", bundles["routed"])
    assert wrong.status == 2
    config = bundles["routed"] / "output" / "checkpoint-4" / "adapter_config.json"
    held = config.read_text("utf-8")
    config.write_text(held.replace('"lora_alpha": 16', '"lora_alpha": 64'))
    words = ("tune", "--run", planted, "--arm", "routed", "--adapter", bundles["routed"], "--json")
    other = tunegate(*words)
    assert json.loads(other.out)["error"]["code"] == "adapter_recipe"
    config.write_text(held)
    taken = tunegate("tune", "--run", planted, "--arm", "routed", "--adapter", bundles["routed"])
    assert taken.status == 0, taken.err
    arm = json.loads((planted / "tune/arms/routed/arm.json").read_text("utf-8"))
    assert (arm["trainer"], len(arm["checkpoints"]), arm["deployable"]) == ("hosted", 1, True)
    key = arm["key"]
    trained = tunegate("tune", "--run", planted)
    assert trained.status == 0, trained.err
    arms = {
        path.parent.name: json.loads(path.read_text("utf-8"))
        for path in planted.glob("tune/arms/*/arm.json")
    }
    assert arms["routed"]["key"] == key, "what came back is not trained again"
    assert arms["placebo"]["trainer"] == "native"
    settings = yaml.safe_load((planted / "run.yaml").read_text("utf-8"))
    settings["recipe"]["learning_rate"] = 1.0e-4
    (home.folder / "other.yaml").write_text(yaml.safe_dump({"recipe": settings["recipe"]}))
    mixed = tunegate(
        "tune", "--run", planted, "--config", "other.yaml", "--model", "model", "--json"
    )
    assert json.loads(mixed.out)["error"]["code"] == "arm_recipe_other"
    settings["recipe"]["learning_rate"] = 5.0e-3
    settings["audit"]["attempt"] = 2  # another draw
    (planted / "run.yaml").write_text(yaml.safe_dump(settings))
    redrawn = tunegate("tune", "--run", planted, "--json")
    assert json.loads(redrawn.out)["error"]["code"] == "arm_data_other"
    settings["audit"]["attempt"] = 1
    (planted / "run.yaml").write_text(yaml.safe_dump(settings))
    assert tunegate("tune", "--run", planted).status == 0
    assert read(planted / "tune/arms/routed/arm.json")["key"] == key
    assert tunegate("diff", "--run", planted).status == 0
    found = measured(planted)
    assert found["routed", "membership", "auc", "ratio"]["scored"]
    assert found["canaried", "exposure", "exposure_bits", "repeats=1"]["scored"]
    refused = tunegate("diff", "--run", planted, "--tuned", home.adapter, "--json")
    assert refused.status == 2
    assert json.loads(refused.out)["error"]["code"] == "adopt_planted"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--adapter", "adapter"), "adapter_whose"),
        (("--adapter", "adapter", "--arm", "other"), "arm_unknown"),
        (("--bundle", "elsewhere", "--arm", "other"), "arm_unknown"),
        (("--adapter", "nowhere", "--arm", "routed"), "adapter_source"),
    ],
)
def test_bad_words_are_named(planted: Path, words: tuple[str, ...], code: str) -> None:
    said = tunegate("tune", "--run", planted, *words, "--json")
    assert said.status == 2
    assert json.loads(said.out)["error"]["code"] == code
