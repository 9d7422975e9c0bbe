"""Duplication: records that say the same thing again, and how often.

Repeats drive memorisation (Lee et al. 2022, "Deduplicating Training Data Makes Language Models
Better"; Carlini et al. 2023, "Quantifying Memorization Across Neural Language Models"), so the
multiplicity of a record raises the severity of what it holds.

Exact duplicates share a digest of their normalised body. Near duplicates are found by MinHash
(Broder 1997, "On the resemblance and containment of documents") with banded locality-sensitive
hashing, and every candidate pair is verified by the Jaccard similarity of its shingles. A shingle
is six bytes of UTF-8: six Latin letters or two Han characters, so one measure serves both.

Two choices decide what counts as the same body:

- `system` and `tools` segments are left out. A long prompt that all records share would make
  everything a duplicate of everything.
- Two records that both carry identifier-like values (long numbers, e-mail addresses) and share
  none of them are different content in the same form: each value stands once, so it is not
  memorised more, and linking all records of one template would leave nothing to randomise.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt
import rensa

from tunegate.keys import Key
from tunegate.scan.detector import finding
from tunegate.types import Finding, Hazard, Noun, Reason, Record, Severity

SIMILARITY = 0.8
MIN_SHINGLES = 32  # below this, a pair of short answers is alike by chance
_WIDTH = 6  # bytes in a shingle
_SKETCH = 1024  # smallest shingle hashes kept; a body with fewer is kept whole
_BANDS, _ROWS = 24, 5  # candidates: P(J=.8) = .9999, P(J=.5) = .53, P(J=.3) = .06
_SEED = 20  # of the permutations; fixed, so that groups are the same on every machine
_LEADERS = 32  # comparisons a record may cost in one bucket: a flood of look-alikes stays linear
_BATCH = 4096  # bodies signed at a time
_CHUNK = 1 << 16  # bytes shingled at a time: bounded memory on a 50 MB record

_Hashes = npt.NDArray[np.uint32]
_VALUE = re.compile(
    r"(?<![\d-])(?!(?:19|20)\d\d-\d\d?-\d\d?(?!\d))\d(?:[ -]?\d){5,}"  # long numbers, not dates
    r"|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}\.\w",
    re.ASCII,
)
_SEPARATORS = str.maketrans("", "", " -")


class Sketch(Noun, frozen=True):
    """What is kept of one body: no text, only hashes."""

    shingles: _Hashes
    values: frozenset[int]


class Group(Noun, frozen=True):
    """Records that repeat one another; `id` is the smallest body digest among them."""

    id: bytes
    multiplicity: int


class Bodies:
    """The summary: which record has which body, and each distinct body's sketch."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}
        self.sketches: dict[bytes, Sketch] = {}

    @cached_property
    def copies(self) -> Counter[bytes]:
        """How many records have exactly this body."""
        return Counter(self.records.values())

    @cached_property
    def groups(self) -> dict[bytes, Group]:
        """Each body's group, near duplicates joined."""
        parent = {body: body for body in sorted(self.sketches)}
        for one, other in _similar_pairs(self.sketches):
            low, high = sorted((_root(parent, one), _root(parent, other)))
            parent[high] = low
        total: Counter[bytes] = Counter()
        for body, count in self.copies.items():
            total[_root(parent, body)] += count
        return {body: Group(root, total[root]) for body in parent for root in [_root(parent, body)]}


class DuplicationDetector:
    """Exact and near duplicates; one finding a record, with one digest a group."""

    name = "duplication"
    hazards: tuple[Hazard, ...] = ("duplication",)

    def __init__(self, key: Key) -> None:
        self._key = key

    def observe(self, record: Record) -> Bodies | None:
        """Sketches one record's body; None for a record without text."""
        text = _body(record)
        if not text:
            return None
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
        bodies = Bodies()
        bodies.records[record.id] = digest
        bodies.sketches[digest] = Sketch(_shingles(text), _values(text))
        return bodies

    def merge(self, one: Bodies, other: Bodies) -> Bodies:
        """Union of two summaries. The larger argument is extended and returned."""
        large, small = (one, other) if len(one.records) >= len(other.records) else (other, one)
        large.records.update(small.records)
        large.sketches.update(small.sketches)
        vars(large).pop("copies", None)
        vars(large).pop("groups", None)
        return large

    def judge(self, record: Record, summary: Bodies | None) -> Iterator[Finding]:
        """Yields one finding when the record's body stands more than once."""
        times = multiplicity(record, summary)
        if summary is None or times < 2:
            return
        body = summary.records[record.id]
        copies = summary.copies[body]
        kind = "exact_duplicate" if copies > 1 else "near_duplicate"
        first = record.segments[0]
        yield finding(
            record,
            first,
            0,
            len(first.text),
            key=self._key,
            hazard="duplication",
            kind=kind,
            confidence=1.0 if copies > 1 else 0.9,
            severity=severity(times),
            reason=Reason(
                code=f"duplication.{kind}", params={"multiplicity": times, "copies": copies}
            ),
            normal=summary.groups[body].id.hex(),
        )


