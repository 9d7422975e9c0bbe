"""Each record's one destination, and what becomes of the records that stay outside the weights."""

from __future__ import annotations

from tunegate.route.destinations import Ownership, not_cleanable, route
from tunegate.route.outside import (
    Document,
    QueueEntry,
    RuleDraft,
    document,
    queue_entry,
    rule_draft,
    rules_yaml,
)
from tunegate.route.scrub import edits, scrub

__all__ = [
    "Document",
    "Ownership",
    "QueueEntry",
    "RuleDraft",
    "document",
    "edits",
    "not_cleanable",
    "queue_entry",
    "route",
    "rule_draft",
    "rules_yaml",
    "scrub",
]
