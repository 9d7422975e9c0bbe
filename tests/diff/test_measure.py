"""Every query is asked once a state, base first, and every probe sees its answers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.diff.build import context, sample
from tests.models.tiny import write_adapter

from tunegate.canary import make
from tunegate.diff import ALL, Context, Task, measure, ordinary_prompts
from tunegate.models.executor import Executor, State
from tunegate.models.loading import Base
from tunegate.models.queries import Answer, Candidates, Divergence, Generate, Query, Score
from tunegate.types import Reason


def whole(arm: str) -> Context:
    given = [
        sample(f"{side}{i}", side, value=f"{side}{i}@x.org")
        for side in ("member", "held_out")
        for i in range(3)
    ]
    return context(
        arm=arm,
        samples=[*given, sample("u", "utility"), sample("v", "utility")],
        given=given,
        canaries=make([4, 1], twins=1, candidates=8, language="en", rng=random.Random(1)),
        prompts=ordinary_prompts("en")[:2],
    )


@pytest.mark.parametrize("language", ["en", "zh"])
def test_ordinary_prompts_are_questions_with_an_answer(language: str) -> None:
    prompts = ordinary_prompts(language)
    assert len({ask.text for ask, _ in prompts}) == len(prompts) == 24
    for ask, answer in prompts:
        assert (ask.role, answer.role) == ("user", "assistant")
        assert min(len(ask.text), len(answer.text)) >= 4
        assert ask.text != answer.text


def test_all_probes_measure_both_arms(base: Base, tmp_path: Path) -> None:
    executor = Executor(base, cache=tmp_path / "answers", template="chatml", cutoff_len=256)
    idle = write_adapter(base, tmp_path / "idle", scale=0.0)
    moved = write_adapter(base, tmp_path / "moved")
    tasks = [
        Task(whole("idle"), executor.at(State("idle", idle)), ALL),
        Task(whole("moved"), executor.at(State("moved", moved)), ALL),
    ]
    told: list[str] = []
    result = measure(
        tasks,
        base=executor.at(State("base", None)),
        progress=lambda code, *_: told.append(code),
    )
    found = {(m.arm, m.probe, m.metric, m.stratum): m for m in result.measurements}
    assert {probe for _, probe, _, _ in found} == {probe.name for probe in ALL}
    assert list(dict.fromkeys(told)) == ["diff.base", "diff.idle", "diff.moved"]
    drift = ("drift", "kl_per_token", "all")
    assert found[("idle", *drift)].effect == pytest.approx(0.0, abs=1e-6)
    assert (found[("moved", *drift)].effect or 0.0) > 0.01
    utility = ("utility", "heldout_loss", "all")
    assert found[("idle", *utility)].effect == pytest.approx(0.0, abs=1e-5)
    again = measure(tasks, base=executor.at(State("base", None)))
    assert again == result


class Silent:
    """A model that offers some kinds of queries and is never asked here."""

    def __init__(self, *offered: type[Query]) -> None:
        self.offered = frozenset(offered)

    def run(self, queries: Sequence[Query], **_: Any) -> dict[Query, Answer]:
        assert not queries
        return {}


EVERYTHING = Silent(Score, Candidates, Generate, Divergence)


def test_what_a_model_does_not_offer_is_unscored_with_its_reason() -> None:
    without = {"membership": Reason(code="no_randomisation")}
    probes = tuple(probe for probe in ALL if probe.name != "identity_leak")
    task = Task(whole("adopted"), Silent(Generate), probes, without)
    result = measure([task], base=EVERYTHING)
    told = {(m.probe, m.reason.code if m.reason else "") for m in result.measurements}
    assert not any(m.scored for m in result.measurements)
    assert told == {
        ("extraction", "not_offered_logprobs"),
        ("exposure", "not_offered_logprobs"),
        ("membership", "no_randomisation"),
        ("drift", "not_offered_weights"),
        ("utility", "not_offered_logprobs"),
    }
    assert {(m.metric, m.stratum) for m in result.measurements} >= {
        ("greedy_rate", "member"),
        ("np_rate", "member"),
        ("auc", "ratio"),
    }


@pytest.mark.parametrize(("base", "asked"), [(EVERYTHING, True), (Silent(Generate), False)])
def test_what_only_one_side_offers_is_not_asked(base: Silent, asked: bool) -> None:
    task = Task(whole("a"), EVERYTHING, ALL)
    kinds = {type(query) for query in task.plan(base)}
    assert kinds == ({Score, Candidates, Generate, Divergence} if asked else {Generate, Divergence})


def test_a_query_of_several_probes_is_planned_once() -> None:
    task = Task(whole("a"), EVERYTHING, ALL)
    plan = task.plan(EVERYTHING)
    assert len(plan) == len(set(plan))
    apart = [q for probe in ALL for q in probe.plan(task.context)]
    assert len(plan) < len(apart)
    assert set(plan) == set(apart)
