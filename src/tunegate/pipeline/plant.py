"""plant on a run folder: draws the design, checks it, and writes the arms' datasets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import tunegate.plant as planting
from tunegate import records
from tunegate.errors import InputError
from tunegate.files import Document
from tunegate.models.loading import load_tokenizer
from tunegate.models.template import Tokenizer
from tunegate.pipeline import rendering
from tunegate.pipeline import trial as trials
from tunegate.pipeline.resolve import Progress, key_mark
from tunegate.plant import Canary, Design, folder
from tunegate.runs import Run, StageStats, settings_hash
from tunegate.settings import Settings
from tunegate.types import Noun, Reason, Record, Turn

ARMS = ("as_given", "routed", "canaried", "placebo")
OUTPUTS = ("plant/design.json", "vault/plant/design.json", "vault/planted")
_TWINS = 3


class Planted(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """The whole design; it names canaries' secrets and so stays in the vault."""

    design: Design
    canaries: tuple[Canary, ...]
    language: str
    stress_test: bool
    notes: tuple[Reason, ...]


def vault_design(run: Run) -> Document[Planted]:
    """`vault/plant/design.json`."""
    return Document[Planted](run.vault("plant", "design.json"), Planted)


def plant(run: Run, settings: Settings, progress: Progress | None = None) -> Planted:
    """Writes the randomised design and one dataset folder an arm.

    Raises:
        InputError: Nothing is left to train on, or too few units can be told apart.
        VoidError: The recipe would void the audit; the message names the line to change.
    """
    settings = rendering.applied(run, settings, progress)
    inputs = {
        **run.made_by("scan"),
        **run.made_by("route"),
        "key": key_mark(run),
        "model": settings.model,
        "settings": settings_hash(
            settings.audit, settings.recipe, settings.depth, settings.data.datasets
        ),
    }

    def work() -> StageStats:
        if progress:
            progress("plant_drawing", 0, 1)
        trial = trials.load(run, settings)
        planted, lengths = drawn(run, settings, trial)
        vault_design(run).write(planted)
        with run.new_folder("vault/planted") as target:
            for arm in ARMS:
                (target / arm).mkdir()
                written = folder.write(
                    target / arm,
                    _conversations(arm, planted, trial, lengths),
                    names=settings.data.datasets,
                )
                largest = -(-written // len(folder.names_in(target / arm)))
                planting.check_recipe(settings.recipe, records=largest)
        run.design.write(_shown(planted))
        return StageStats(records=len(lengths["given"]))

    run.stage("plant", inputs, work, OUTPUTS)
    return vault_design(run).read()


Lengths = Mapping[str, Mapping[str, int]]


def drawn(run: Run, settings: Settings, trial: trials.Trial) -> tuple[Planted, Lengths]:
    """The draw, and every record's tokens in both forms; the same draw for the same inputs."""
    tokenizer = load_tokenizer(settings.model)
    if not trial.routed:
        raise InputError("nothing_routed_to_finetune", run=run.root.name)
    given, notes = planting.check_records(tokenizer, list(trial.given.values()), settings.recipe)
    after, more = planting.check_records(tokenizer, list(trial.routed.values()), settings.recipe)
    odd = rendering.left_out(run, settings)
    given = {r: length for r, length in given.items() if r not in odd}
    lengths = {"given": given, "routed": after}
    audit = settings.audit
    design = planting.draw(
        {r: unit for r, unit in trial.unit_of.items() if r in given},
        routed=frozenset(trial.routed),
        settings=audit,
        limit=audit.max_records or planting.TRIAL_RECORDS[settings.depth],
        key=run.key,
        dataset=run.made_by("scan")["scan/findings.jsonl"],
    )
    trained = sum(
        after.get(trial.routed[r].id, 0) for r in design.side("trained") if r in trial.routed
    )
    language = planting.language_of([s.text for r in trial.given.values() for s in r.segments])
    canaries, stress = _canaries(run, settings, tokenizer, trained=trained, language=language)
    planted = Planted(
        design=design,
        canaries=canaries,
        language=language,
        stress_test=stress,
        notes=tuple(dict.fromkeys((*notes, *more, *rendering.notes(run, settings)))),
    )
    return planted, lengths


def _canaries(
    run: Run, settings: Settings, tokenizer: Tokenizer, *, trained: int, language: str
) -> tuple[tuple[Canary, ...], bool]:
    audit = settings.audit
    rng = run.key.rng("canaries", run.made_by("scan")["scan/findings.jsonl"], audit.attempt)
    probe = planting.make(
        [1], twins=0, candidates=audit.candidates, language=language, rng=run.key.rng("length")
    )
    longest = planting.check_canaries(tokenizer, probe, settings.recipe)
    repeats, stress = planting.allocate(
        trained_tokens=trained, canary_tokens=longest, share=audit.canary_share
    )
    made = planting.make(
        repeats, twins=_TWINS, candidates=audit.candidates, language=language, rng=rng
    )
    planting.check_canaries(tokenizer, made, settings.recipe)
    return made, stress


def arm_records(arm: str, planted: Planted, trial: trials.Trial) -> dict[str, Record]:
    """Records of an arm, keyed by the id of the record as given; canaries apart."""
    design = planted.design
    form = trial.given if arm == "as_given" else trial.routed
    chosen = design.side("placebo" if arm == "placebo" else "trained")
    return {r: form[r] for r in sorted(chosen) if r in form}


def _conversations(
    arm: str, planted: Planted, trial: trials.Trial, lengths: Lengths
) -> Iterator[Sequence[Turn]]:
    known = lengths["given"] if arm == "as_given" else lengths["routed"]
    for record in arm_records(arm, planted, trial).values():
        if record.id in known:
            yield records.turns(record)
    if arm == "canaried":
        for canary in planted.canaries:
            for _ in range(canary.repeats):
                yield canary.turns()


def _shown(planted: Planted) -> dict[str, object]:
    """What anyone may see: keyed digests and counts, no canary."""
    design = planted.design
    repeats = [canary.repeats for canary in planted.canaries]
    return {
        "counts": planting.counts(design),
        "canaries": {str(r): repeats.count(r) for r in sorted(set(repeats))},
        "candidates": len(planted.canaries[0].candidates),
        "stress_test": planted.stress_test,
        "language": planted.language,
        "notes": [{"code": note.code, "params": dict(note.params)} for note in planted.notes],
        "sides": {
            "always": design.always,
            "members": design.members,
            "held_out": design.held_out,
            "utility": design.utility,
            "pseudo_members": design.pseudo_members,
        },
    }
