"""What stays outside the weights: documents for RAG, draft rules, the human queue.

Nothing is written here. What carries `sensitive=True` holds raw text of a record with findings
and belongs in the vault.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import yaml

from tunegate.errors import InputError
from tunegate.route.destinations import Ownership
from tunegate.types import Finding, Hazard, Noun, Reason, Record, Route, Severity, Source

_HARMLESS: frozenset[Hazard] = frozenset({"duplication", "structure"})


class Document(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """One document for retrieval; it can be changed, re-labelled and withdrawn."""

    id: str
    record_id: str
    text: str
    source: Source
    owner: str
    labels: tuple[str, ...]
    retention: str
    sensitive: bool


class RuleDraft(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """A rule to be worded by a person: when this is asked, this was answered."""

    id: str
    record_id: str
    source: Source
    when: str
    then: str
    reasons: tuple[Reason, ...]
    sensitive: bool


class Masked(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """A finding as the human queue shows it."""

    hazard: Hazard
    kind: str
    severity: Severity
    field: str
    preview: str
    digest: str


class QueueEntry(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """A record that a person has to decide on; masked, so that the queue can be passed around."""

    record_id: str
    source: Source
    characters: int
    reasons: tuple[Reason, ...]
    findings: tuple[Masked, ...]


def document(record: Record, findings: Iterable[Finding], *, ownership: Ownership) -> Document:
    """The record as one document, its segments separated by blank lines.

    Raises:
        InputError: `ownership` lacks an owner or a permission label.
    """
    if not ownership.complete:
        raise InputError("rag_needs_owner", record=record.id)
    return Document(
        id=f"doc-{record.id}",
        record_id=record.id,
        text="\n\n".join(segment.text for segment in record.segments if segment.text),
        source=record.source,
        owner=ownership.owner,
        labels=ownership.labels,
        retention=ownership.retention,
        sensitive=_sensitive(findings),
    )


def rule_draft(record: Record, given: Route, findings: Iterable[Finding]) -> RuleDraft:
    """The record as a draft rule: what was said to the assistant, and what it answered."""
    said = [s.text for s in record.segments if s.role in ("user", "observation") and s.text]
    answered = [s.text for s in record.segments if s.role in ("assistant", "chosen") and s.text]
    return RuleDraft(
        id=f"rule-{record.id}",
        record_id=record.id,
        source=record.source,
        when="\n\n".join(said),
        then="\n\n".join(answered),
        reasons=given.reasons,
        sensitive=_sensitive(findings),
    )


def rules_yaml(drafts: Iterable[RuleDraft], *, vault: bool) -> str:
    """The drafts as YAML, one entry a draft.

    Args:
        drafts: In the order to be written.
        vault: Whether the text goes into the vault. Outside it the sensitive drafts keep only
            their ids and reasons.
    """
    entries = []
    for draft in drafts:
        entry = msgspec.to_builtins(draft)
        if draft.sensitive and not vault:
            entry |= {"when": None, "then": None}
        entries.append({"status": "draft", **entry})
    return yaml.safe_dump({"rules": entries}, allow_unicode=True, sort_keys=False, width=100)


def queue_entry(record: Record, given: Route, findings: Sequence[Finding]) -> QueueEntry:
    """The record's line in the human queue: why it is there and what was found, masked."""
    return QueueEntry(
        record_id=record.id,
        source=record.source,
        characters=sum(len(segment.text) for segment in record.segments),
        reasons=given.reasons,
        findings=tuple(
            Masked(
                hazard=finding.hazard,
                kind=finding.kind,
                severity=finding.severity,
                field=finding.field,
                preview=finding.preview,
                digest=finding.digest,
            )
            for finding in findings
        ),
    )


def _sensitive(findings: Iterable[Finding]) -> bool:
    return any(finding.hazard not in _HARMLESS for finding in findings)
