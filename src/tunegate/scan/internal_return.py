"""Internal returns: what a company's systems answered, pasted or quoted into a training record.

A payload is found by its structure and judged by evidence: classes of field names (operators,
risk marks, trace ids …), internal hosts and addresses inside it, its size, and the role in which
it stands. A recipe as JSON has the structure and none of the evidence, and stays silent.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from tunegate.keys import Key
from tunegate.scan.detector import finding
from tunegate.scan.engine import Candidate, Engine, Match, Validator
from tunegate.scan.payloads import (
    Span,
    blocks,
    column_names,
    field_lists,
    field_names,
    json_spans,
    table_spans,
    whole_trace,
    xml_spans,
)
from tunegate.scan.rules import load_rules, load_words
from tunegate.types import Finding, Hazard, Reason, Record, Role, Segment, Severity

# Kinds of marked lines, and how many unmarked lines may stand between two of one block
_LINE_KINDS = {"log_line": 1, "stack_trace": 4, "http_exchange": 1, "sql_rows": 0}
_WEIGHT = {
    "operator": 2, "risk": 2, "internal": 2, "trace": 2, "internal_host": 2, "private_address": 2,
    "envelope": 2, "system_role": 4, "id": 1, "time": 1, "state": 1, "person": 1, "money": 1,
    "compound_names": 1, "many_fields": 1,
    "function_call": -1, "schema": -3, "program": -4, "example_values": -2,
}  # fmt: skip
# What the form alone is worth: a log line says by itself that a system wrote it.
_FORM = {"log_line": 4, "stack_trace": 4, "http_exchange": 4, "sql_rows": 1}
_REPORTED, _MEDIUM, _HIGH = 3, 4, 6
_FIELD_LIST_REPORTED = 5  # prose lists facts as `name: value` too
_DATA_KINDS = ("json_payload", "key_value_payload")
_SPACE = re.compile(r"\s*")
_PROGRAM = re.compile(r";[ \t]*\n|=>|\bfunction\b|\breturn\b|\bconst ")
_TIME_VALUE = re.compile(r"20\d\d-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d")
_EXAMPLE = re.compile(
    r"\bexample\.(?:com|org|net)\b|\bJ(?:ohn|ane) ?Doe\b|\blorem ipsum\b|\bfoobar\b", re.IGNORECASE
)
_SCHEMA = frozenset({"type", "properties", "required", "parameters", "description", "schema"})
_CODE_LABEL = re.compile(
    r"com|org|net|io|java|javax|sun|jdk|self|this|cls|module|window|env|config|settings|threading"
    r"|app|document|package|scope|node|"
)


class Payload(NamedTuple):
    """A candidate: where it stands and what it looks like."""

    span: Span
    kind: str


class InternalReturnDetector:
    """Payloads, logs, traces, hosts and ids of internal systems, in any segment and role."""

    name = "internal_return"
    hazards: tuple[Hazard, ...] = ("internal_return",)

    def __init__(self, key: Key) -> None:
        self._key = key
        self._engine = Engine(load_rules("internal"), VALIDATORS)
        self._classes = _name_classes()

    def observe(self, record: Record) -> None:
        """Nothing: each record is judged by itself."""

    def merge(self, a: None, b: None) -> None:
        """Nothing to merge."""

    def judge(self, record: Record, summary: None) -> Iterator[Finding]:  # noqa: ARG002
        """Yields payloads first, then single hosts, addresses and ids outside of them."""
        for segment in record.segments:
            matches = self._engine.find(segment.text)
            starts = [match.start for match in matches]
            reported: list[Span] = []
            for payload in _outermost(_payloads(segment, matches)):
                first, last = (bisect_left(starts, edge) for edge in payload.span)
                inside = {match.rule.kind for match in matches[first:last]}
                result = self._judge(record, segment, payload, inside)
                if result is not None:
                    reported.append(payload.span)
                    yield result
            yield from self._singles(record, segment, matches, reported)

    def _judge(
        self, record: Record, segment: Segment, payload: Payload, inside: set[str]
    ) -> Finding | None:
        span = payload.span
        text = segment.text[span.start : span.end]
        names = _names(payload.kind, text)
        classes = self._evidence(names, text) | (inside & {"internal_host", "private_address"})
        if "trace_id" in inside:
            classes.add("trace")
        if payload.kind in _DATA_KINDS and _PROGRAM.search(text):
            classes.add("program")
        classes |= _of_role(segment.role)
        score = _FORM.get(payload.kind, 0) + sum(_WEIGHT[name] for name in classes)
        least = _FIELD_LIST_REPORTED if payload.kind == "key_value_payload" else _REPORTED
        if score < least:
            return None
        evidence = sorted(name for name in classes if _WEIGHT[name] > 0)
        return finding(
            record,
            segment,
            span.start,
            span.end,
            key=self._key,
            hazard="internal_return",
            kind=payload.kind,
            confidence=min(0.98, 0.45 + 0.08 * score),
            severity=_severity(score),
            reason=Reason(
                code="internal_return.payload",
                params={
                    "evidence": ", ".join(evidence),
                    "classes": len(evidence),
                    "fields": len(names),
                    "score": score,
                },
            ),
        )

    def _evidence(self, names: set[str], text: str) -> set[str]:
        found = {
            label
            for label, words in self._classes.items()
            if any(words.search(name) for name in names)
        }
        head, body = "envelope_head" in found, "envelope_body" in found
        found -= {"envelope_head", "envelope_body"}
        if head and body:
            found.add("envelope")
        if _TIME_VALUE.search(text):
            found.add("time")
        if sum(" " in name for name in names) >= 3:
            found.add("compound_names")
        if len(names) >= 8:
            found.add("many_fields")
        if len(names & _SCHEMA) >= 3:
            found.add("schema")
        if _EXAMPLE.search(text):
            found.add("example_values")
        return found

    def _singles(
        self, record: Record, segment: Segment, matches: list[Match], reported: list[Span]
    ) -> Iterator[Finding]:
        spans = iter(sorted(reported))
        span = next(spans, None)
        for match in matches:
            while span is not None and span.end <= match.start:
                span = next(spans, None)
            if match.rule.kind in _LINE_KINDS or (span is not None and span.start <= match.start):
                continue
            yield finding(
                record,
                segment,
                match.start,
                match.end,
                key=self._key,
                hazard="internal_return",
                kind=match.rule.kind,
                confidence=match.confidence,
                severity=match.rule.severity,
                reason=Reason(
                    code=f"internal_return.{match.rule.kind}", params={"rule": match.rule.id}
                ),
            )


def _payloads(segment: Segment, matches: list[Match]) -> Iterator[Payload]:
    """Candidates of every form. A tool's own description (`tools`) is no return."""
    text = segment.text
    tables = table_spans(text)
    structures = dict(json_spans(text))
    structures.update(xml_spans(text))
    for kind, gap in _LINE_KINDS.items():
        marked = [m.start for m in matches if m.rule.kind == kind and m.rule.id != "http_header"]
        if kind == "http_exchange" and marked:
            marked.extend(m.start + 1 for m in matches if m.rule.id == "http_header")
        for span, count in blocks(text, sorted(marked), gap=gap):
            if kind == "log_line":
                yield Payload(span, kind)
            elif kind == "stack_trace":
                whole = whole_trace(text, span)
                # One marked line alone may be a line of prose.
                if count > 1 or whole.start < span.start or whole.end > span.end:
                    yield Payload(whole, kind)
            elif kind == "http_exchange":
                body = _SPACE.match(text, span.end)
                end = structures.get(body.end(), span.end) if body else span.end
                yield Payload(Span(span.start, end), kind)
            elif kind == "sql_rows":
                yield Payload(_with_table(text, span, tables), kind)
    if segment.role == "tools":
        return
    for span in tables:
        yield Payload(span, "table_payload")
    for start, end in structures.items():
        kind = "xml_payload" if text[start] == "<" else "json_payload"
        yield Payload(Span(start, end), kind)
    for span in field_lists(text):
        yield Payload(span, "key_value_payload")


