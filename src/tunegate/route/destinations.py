"""Routing: the first rule of the policy that fits a record decides, unless a person did."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from tunegate.decisions import Override
from tunegate.policy import Policy, RouteRule, When
from tunegate.route.spans import covered
from tunegate.types import (
    SEVERITIES,
    Destination,
    Finding,
    Noun,
    Reason,
    Record,
    Role,
    Route,
    Severity,
)

_TARGET_ROLES: frozenset[Role] = frozenset({"assistant", "function_call", "chosen", "rejected"})
_ORDINARY = (Reason(code="route.ordinary"),)


class Ownership(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who answers for the documents and who may read them; without both nothing enters RAG.

    Attributes:
        owner: Person or team.
        labels: Permission labels that the retriever has to check.
        retention: For how long the documents are kept, as the team words it (`P1Y`, `2 years`).
    """

    owner: str
    labels: tuple[str, ...]
    retention: str = ""

    @property
    def complete(self) -> bool:
        """Whether an owner and at least one label are named."""
        return bool(self.owner.strip() and any(label.strip() for label in self.labels))


class _Case(Noun, frozen=True, kw_only=True):
    """One record with all that a rule may ask about it."""

    record: Record
    findings: Sequence[Finding]
    spread: Mapping[str, int]  # finding digest → records that hold it
    roles: Mapping[str, Role]  # pointer → role
    replies: int  # turns of the assistant
    repeats: int  # records that say what this one says, itself included


def route(
    records: Iterable[Record],
    findings: Iterable[Finding],
    policy: Policy,
    *,
    overrides: Mapping[str, Override] | None = None,
    ownership: Ownership | None = None,
) -> Iterator[Route]:
    """Gives every record exactly one destination, with the reasons.

    The reasons state facts; the first one decided, the others are the further rules that fit too.
    A record that should enter RAG goes to the human queue as long as `ownership` doesn't name an
    owner and a permission label; that holds for a person's override as well.

    Args:
        records: In dataset order.
        findings: In any order; held in memory, the records are not.
        policy: Its `route` rules are tried in order.
        overrides: Record id → what a person decided (`decisions.overrides`); wins over the rules.
        ownership: Of the RAG documents.

    Yields:
        One route a record, in the order of `records`.
    """
    by_record: dict[str, list[Finding]] = defaultdict(list)
    holders: set[tuple[str, str]] = set()
    for finding in findings:
        by_record[finding.record_id].append(finding)
        holders.add((finding.digest, finding.record_id))
    spread = Counter(digest for digest, _ in holders)
    owned = ownership is not None and ownership.complete
    for record in records:
        roles = {segment.pointer: segment.role for segment in record.segments}
        here = by_record.get(record.id, ())
        case = _Case(
            record=record,
            findings=here,
            spread=spread,
            roles=roles,
            replies=list(roles.values()).count("assistant"),
            repeats=max((_times(finding) for finding in here), default=1),
        )
        destination, reasons = _decide(case, policy.route, (overrides or {}).get(record.id))
        if destination == "rag" and not owned:
            destination, reasons = "human", (*reasons, Reason(code="route.rag_without_owner"))
        yield Route(
            record_id=record.id,
            destination=destination,
            reasons=reasons,
            finding_digests=tuple(sorted({finding.digest for finding in case.findings})),
        )


def not_cleanable(given: Route) -> Route:
    """The route of a record that still had findings after it was scrubbed."""
    reason = Reason(code="route.not_cleanable")
    return msgspec.structs.replace(given, destination="human", reasons=(reason, *given.reasons))


def _decide(
    case: _Case, rules: Sequence[RouteRule], override: Override | None
) -> tuple[Destination, tuple[Reason, ...]]:
    fitting = [
        (rule, matched) for rule in rules if (matched := _matched(case, rule.when)) is not None
    ]
    reasons = tuple(reason for rule, matched in fitting for reason in _reasons(rule, matched))
    if override is not None:
        why = Reason(code="route.override", params={"who": override.who, "why": override.why})
        return override.destination, (why, *reasons)
    return (fitting[0][0].to, reasons) if fitting else ("finetune", _ORDINARY)


def _matched(case: _Case, when: When) -> tuple[Finding, ...] | None:
    """The findings that make the rule fit (none for a rule about the record); None: no fit."""
    if case.replies < when.min_replies or (when.exact_copy and not _is_copy(case.record)):
        return None
    if not when.asks_findings:
        return ()
    matched = tuple(finding for finding in case.findings if _fits(finding, when, case))
    if not matched or len({finding.kind for finding in matched}) < when.min_kinds:
        return None
    if when.min_share and _share(case.record, matched) < when.min_share:
        return None
    return matched


def _fits(finding: Finding, when: When, case: _Case) -> bool:
    target = case.roles.get(finding.field) in _TARGET_ROLES
    return (
        (when.hazard is None or finding.hazard == when.hazard)
        and (not when.kinds or finding.kind in when.kinds)
        and (when.severity is None or _rank(finding.severity) >= _rank(when.severity))
        and finding.confidence >= when.confidence
        and (when.side is None or target == (when.side == "target"))
        and max(case.repeats, case.spread[finding.digest]) >= when.min_multiplicity
    )


def _is_copy(record: Record) -> bool:
    """Whether the occurrence in the id says that the same content came before."""
    _, dash, occurrence = record.id.rpartition("-")
    return bool(dash) and occurrence != "0"


def _times(finding: Finding) -> int:
    times = finding.reason.params.get("multiplicity", 1) if finding.hazard == "duplication" else 1
    return int(times)


def _rank(severity: Severity) -> int:
    return SEVERITIES.index(severity)


def _share(record: Record, findings: Sequence[Finding]) -> float:
    total = sum(len(segment.text) for segment in record.segments)
    spans = (span for _, merged in covered(findings) for span in merged)
    return sum(span.end - span.start for span in spans) / total if total else 0.0


def _reasons(rule: RouteRule, matched: Sequence[Finding]) -> Iterator[Reason]:
    """One reason a kind of finding, or one for the record if the rule is about the whole of it."""
    code = f"route.{rule.reason}"
    if rule.when.asks_record or not matched:
        kinds = sorted({finding.kind for finding in matched})
        yield Reason(code=code, params={"rule": rule.name, "kinds": ", ".join(kinds)})
        return
    for kind in sorted({finding.kind for finding in matched}):
        count = sum(finding.kind == kind for finding in matched)
        yield Reason(code=code, params={"rule": rule.name, "kind": kind, "count": count})
