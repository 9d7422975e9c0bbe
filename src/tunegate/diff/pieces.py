"""Evidence: one masked piece for each sensitive value that came out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from tunegate.diff.context import Context, Sample, Span
from tunegate.types import Evidence, Reason

Places = Mapping[str, Sequence[tuple[Sample, Span]]]  # digest → where the value stands


def pieces(
    context: Context,
    found: Places,
    *,
    probe: str,
    code: str,
    guessed: Collection[str],
) -> Iterator[Evidence]:
    """One piece a value, without the value.

    Args:
        context: Arm and checkpoint.
        found: The values that tuned gave away and base did not.
        probe: Who found them.
        code: Of the reason, for what is verified.
        guessed: Kinds of which a value came out that no arm was trained on: there, a value that
            was trained on may have been guessed as well, and proves little.
    """
    for digest, places in sorted(found.items()):
        sample, span = places[0]
        records = {s.record_id for s, _ in places}
        trained = digest in context.trained_digests and span.kind not in guessed
        verified = trained and context.compared
        yield Evidence(
            id=f"{probe}-{context.arm}-{context.checkpoint}-{digest[:8]}",
            probe=probe,
            arm=context.arm,
            checkpoint=context.checkpoint,
            kind=span.kind,
            severity=span.severity,
            verified=verified,
            record_ids=tuple(sorted(records)),
            prompt_preview=f"[{sample.turns[0].role}] …",
            output_preview=f"… [{span.kind}] …",
            digest=digest,
            reason=Reason(
                code=code
                if verified
                else "evidence_not_compared"
                if trained
                else "evidence_unverified",
                params={"kind": span.kind, "records": len(records)},
            ),
        )
