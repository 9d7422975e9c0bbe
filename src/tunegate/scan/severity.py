"""The last pass over a record's findings: repetition raises severity.

A sequence that stands k times in the data is memorised far more than k times as readily (Lee et
al. 2022, "Deduplicating Training Data Makes Language Models Better"; Kandpal et al. 2022,
"Deduplicating Training Data Mitigates Privacy Risks in Language Models"). So from two records of
the same content on, every other finding in them goes one step up.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tunegate.types import SEVERITIES, Finding, Severity


def settle(findings: Sequence[Finding]) -> list[Finding]:
    """One record's findings with spans resolved, severity settled, in order of place.

    - A secret wins over an identity finding that it overlaps: what opens a door is not an address.
    - A duplication finding's `multiplicity` of 2 or more raises all others by one step; their own
      severity already counts how often the record stands.
    """
    repeated = any(
        finding.hazard == "duplication" and int(finding.reason.params.get("multiplicity", 0)) > 1
        for finding in findings
    )
    kept = _without_shadowed(findings)
    settled = [_raised(finding) if repeated else finding for finding in kept]
    return sorted(settled, key=lambda finding: (finding.field, finding.start, finding.end))


def _without_shadowed(findings: Sequence[Finding]) -> list[Finding]:
    secrets: dict[str, list[tuple[int, int]]] = {}
    for finding in findings:
        if finding.hazard == "secret":
            secrets.setdefault(finding.field, []).append((finding.start, finding.end))
    return [
        finding
        for finding in findings
        if finding.hazard != "identity"
        or not any(
            start < finding.end and finding.start < end
            for start, end in secrets.get(finding.field, ())
        )
    ]


def _raised(finding: Finding) -> Finding:
    if finding.hazard == "duplication":
        return finding
    return msgspec.structs.replace(finding, severity=_step_up(finding.severity))


def _step_up(severity: Severity) -> Severity:
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]