def _with_table(text: str, marker: Span, tables: list[Span]) -> Span:
    """A row count's line and the table that it counts."""
    place = bisect_left(tables, marker) - 1
    if place >= 0 and not text[tables[place].end : marker.start].strip():
        return Span(tables[place].start, marker.end)
    return marker


def _names(kind: str, text: str) -> set[str]:
    if kind == "stack_trace":
        return set()  # `refund.go:88` is a place, not a field
    return column_names(text) if kind in ("table_payload", "sql_rows") else field_names(text)


def _outermost(payloads: Iterable[Payload]) -> list[Payload]:
    """Drops what stands inside or across another; a field list gives way to every other form."""
    kept: list[Payload] = []
    ordered = sorted(payloads, key=lambda p: (p.span.start, -p.span.end))
    for payload in ordered:
        if not kept or payload.span.start >= kept[-1].span.end:
            kept.append(payload)
        elif kept[-1].kind == "key_value_payload" and payload.kind != "key_value_payload":
            kept[-1] = payload
        elif _follows(kept[-1], payload):
            rest = Span(kept[-1].span.end + 1, payload.span.end)
            kept.append(Payload(rest, payload.kind))
    return kept


def _follows(log: Payload, trace: Payload) -> bool:
    """A stack trace that begins in a log line: its other lines are its own."""
    return (
        log.kind == "log_line" and trace.kind == "stack_trace" and trace.span.end > log.span.end + 1
    )


