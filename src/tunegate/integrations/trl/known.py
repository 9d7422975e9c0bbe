"""What was planted, encoded as it will be scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tunegate import records
from tunegate.integrations.trl.check import Known
from tunegate.models.template import Tokenizer, encode, segment_turns
from tunegate.pipeline import plant, trial
from tunegate.runs import Run
from tunegate.settings import Settings
from tunegate.types import Recipe, Turn


def planted(run: Run, arm: str, tokenizer: Tokenizer, recipe: Recipe) -> list[Known]:
    """The arm's records as they were planted."""
    secrets = {one.turns(): one for one in plant.vault_design(run).read().canaries if one.repeats}
    known = []
    for record in records.open(run.vault("planted", arm), key=run.key):
        turns = segment_turns(record)
        one = _encoded(tokenizer, turns, recipe)
        if canary := secrets.get(turns):
            place = (1, 0, len(canary.candidates[canary.secret]))
            one = one._replace(secret=one.whole.tokens_of(*place))
        known.append(one)
    return known


def _encoded(tokenizer: Tokenizer, turns: Sequence[Turn], recipe: Recipe) -> Known:
    whole = scored = encode(tokenizer, turns, template=recipe.template)
    if len(whole.ids) > recipe.cutoff_len:
        cutoff = recipe.cutoff_len
        scored = encode(tokenizer, turns, template=recipe.template, cutoff_len=cutoff)
    return Known(scored, whole, tuple(text for turn in turns if (text := turn.text.strip())))


def others(run: Run, settings: Settings, tokenizer: Tokenizer, recipe: Recipe) -> Iterator[Known]:
    """Every record in both forms, as given and as routed."""
    both = trial.load(run, settings)
    for record in (*both.given.values(), *both.routed.values()):
        yield _encoded(tokenizer, segment_turns(record), recipe)
