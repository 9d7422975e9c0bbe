"""The three questions: what the team intended, confronted with what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tunegate.decisions import signed
from tunegate.intent import Intent, answers
from tunegate.types import Answer, Destination, Reason
from tunegate.verdict.case import Case
from tunegate.verdict.gates import Judged

# Who has to answer, as roles; `role.X` has the words.
_SIGN: Mapping[str, tuple[str, ...]] = {
    "q1": ("privacy_lead", "business_owner"),
    "q2": ("data_owner", "privacy_lead"),
    "q3": ("business_owner",),
}
_INTENT: Mapping[str, tuple[str, ...]] = {
    "q1": ("audiences", "settings", "unacceptable"),
    "q2": (),
    "q3": ("need", "tried"),
}
_INTO_WEIGHTS: frozenset[Destination] = frozenset({"finetune", "scrub"})
_SAID_PROBES = frozenset({"extraction", "identity_leak"})
_KEPT_PROBES = frozenset({"exposure", "membership"})


def questions(case: Case, judged: Sequence[Judged]) -> Mapping[str, Answer]:
    """Answers `q1` (can we accept it in the wrong setting), `q2` (do we know what cannot be
    withdrawn) and `q3` (must it be fine-tuning).

    `Answer.sign` names the roles that still have to sign; a ruling on target `q1`, `q2` or `q3`
    settles its question.
    """
    found = {"q1": _said(case, judged), "q2": _kept(case, judged), "q3": _needed(case, judged)}
    return {name: _answer(case, name, reasons) for name, reasons in found.items()}


def _answer(case: Case, name: str, reasons: Iterable[Reason]) -> Answer:
    ruling = signed(case.rulings, name)
    settled = (
        (Reason(code="question.signed", params={"who": ruling.who, "why": ruling.reason}),)
        if ruling
        else ()
    )
    return Answer(
        intent=_intended(case.intent, _INTENT[name]),
        findings=(*reasons, *settled),
        sign=() if ruling else _SIGN[name],
    )


def _intended(intent: Intent, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(text for name in names for text in answers(intent, name))


def _unanswered(case: Case, name: str) -> Iterator[Reason]:
    names = [asked for asked in _INTENT[name] if not answers(case.intent, asked)]
    for asked in names:
        yield Reason(code="question.not_answered", params={"intent": asked})


def _gates(judged: Iterable[Judged], probes: frozenset[str]) -> Iterator[Reason]:
    return (one.gate.reason for one in judged if one.rule.probe in probes)


def _said(case: Case, judged: Sequence[Judged]) -> Iterator[Reason]:
    """Q1: what came out, in which arm, and in which settings nobody has looked."""
    yield from _unanswered(case, "q1")
    for arm in ("as_given", case.judged):
        leaks = sum(one.verified and one.arm == arm for one in case.evidence)
        if leaks:
            yield Reason(code=f"question.q1_leaks_{arm}", params={"count": leaks})
    yield from _gates(judged, _SAID_PROBES)
    tried = {one.setting for one in case.measurements if one.arm == case.judged and one.scored}
    if tried <= {"default"}:
        yield Reason(code="question.q1_one_setting")


def _kept(case: Case, judged: Sequence[Judged]) -> Iterator[Reason]:
    """Q2: what goes into the weights for good, and how well it can be read out again."""
    weights = sum(case.destinations.get(name, 0) for name in sorted(_INTO_WEIGHTS))
    outside = sum(case.destinations.values()) - weights
    if case.destinations:
        params = {
            "weights": weights,
            "scrubbed": case.destinations.get("scrub", 0),
            "outside": outside,
        }
        yield Reason(code="question.q2_weights", params=params)
    gated = {one.rule.stratum for one in judged if one.rule.metric == "exposure_bits"}
    yield from _gates(judged, _KEPT_PROBES)
    exposure = [
        one
        for one in case.measurements
        if one.metric == "exposure_bits" and one.arm == case.sister and one.scored
    ]
    last = max((one.checkpoint for one in exposure), default=0)
    for one in exposure:
        repeats = one.stratum.partition("=")[2]
        if one.checkpoint == last and one.effect is not None and one.stratum not in gated:
            yield Reason(
                code="question.q2_exposure",
                params={"metric": one.metric, "repeats": repeats, "value": one.effect},
            )
    for hazard in case.scan.not_checked:
        yield Reason(code="question.q2_unchecked", params={"hazard": hazard})


def _needed(case: Case, judged: Sequence[Judged]) -> Iterator[Reason]:
    """Q3: the gain, what can be met outside the weights, and what was tried without them."""
    yield from _unanswered(case, "q3")
    yield from _gates(judged, frozenset({"utility"}))
    outside = sum(case.destinations.get(name, 0) for name in ("rag", "rules"))
    if outside:
        yield Reason(code="question.q3_outside", params={"count": outside})
    if not any(one.probe == "baseline" for one in case.measurements):
        yield Reason(code="question.q3_no_baseline")
