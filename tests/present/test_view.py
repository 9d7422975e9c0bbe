from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.present.sample import prefixes, sample

from tunegate.present import view
from tunegate.present.metrics import null_value
from tunegate.present.view import Report
from tunegate.types import Gate, Measurement, Reason, Route

REPORT = sample(hostile=False)


def _measured(metric: str, arm: str, stratum: str = "all", checkpoint: int = 1) -> Measurement:
    return Measurement(
        probe="p", metric=metric, arm=arm, stratum=stratum, checkpoint=checkpoint, effect=0.5
    )


def test_the_next_stage_follows_the_last_one_done() -> None:
    assert view.next_stage(Report()) == "intent"
    named = {name: view.next_stage(report) for name, report in prefixes().items()}
    assert named["scan"] == "route"
    assert named["diff"] == "verdict"
    assert named["verdict"] is None


def test_final_keeps_the_last_checkpoint_of_each_measurement() -> None:
    last = view.final(REPORT.measurements)
    assert {one.checkpoint for one in last if one.metric == "leak_rate"} == {3}
    keys = [(m.arm, m.metric, m.stratum, m.setting) for m in last]
    assert len(keys) == len(set(keys))


def test_the_headline_prefers_members_the_primary_attack_and_the_most_repeats() -> None:
    measured = [
        _measured("auc", "routed", "loss"),
        _measured("auc", "routed", "ratio"),
        _measured("greedy_rate", "routed", "heldout"),
        _measured("greedy_rate", "routed", "member"),
        _measured("exposure_bits", "routed", "repeats=4"),
        _measured("exposure_bits", "routed", "repeats=16"),
    ]
    found = {
        name: view.headline(measured, metric=name, arm="routed")
        for name in ("auc", "greedy_rate", "exposure_bits", "leak_rate")
    }
    assert [one.stratum if one else None for one in found.values()] == [
        "ratio",
        "member",
        "repeats=16",
        None,
    ]


def test_the_ledger_leaves_controls_out_and_sorts_by_side() -> None:
    assert view.ledger_arms(REPORT) == ("as_given", "routed", "canaried")
    rows = view.ledger(REPORT)
    sides = [row.side for row in rows]
    assert sides == sorted(sides, key=["used", "gained", "borne"].index)
    assert [row.name for row in rows if row.side == "gained"] == ["heldout_loss"]
    assert "twin_exposure_bits" not in {row.name for row in rows}
    assert {len(row.cells) for row in rows} == {3}
    assert view.ledger(Report()) == ()


def test_what_routing_bought_holds_every_metric_that_both_arms_measured() -> None:
    rows = view.bought(REPORT)
    given = {(m.metric, m.stratum) for m in view.final(REPORT.measurements) if m.arm == "as_given"}
    routed = {
        (m.metric, m.stratum)
        for m in view.final(REPORT.measurements)
        if m.arm == "routed" and m.scored
    }
    assert {(row.given.metric, row.given.stratum) for row in rows} == given & routed
    assert all(row.better for row in rows)
    worse = msgspec.structs.replace(
        REPORT,
        measurements=(
            msgspec.structs.replace(_measured("leak_rate", "as_given"), effect=0.1),
            msgspec.structs.replace(_measured("leak_rate", "routed"), effect=0.3),
        ),
    )
    assert [row.better for row in view.bought(worse)] == [False]


def test_what_is_kept_counts_each_record_once_and_all_of_them() -> None:
    for row in view.kept(REPORT.findings, REPORT.routes):
        assert row.weights is not None
        assert row.scrubbed is not None
        assert row.outside is not None
        assert row.weights + row.scrubbed + row.outside == row.given
    kinds = {row.kind: row for row in view.kept(REPORT.findings)}
    ids = {one.record_id for one in REPORT.findings if one.kind == "email"}
    assert kinds["email"].given == len(ids)
    assert kinds["email"].weights is None


def test_the_gravest_come_first() -> None:
    shown = view.worst_findings(REPORT.findings, most=30)
    ranks = [view.rank(one.severity) for one in shown]
    assert ranks == sorted(ranks, reverse=True)
    assert len(shown) == 30
    evidence = view.worst_evidence(REPORT, most=9)
    assert [one.verified for one in evidence] == sorted(
        (one.verified for one in evidence), reverse=True
    )
    assert view.verified_by_arm(REPORT) == {"as_given": 4}


def test_route_reasons_add_up_to_the_records() -> None:
    assert sum(row.count for row in view.route_reasons(REPORT.routes)) == len(REPORT.routes)
    many = [
        Route(record_id=str(n), destination="rag", reasons=(Reason(code="x", params={"n": n}),))
        for n in range(50)
    ]
    assert len(view.route_reasons(many, most=5)) == 5


@given(
    st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(lambda pair: tuple(sorted(pair))),
    st.none() | st.floats(-1, 1),
    st.floats(-1, 1),
)
def test_a_bar_stays_within_its_frame_and_keeps_the_order(
    interval: tuple[float, float], value: float | None, tolerance: float
) -> None:
    gate = Gate(
        probe="p",
        metric="leak_rate",
        tolerance=tolerance,
        interval=interval,
        value=value,
        outcome="pass",
        required=True,
        reason=Reason(code="x"),
    )
    bar = view.gate_bar(gate)
    placed = [at for at in (bar.low, bar.high, bar.value, bar.mark) if at is not None]
    assert all(0 <= at <= 100 for at in placed)
    assert bar.low is not None and bar.high is not None and bar.mark is not None
    assert bar.low <= bar.high
    if tolerance > interval[1]:
        assert bar.mark >= bar.high


def test_controls_say_what_they_must_look_like() -> None:
    rows = {row.measurement.arm: row for row in view.controls(REPORT)}
    assert {arm: row.expectation for arm, row in rows.items()} == {
        "placebo": "null",
        "control": "positive",
        "canaried": "twins",
    }
    assert rows["placebo"].null == 0.5


def test_the_null_of_exposure_is_the_mean_over_uniform_ranks() -> None:
    one = msgspec.structs.replace(_measured("exposure_bits", "canaried"), params={"candidates": 4})
    # Ranks 1, 2, 3, 4 give 2, 1, log2(4/3), 0 bits.
    assert null_value(one) == pytest.approx((2 + 1 + 0.4150375 + 0) / 4)
    top = msgspec.structs.replace(
        _measured("top_rank_rate", "canaried"), params={"candidates": 256}
    )
    assert null_value(top) == pytest.approx(1 / 256)
    assert null_value(_measured("exposure_bits", "canaried")) is None
