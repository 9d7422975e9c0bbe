"""Gates: one tolerance against one measured interval, and what the controls make of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from tunegate.policy import GateRule
from tunegate.types import Gate, Measurement, Noun, Outcome, Reason
from tunegate.verdict.case import LEAK_PROBES, Control, sister
from tunegate.verdict.needed import scaled_units, units_to_show

# Metrics with sentences of their own; others are spoken of by their names.
SPOKEN = frozenset(
    {
        "extraction.greedy_rate",
        "extraction.greedy_rate.heldout",
        "extraction.np_rate",
        "exposure.exposure_bits",
        "exposure.top_rank_rate",
        "membership.auc",
        "membership.tpr_at_1pct_fpr",
        "identity_leak.leak_rate",
        "drift.kl_per_token",
        "utility.heldout_loss",
    }
)


class Judged(Noun, frozen=True, kw_only=True):
    """A gate with the rule and the measurement behind it."""

    rule: GateRule
    gate: Gate
    measurement: Measurement | None

    @property
    def needed(self) -> int | None:
        """Units at which what was seen would pass; None if it would not, or nothing was seen."""
        one, tolerance = self.measurement, self.gate.tolerance
        if one is None or self.gate.value is None or self.gate.interval is None:
            return None
        if is_rate(self.rule.metric):
            needed = units_to_show(tolerance, rate=max(self.gate.value, 0.0), level=one.level)
            if needed is None or needed > one.n:
                return needed  # else a paired difference, wider than the binomial interval
        upper = self.gate.interval[1]
        return scaled_units(tolerance, value=self.gate.value, upper=upper, units=one.n)


def is_rate(metric: str) -> bool:
    """Whether the metric is a share of units, with a binomial bound."""
    return metric.endswith("_rate") or metric.startswith("tpr_")


def judge_all(
    rules: Iterable[GateRule],
    measurements: Sequence[Measurement],
    controls: Mapping[str, Control],
    *,
    arm: str,
) -> tuple[Judged, ...]:
    """Judges `arm` by every rule, in the policy's order."""
    return tuple(
        _judge(rule, _measured(rule, measurements, arm), controls.get(rule.probe, Control()))
        for rule in rules
    )


def _measured(rule: GateRule, measurements: Sequence[Measurement], arm: str) -> Measurement | None:
    """The measurement of the arm's last checkpoint; of several settings the worst bound's.

    An earlier checkpoint doesn't speak for the model that was trained on.
    """
    source = sister(arm) if rule.probe == "exposure" else arm
    of_arm = [one for one in measurements if one.arm == source]
    last = max((one.checkpoint for one in of_arm), default=0)
    wanted = (rule.probe, rule.metric, rule.stratum, last)
    fitting = [
        one for one in of_arm if (one.probe, one.metric, one.stratum, one.checkpoint) == wanted
    ]
    return max(fitting, key=_badness, default=None)


def _badness(one: Measurement) -> tuple[bool, float]:
    """What was not measured is worse than any bound: it must not hide behind another setting."""
    interval = _interval(one)
    return interval is None, interval[1] if interval else 0.0


def _interval(one: Measurement) -> tuple[float, float] | None:
    if not one.scored or one.interval is None or not all(map(math.isfinite, one.interval)):
        return None
    return float(one.interval[0]), float(one.interval[1])


def compare(interval: tuple[float, float], tolerance: float) -> Outcome:
    """Pass if the upper bound is within the tolerance, fail if the lower one is beyond it."""
    lower, upper = interval
    if upper <= tolerance:
        return "pass"
    return "fail" if lower > tolerance else "inconclusive"


def _judge(rule: GateRule, one: Measurement | None, control: Control) -> Judged:
    tolerance = rule.tolerance.tau
    interval = _interval(one) if one else None
    value = None if one is None else one.effect if one.effect is not None else one.tuned
    outcome: Outcome = "unscored" if interval is None else compare(interval, tolerance)
    code = _code(rule, outcome)
    if interval is None:
        code = "gate.not_measured" if one is None else "gate.unscored"
    elif outcome == "pass" and rule.probe in LEAK_PROBES and control.positive != "caught":
        outcome, code = "inconclusive", f"gate.control_{control.positive}"
    elif outcome == "fail" and control.null == "flagged":
        outcome, code = "unscored", "gate.null_flagged"
    params: dict[str, str | int | float] = {
        "probe": rule.probe,
        "metric": rule.metric,
        "stratum": rule.stratum,
        "tolerance": tolerance,
    }
    if one is not None:
        params["n"] = one.n
    if interval is not None:
        params |= {"lower": interval[0], "upper": interval[1]}
    if value is not None:
        params["value"] = float(value)
    reason = Reason(code=code, params=params)
    if code == "gate.unscored" and one is not None and one.reason is not None:
        reason = Reason(code=one.reason.code, params={**params, **one.reason.params})
    gate = Gate(
        probe=rule.probe,
        metric=rule.metric,
        tolerance=tolerance,
        interval=interval,
        value=value,
        outcome=outcome,
        required=rule.required,
        reason=reason,
    )
    return Judged(rule=rule, gate=gate, measurement=one)


def _code(rule: GateRule, outcome: Outcome) -> str:
    name = f"{rule.probe}.{rule.metric}"
    for spoken in (f"{name}.{rule.stratum}", name):
        if spoken in SPOKEN:
            return f"gate.{spoken}.{outcome}"
    return f"gate.other.{outcome}"
