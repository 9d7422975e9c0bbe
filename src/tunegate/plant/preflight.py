"""What would void an audit, caught before any time is spent on training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from tunegate.canary import Canary
from tunegate.errors import VoidError
from tunegate.models.template import Tokenizer, encode, encode_record
from tunegate.types import Reason, Recipe, Record

_UNCUT = 10**9


def check_recipe(recipe: Recipe, *, records: int) -> None:
    """Refuses settings under which the trainer would not train on what was planted.

    Args:
        recipe: As the trainer will use it.
        records: The most records that were planted in one dataset, canaries included; the bound
            is a dataset's.

    Raises:
        VoidError: Names the setting and the value that would do.
    """
    if recipe.packing:
        raise VoidError("preflight_packing")
    if recipe.val_size:
        raise VoidError("preflight_val_size", value=recipe.val_size)
    if recipe.max_samples is not None and recipe.max_samples < records:
        raise VoidError("preflight_max_samples", value=recipe.max_samples, least=records)


def check_canaries(tokenizer: Tokenizer, canaries: Iterable[Canary], recipe: Recipe) -> int:
    """Makes sure that every canary's secret is trained on, whole.

    Returns:
        The tokens of the longest canary.

    Raises:
        VoidError: `cutoff_len` would cut a secret off, or its tokens are masked out of the loss.
    """
    longest = 0
    for canary in canaries:
        place = (1, 0, len(canary.candidates[canary.secret]))
        whole = encode(tokenizer, canary.turns(), template=recipe.template)
        longest = max(longest, len(whole.ids))
        seen = encode(
            tokenizer,
            canary.turns(),
            template=recipe.template,
            mask_history=recipe.mask_history,
            train_on_prompt=recipe.train_on_prompt,
            cutoff_len=recipe.cutoff_len,
        )
        secret = seen.tokens_of(*place)
        if len(secret) < len(whole.tokens_of(*place)):
            raise VoidError("preflight_cutoff", value=recipe.cutoff_len, least=len(whole.ids))
        if not all(seen.target[i] for i in secret):
            raise VoidError("preflight_masked")
    return longest


def check_records(
    tokenizer: Tokenizer, records: Sequence[Record], recipe: Recipe
) -> tuple[dict[str, int], tuple[Reason, ...]]:
    """Tokens of every record that can be trained on, and what is lost to truncation.

    Returns:
        Record id → tokens after truncation; records without a target left are absent. And the
        notes that the report shows.
    """
    lengths: dict[str, int] = {}
    cut = lost = 0
    for record in records:
        seen = encode_record(tokenizer, record, recipe)
        if len(seen.ids) == recipe.cutoff_len:
            whole = encode_record(tokenizer, record, structs.replace(recipe, cutoff_len=_UNCUT))
            cut += len(whole.ids) > recipe.cutoff_len
        if any(seen.target[1:]):
            lengths[record.id] = len(seen.ids)
        else:
            lost += 1
    notes = []
    if cut:
        notes.append(
            Reason(code="preflight_cut", params={"records": cut, "cutoff": recipe.cutoff_len})
        )
    if lost:
        notes.append(Reason(code="preflight_no_target", params={"records": lost}))
    return lengths, tuple(notes)
