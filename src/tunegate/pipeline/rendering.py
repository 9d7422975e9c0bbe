"""How the trainer renders conversations: its own template, and which records it reads otherwise."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import structs

from tunegate import records
from tunegate.canary import make
from tunegate.errors import InputError
from tunegate.files import STAGING, Document
from tunegate.models.loading import load_tokenizer
from tunegate.models.template import Encoded, Tokenizer, encode, encode_record
from tunegate.pipeline import trial as trials
from tunegate.pipeline.resolve import Progress, model_folder
from tunegate.pipeline.theirs import effective, their_keys
from tunegate.plant import folder as planted_folder
from tunegate.runs import Run, StageStats, settings_hash
from tunegate.settings import Settings
from tunegate.tune import encoding, llamafactory
from tunegate.types import Noun, Reason, Recipe, Record, Turn

Form = tuple[str, Record]  # a record as given or as routed, under its id as given
OUTPUTS = ("plant/rendering.json",)
_KNOWN = "chatml"  # rendered here and there by the same words


class Rendering(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """What LLaMA-Factory said of its rendering.

    Attributes:
        version: Of LLaMA-Factory.
        template: What conversations are rendered with here: a name, or its template as Jinja.
        examples: How many were held against its own.
        left_out: Ids of the records that it renders otherwise, or does not train on.
    """

    version: str
    template: str
    examples: int
    left_out: tuple[str, ...]


def applied(run: Run, settings: Settings, progress: Progress | None = None) -> Settings:
    """The settings with the template as the trainer has it; as they are for our own trainer.

    Raises:
        InputError: LLaMA-Factory is missing or fails, or its template doesn't fit the model or
            cannot be followed.
    """
    if settings.trainer != "llamafactory":
        return settings
    template = checked(run, settings, progress).template
    return structs.replace(settings, recipe=structs.replace(settings.recipe, template=template))


def left_out(run: Run, settings: Settings) -> frozenset[str]:
    """Records that the trainer renders otherwise than they would be scored."""
    if settings.trainer != "llamafactory":
        return frozenset()
    return frozenset(checked(run, settings).left_out)


def notes(run: Run, settings: Settings) -> tuple[Reason, ...]:
    """What the report says of it."""
    name = settings.recipe.template
    if settings.trainer != "llamafactory":
        own = Reason(code="preflight_template_own", params={"template": name})
        return () if name in (_KNOWN, Recipe().template) else (own,)
    one = checked(run, settings)
    found = []
    if one.left_out:
        params: dict[str, str | int | float] = {"records": len(one.left_out)}
        found.append(Reason(code="preflight_rendered_otherwise", params=params))
    if one.version not in encoding.TRIED:
        params = {"version": one.version, "tried": ", ".join(encoding.TRIED)}
        found.append(Reason(code="preflight_untried", params=params))
    return tuple(found)


def checked(run: Run, settings: Settings, progress: Progress | None = None) -> Rendering:
    """What LLaMA-Factory says, asked once for the same data, model and YAML.

    Raises:
        InputError: See `applied`.
    """
    settings = _by_name(settings)
    kept = Document[Rendering](run.path(OUTPUTS[0]), Rendering)
    inputs = {
        **run.made_by("scan"),
        **run.made_by("route"),
        "model": settings.model,
        "settings": settings_hash(settings.recipe, their_keys(settings)),
    }

    def work() -> StageStats:
        if progress:
            progress("rendering_asking", 0, 0)
        model_folder(settings, progress)
        told = _asked(run, settings)
        kept.write(told)
        return StageStats(records=told.examples)

    run.stage("rendering", inputs, work, OUTPUTS)
    return kept.read()


def _by_name(settings: Settings) -> Settings:
    """The settings with the template's name, whether or not `applied` has put it into Jinja."""
    name = str(their_keys(settings).get("template") or Recipe().template)
    return structs.replace(settings, recipe=structs.replace(settings.recipe, template=name))


def _asked(run: Run, settings: Settings) -> Rendering:
    trial = trials.load(run, settings)
    forms = [*trial.given.items(), *trial.routed.items()]
    canary = make([1], twins=0, candidates=2, language="en", rng=run.key.rng("rendering"))[
        0
    ].turns()
    command = llamafactory.program(settings.llamafactory.environment)
    with tempfile.TemporaryDirectory(prefix=STAGING, dir=run.vault("rendering").parent) as aside:
        data = Path(aside)
        planted_folder.write(data, _conversations(forms, canary))
        config = effective(
            their_keys(settings),
            settings,
            data=data,
            names=(planted_folder.NAME,),
            out=run.vault("rendering"),
        )
        config["max_samples"] = None  # a bound on a dataset, and this is all of them in one
        told = encoding.ask(command, config, folder=run.vault("rendering"))
    if told.largest_id >= told.vocabulary:
        raise InputError("template_unfit", template=settings.recipe.template, model=settings.model)
    return _compared(settings, told, forms, canary)


def _conversations(forms: Sequence[Form], canary: Sequence[Turn]) -> Iterator[Sequence[Turn]]:
    yield canary
    for _, record in forms:
        yield records.turns(record)


def _compared(
    settings: Settings,
    told: encoding.Told,
    forms: Sequence[Form],
    canary: Sequence[Turn],
) -> Rendering:
    name = settings.recipe.template
    template = name if name == _KNOWN or not told.chat_template else told.chat_template
    recipe = structs.replace(settings.recipe, template=template)
    tokenizer = load_tokenizer(settings.model)
    ours = _encoded(tokenizer, forms, canary, recipe)
    odd = encoding.differing(ours, told)
    if 0 in odd:  # the canary is a plain question and answer: then the template itself differs
        raise InputError("template_otherwise", template=name, version=told.version)
    return Rendering(
        version=told.version,
        template=template,
        examples=len(ours),
        left_out=tuple(sorted({forms[number - 1][0] for number in odd})),
    )


def _encoded(
    tokenizer: Tokenizer, forms: Sequence[Form], canary: Sequence[Turn], recipe: Recipe
) -> list[Encoded]:
    options: dict[str, Any] = {
        "template": recipe.template,
        "mask_history": recipe.mask_history,
        "train_on_prompt": recipe.train_on_prompt,
        "cutoff_len": recipe.cutoff_len,
    }
    first = encode(tokenizer, canary, **options)
    return [first, *(encode_record(tokenizer, record, recipe) for _, record in forms)]