def _of_role(role: Role) -> set[str]:
    if role == "observation":
        return {"system_role"}
    return {"function_call"} if role == "function_call" else set()


def _severity(score: int) -> Severity:
    if score >= _HIGH:
        return "high"
    return "medium" if score >= _MEDIUM else "low"


def _name_classes() -> dict[str, re.Pattern[str]]:
    """One pattern a class of evidence: an entry stands in a field name as whole words."""
    return {
        label: re.compile(
            "|".join(
                rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word)
                for word in sorted(words)
            )
        )
        for label, words in load_words("internal_names").items()
    }


def _internal_host(candidate: Candidate) -> float:
    """A host name, not a program's attribute: more labels, a port, an address, or a context."""
    host = candidate.value.partition(":")[0].lower()
    labels = host.split(".")
    before = candidate.text[max(0, candidate.start - 3) : candidate.start]
    if _CODE_LABEL.fullmatch(labels[0]) or before.endswith((".", "_", "$")):
        return 0.0
    called = candidate.text[candidate.end : candidate.end + 1] in ("(", "=", "_")
    clear = host != candidate.value.lower() or before.endswith(("://", "@")) or len(labels) > 2
    return candidate.confidence if not called and (clear or candidate.context) else 0.0


def _private_address(candidate: Candidate) -> float:
    octets = candidate.value.partition(":")[0].split(".")
    beside = candidate.text[candidate.end : candidate.end + 2]
    before = candidate.text[max(0, candidate.start - 2) : candidate.start]
    if any(int(octet) > 255 for octet in octets) or re.match(r"\.\d", beside):
        return 0.0
    if re.search(r"\d\.$", before):
        return 0.0
    # The addresses of every home router and of every tutorial
    usual = octets[:2] == ["192", "168"] and octets[2] in ("0", "1")
    return 0.5 if usual else candidate.confidence


def _has_digit(candidate: Candidate) -> float:
    return candidate.confidence if any(c.isdigit() for c in candidate.value) else 0.0


VALIDATORS: Mapping[str, Validator] = {
    "internal_host": _internal_host,
    "private_address": _private_address,
    "has_digit": _has_digit,
}
