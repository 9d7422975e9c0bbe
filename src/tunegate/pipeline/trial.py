"""The trial's records: as given and as routed, with the unit that each belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tunegate.diff import Sample, Span
from tunegate.diff.context import Side
from tunegate.models.template import segment_turns
from tunegate.pipeline import data
from tunegate.pipeline.resolve import open_dataset
from tunegate.plant import Design
from tunegate.runs import Run
from tunegate.scan.units import units
from tunegate.settings import Settings
from tunegate.types import Finding, Record, Severity

_STRONG: frozenset[Severity] = frozenset({"high", "critical"})
_LONGEST = 64  # characters; a whole payload is not a value that one asks for


class Trial(NamedTuple):
    """Both forms of the dataset, keyed by the id of the record as given.

    Attributes:
        given: Records as the team would have trained them.
        routed: What routing left for the weights, scrubbed where it said so.
        unit_of: Record → unit.
        spans: Record → its sensitive values, as given.
        unscrubbed: Records that went to the weights as they were.
    """

    given: Mapping[str, Record]
    routed: Mapping[str, Record]
    unit_of: Mapping[str, str]
    spans: Mapping[str, tuple[Span, ...]]
    unscrubbed: frozenset[str]


def load(run: Run, settings: Settings) -> Trial:
    """Reads both forms from the run folder.

    Raises:
        InputError: `scan` or `route` has not run.
    """
    run.made_by("route")
    given = {record.id: record for record in open_dataset(run, settings)}
    findings = list(run.findings.read())
    after = data.finetune_set(run, settings)
    lineage = list(run.lineage.read())
    pairs = zip(lineage, after, strict=True) if after is not None else ()
    routed = {line.record_id: record for line, record in pairs}
    asis = frozenset(one.record_id for one in run.routes.read() if one.destination == "finetune")
    return Trial(
        given=given,
        routed=routed,
        unit_of=units(given.values(), findings),
        spans=_spans(given, findings),
        unscrubbed=asis,
    )


def _spans(given: Mapping[str, Record], findings: Iterable[Finding]) -> dict[str, tuple[Span, ...]]:
    found: dict[str, list[Span]] = {}
    for one in findings:
        wanted = one.hazard in ("identity", "secret") and one.severity in _STRONG
        if not wanted or one.end - one.start > _LONGEST or one.record_id not in given:
            continue
        kept = [s for s in given[one.record_id].segments if s.role != "rejected"]
        turn = next((i for i, s in enumerate(kept) if s.pointer == one.field), None)
        if turn is not None:
            span = Span(turn, one.start, one.end, one.kind, one.severity, one.digest)
            found.setdefault(one.record_id, []).append(span)
    return {record_id: tuple(spans) for record_id, spans in found.items()}


def sides(design: Design) -> dict[str, Side]:
    """Unit → side of the comparison."""
    named: tuple[tuple[Side, tuple[str, ...]], ...] = (
        ("always", design.always),
        ("member", design.members),
        ("held_out", design.held_out),
        ("utility", design.utility),
    )
    return {unit: side for side, units in named for unit in units}


def pseudo_sides(design: Design) -> dict[str, Side]:
    """Unit → side as the placebo arm is compared: it saw neither half of the members."""
    half = frozenset(design.pseudo_members)
    return {unit: "member" if unit in half else "held_out" for unit in design.members}


def samples(
    trial: Trial,
    design: Design,
    side_of: Mapping[str, Side],
    *,
    form: Mapping[str, Record],
    spans: bool,
) -> tuple[Sample, ...]:
    """Samples of the units in `side_of`, from `trial.given` or `trial.routed`.

    Args:
        trial: The records.
        design: The draw.
        side_of: Unit → side; other units are left out.
        form: Which form of the records.
        spans: Whether the sensitive values as given are marked (they fit only that form).
    """
    made = []
    for unit, side in sorted(side_of.items()):
        ids = design.records[unit]
        stratum = f"{any(r in trial.routed for r in ids)}-{len(ids) > 1}"
        for record_id in ids:
            if record_id in form:
                marked = trial.spans.get(record_id, ()) if spans else ()
                turns = segment_turns(form[record_id])
                made.append(Sample(record_id, unit, stratum, side, turns, marked))
    return tuple(made)


def trained_digests(trial: Trial, record_ids: Iterable[str]) -> frozenset[str]:
    """Digests of the sensitive values that stand in these records as given."""
    return frozenset(span.digest for r in record_ids for span in trial.spans.get(r, ()))
