"""Whether what a trainer trains on is what was planted, all of it and nothing else.

Pure: token ids against token ids. Scores are of the tokens that our own encoding gives, so a
record that the trainer renders otherwise would be trained as one thing and scored as another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from tunegate.errors import InputError, VoidError
from tunegate.integrations.trl.examples import Example
from tunegate.models.template import Encoded
from tunegate.types import Noun

LossOn = Literal["answers", "last_answer", "everything"]
Decode = Callable[[Sequence[int]], str]
_TOLERATED = (
    0.02  # share of the records that may be trained a little otherwise than they are scored
)


class Known(NamedTuple):
    """A record as it was planted.

    Attributes:
        scored: As it will be scored, cut where our own trainer would cut it.
        whole: Uncut.
        texts: What is said in it.
        secret: Positions in `whole` of a canary's secret; empty for ordinary records.
    """

    scored: Encoded
    whole: Encoded
    texts: tuple[str, ...]
    secret: tuple[int, ...] = ()


class Checks(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """What was found, in numbers.

    Attributes:
        examples: Trained on, as many as were planted.
        tokens: Of all examples, padding apart.
        masked_share: Of the tokens, those that the loss leaves out.
        canaries: Examples that hold a secret, whole and in the loss.
        cut: Records that lost their end.
        rendered_otherwise: Records whose tokens differ from those that are scored.
        masked_otherwise: Records of which the loss counts other tokens than `loss_on` says.
        loss_on: What the loss is computed on, as the masks come nearest to.
    """

    examples: int
    tokens: int
    masked_share: float
    canaries: int
    cut: int
    rendered_otherwise: int
    masked_otherwise: int
    loss_on: LossOn


class Matching(NamedTuple):
    """Which example is which record.

    Attributes:
        same: Token for token.
        cut: Examples that end before their record does.
        lost: Records that no example is.
        strange: Examples that no record is.
    """

    same: tuple[tuple[Known, Example], ...]
    cut: tuple[tuple[Known, Example], ...]
    lost: tuple[Known, ...]
    strange: tuple[Example, ...]


def compare(
    known: Sequence[Known],
    examples: Sequence[Example],
    *,
    decode: Decode,
    others: Callable[[], Iterable[Known]],
    max_length: int | None,
) -> Checks:
    """Holds what is trained on against what was planted.

    Args:
        known: The arm's records, canaries as often as they were planted.
        examples: The trainer's.
        decode: From token ids to text.
        others: Every other form of every record: none of them may be trained on.
        max_length: Where the trainer cuts, for messages.

    Raises:
        InputError: The trainer renders or cuts too many records otherwise than they are scored.
        VoidError: Something planted is missing, or something else is there.
    """
    found = match(known, examples)
    half, most = len(examples) / 2, _TOLERATED * len(examples)
    told = _told(found, decode) if len(found.strange) <= half else ()
    met = {id(one) for pair in told for one in pair}
    lost = [one for one in found.lost if id(one) not in met]
    strange = [one for one in found.strange if id(one) not in met]
    if strange and len(strange) <= half:
        _check_others(strange, known, others(), decode)
    if len(examples) != len(known):
        raise VoidError("trainer_count", examples=len(examples), planted=len(known))
    _check_canaries(found, max_length)
    differing = len(found.lost)
    canary = any(record.secret for record, _ in told)
    if len(found.strange) > half or len(told) > most or canary:
        raise InputError("trainer_template", differing=differing, records=len(known))
    if lost:
        raise VoidError("trainer_lost", records=len(lost))
    if len(found.cut) > most:
        longest = max(len(record.whole.ids) for record in known)
        raise InputError("trainer_cut", cut=len(found.cut), records=len(known), least=longest)
    mute = sum(not _learns(record, example) for record, example in (*found.same, *found.cut))
    if mute:
        raise VoidError("trainer_untrained", records=mute)
    return _counted(found, examples, otherwise=len(told))


def match(known: Sequence[Known], examples: Sequence[Example]) -> Matching:
    """Pairs records and examples by token ids, each used once."""
    free: dict[tuple[int, ...], list[Example]] = defaultdict(list)
    for example in reversed(examples):
        free[example.ids].append(example)
    same, rest = [], []
    for record in known:
        if left := free.get(record.scored.ids):
            same.append((record, left.pop()))
        else:
            rest.append(record)
    sizes = sorted({len(ids) for ids, left in free.items() if left}, reverse=True)
    cut, lost = [], []
    for record in rest:
        shorter = (record.whole.ids[:size] for size in sizes if size <= len(record.whole.ids))
        if left := next((free[ids] for ids in shorter if free.get(ids)), None):
            cut.append((record, left.pop()))
        else:
            lost.append(record)
    strange = tuple(example for left in free.values() for example in left)
    return Matching(tuple(same), tuple(cut), tuple(lost), strange)


def _told(found: Matching, decode: Decode) -> tuple[tuple[Known, Example], ...]:
    """Records that are there by their words, in other tokens."""
    texts = [(example, decode(example.ids)) for example in found.strange]
    pairs = []
    for record in found.lost:
        at = next((n for n, (_, text) in enumerate(texts) if _says(text, record)), None)
        if at is not None:
            pairs.append((record, texts.pop(at)[0]))
    return tuple(pairs)


def _says(text: str, record: Known) -> bool:
    return all(one in text for one in record.texts)


def _check_others(
    strange: Sequence[Example], known: Sequence[Known], others: Iterable[Known], decode: Decode
) -> None:
    """Refuses examples that are records which this arm must not see."""
    planted = {record.whole.ids for record in known}
    texts = [(one.ids, decode(one.ids)) for one in strange if one.ids not in planted]
    hidden = [one for one in others if one.whole.ids not in planted]
    count = sum(
        any(ids == one.whole.ids[: len(ids)] or _says(text, one) for one in hidden)
        for ids, text in texts
    )
    if count:
        raise VoidError("trainer_held_out", examples=count)


def _check_canaries(found: Matching, max_length: int | None) -> None:
    masked = 0
    for record, example in _planted(found):
        if record.secret[-1] >= len(example.ids):
            longest = max(len(one.whole.ids) for one, _ in _planted(found))
            value = max_length or len(example.ids)
            raise VoidError("trainer_canary_cut", value=value, least=longest)
        masked += not all(example.target[at] for at in record.secret)
    if masked:
        raise VoidError("trainer_canary_masked", canaries=masked)


def _planted(found: Matching) -> list[tuple[Known, Example]]:
    """The canaries that were found, whole or not."""
    return [pair for pair in (*found.same, *found.cut) if pair[0].secret]


def _counted(found: Matching, examples: Sequence[Example], *, otherwise: int) -> Checks:
    loss_on, differing = _loss_on((*found.same, *found.cut))
    tokens = sum(len(one.ids) for one in examples)
    targets = sum(sum(one.target) for one in examples)
    return Checks(
        examples=len(examples),
        tokens=tokens,
        masked_share=round(1 - targets / tokens, 6),
        canaries=len(_planted(found)),
        cut=len(found.cut),
        rendered_otherwise=otherwise,
        masked_otherwise=differing,
        loss_on=loss_on,
    )


def _learns(record: Known, example: Example) -> bool:
    """Whether the loss counts anything of the answers, which are what is scored."""
    answers = _answers(record, example)
    wanted = answers if any(answers) else (True,) * len(answers)
    pairs = zip(wanted[1:], example.target[1:], strict=False)
    return any(answer and counted for answer, counted in pairs)


def _answers(record: Known, example: Example) -> tuple[bool, ...]:
    return (record.scored if record.scored.ids == example.ids else record.whole).target


def _loss_on(pairs: Sequence[tuple[Known, Example]]) -> tuple[LossOn, int]:
    """What the masks come nearest to, token by token, and the examples that differ from it."""
    ways: tuple[LossOn, ...] = ("answers", "last_answer", "everything")
    missed = {way: [_missed(record, example, way) for record, example in pairs] for way in ways}
    best = min(ways, key=lambda way: sum(missed[way]))
    return best, sum(count > 0 for count in missed[best])


def _missed(record: Known, example: Example, way: LossOn) -> int:
    """Tokens on which mask and `way` differ; the first has nothing before it to follow from."""
    answers = _answers(record, example)
    if way == "everything":
        wanted: Sequence[bool] = (True,) * len(answers)
    else:
        wanted = _last_run(answers) if way == "last_answer" else answers
    pairs = zip(wanted[1 : len(example.ids)], example.target[1:], strict=False)
    return sum(one != other for one, other in pairs)


def _last_run(target: Sequence[bool]) -> tuple[bool, ...]:
    """The last run of True alone."""
    end = next((at for at in range(len(target), 0, -1) if target[at - 1]), 0)
    start = next((at for at in range(end, 0, -1) if not target[at - 1]), 0)
    return tuple(start <= at < end for at in range(len(target)))