def multiplicity(record: Record, summary: Bodies | None) -> int:
    """How many records of the dataset say what this one says, itself included."""
    if summary is None or record.id not in summary.records:
        return 1
    return summary.groups[summary.records[record.id]].multiplicity


def severity(times: int) -> Severity:
    """2–3 repeats are low, 4–7 medium, 8 and more high.

    In small LoRA runs a secret repeated 16 times is recited after about three epochs, one
    repeated 4 times after about six, one that stands once only after nine.
    """
    if times >= 8:
        return "high"
    return "medium" if times >= 4 else "low"


def _body(record: Record) -> str:
    spoken = [s.text for s in record.segments if s.role not in ("system", "tools")]
    return " ".join(" ".join(spoken).lower().split())


def _values(text: str) -> frozenset[int]:
    found = (match[0].translate(_SEPARATORS) for match in _VALUE.finditer(text))
    return frozenset(
        int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest()) for value in found
    )


def _shingles(text: str) -> _Hashes:
    data = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
    kept = np.empty(0, dtype=np.uint32)
    for start in range(0, max(data.size - _WIDTH + 1, 0), _CHUNK):
        chunk = data[start : start + _CHUNK + _WIDTH - 1].astype(np.uint64)
        count = chunk.size - _WIDTH + 1
        windows = np.zeros(count, dtype=np.uint64)
        for offset in range(_WIDTH):
            windows = (windows << np.uint64(8)) | chunk[offset : offset + count]
        hashes = (_mix(windows) >> np.uint64(32)).astype(np.uint32)
        if kept.size == _SKETCH:
            hashes = hashes[hashes < kept[-1]]
        kept = np.union1d(kept, hashes)[:_SKETCH]
    return kept


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Steele, Lea and Flood's SplitMix64 finaliser (2014): a bijection that spreads all bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _similar_pairs(sketches: dict[bytes, Sketch]) -> Iterator[tuple[bytes, bytes]]:
    bodies = [b for b in sorted(sketches) if sketches[b].shingles.size >= MIN_SHINGLES]
    tried: set[tuple[bytes, bytes]] = set()
    for bucket in _buckets(bodies, sketches):
        leaders: list[bytes] = []
        for body in bucket:
            for leader in leaders:
                pair = (leader, body)
                if pair not in tried:
                    tried.add(pair)
                    if _alike(sketches[leader], sketches[body]):
                        yield pair
                        break
            else:
                if len(leaders) < _LEADERS:
                    leaders.append(body)


def _buckets(bodies: list[bytes], sketches: dict[bytes, Sketch]) -> Iterator[list[bytes]]:
    if len(bodies) < 2:
        return
    signatures = _signatures([sketches[body].shingles for body in bodies])
    for band in range(_BANDS):
        buckets: dict[bytes, list[bytes]] = defaultdict(list)
        part = np.ascontiguousarray(signatures[:, band * _ROWS : (band + 1) * _ROWS])
        for body, row in zip(bodies, part, strict=True):
            buckets[row.tobytes()].append(body)
        yield from (bucket for bucket in buckets.values() if len(bucket) > 1)


def _signatures(sets: list[_Hashes]) -> npt.NDArray[np.uint32]:
    """MinHash signatures, one row of `_BANDS * _ROWS` a set."""
    parts = []
    for start in range(0, len(sets), _BATCH):
        batch = sets[start : start + _BATCH]
        tokens = _mix(np.concatenate(batch).astype(np.uint64))
        ends = np.cumsum([0, *(hashes.size for hashes in batch)], dtype=np.uint64)
        matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(
            tokens, ends, _BANDS * _ROWS, _SEED
        )
        parts.append(np.array(matrix.to_rows(), dtype=np.uint32))
    return np.concatenate(parts)


def _alike(one: Sketch, other: Sketch) -> bool:
    if one.values and other.values and one.values.isdisjoint(other.values):
        return False
    return jaccard(one.shingles, other.shingles) >= SIMILARITY


def jaccard(one: _Hashes, other: _Hashes) -> float:
    """Jaccard similarity of two shingle sets, given as sorted distinct hashes.

    Exact while both sets are whole; a set cut to its smallest hashes is estimated from the
    smallest hashes of the union (Broder 1997), with a standard error of at most .016.
    """
    union = np.union1d(one, other)
    if _SKETCH in (one.size, other.size):
        union = union[:_SKETCH]
    both = np.intersect1d(one, other, assume_unique=True)
    return float(np.count_nonzero(both <= union[-1]) / union.size)


def _root(parent: dict[bytes, bytes], body: bytes) -> bytes:
    while parent[body] != body:
        parent[body] = parent[parent[body]]
        body = parent[body]
    return body
