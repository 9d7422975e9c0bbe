"""Is it all one who trains? The native trainer and LLaMA-Factory over paired seeds, one scorer.

Usage: python -m experiments.trainers [SEEDS] [--keep FILE] [--records N] [--epochs N]

Both train the same planted records and canaries of the demo's English data, as given, with the same
recipe, in the same type of numbers; a seed sets initial weights and order in each, in its own way.
The last checkpoints are measured by the same probes. TOST (two one-sided t-tests, alpha .05 each)
says whether the paired differences lie within the margins: held-out loss 2 %, AUC .05, rates .05,
exposure 1 bit. What so few seeds cannot settle is called inconclusive. FILE keeps finished seeds,
so that an interrupted experiment goes on. TUNEGATE_LLAMAFACTORY names LLaMA-Factory's environment.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tunegate import demo, records
from tunegate.diff import Context, Task, measure
from tunegate.diff.exposure import Exposure
from tunegate.diff.extraction import Extraction
from tunegate.diff.membership import Membership
from tunegate.diff.utility import Utility
from tunegate.models import loading
from tunegate.models.executor import Executor, State
from tunegate.models.loading import Base
from tunegate.pipeline import data as stages
from tunegate.pipeline import plant, resolve, trial
from tunegate.plant import folder as planted_folder
from tunegate.runs import Run
from tunegate.settings import load
from tunegate.stats.equivalence import tost
from tunegate.tune import llamafactory, native
from tunegate.tune.batches import examples
from tunegate.types import Measurement

MARGINS = {"loss": 0.02, "auc": 0.05, "greedy_rate": 0.05, "top_rank_rate": 0.05, "bits": 1.0}
_SETTINGS = """\
model: embedded
data: {{path: {data}, datasets: [support_en]}}
recipe: {{template: chatml, num_train_epochs: {epochs}, learning_rate: 1.0e-3}}
audit: {{max_records: {records}, canary_share: 0.3}}
"""


class Material(NamedTuple):
    """One planted dataset and what the probes look at."""

    folder: Path
    context: Context


def main() -> int:
    """Trains and measures seed by seed, and prints what the differences show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int, nargs="?", default=5)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--records", type=int, default=90)
    parser.add_argument("--epochs", type=int, default=6)
    given = parser.parse_args()
    kept = _kept(given.keep)
    base = loading.load("embedded")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        run, material = _planted(home, given.records, given.epochs)
        for seed in range(1, given.seeds + 1):
            for trainer in ("native", "llamafactory"):
                if (seed, trainer) in kept:
                    continue
                start = time.monotonic()
                found = _one(
                    base,
                    run,
                    material,
                    trainer=trainer,
                    seed=seed,
                    folder=home / f"{trainer}-{seed}",
                )
                line = {"seed": seed, "trainer": trainer, **found}
                line["seconds"] = round(time.monotonic() - start)
                kept[seed, trainer] = line
                print("  ".join(f"{key} {value}" for key, value in line.items()), flush=True)
                if given.keep:
                    with given.keep.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(line) + "\n")
    _summarise(kept, given.seeds, dtype=base.dtype)
    return 0


def _kept(path: Path | None) -> dict[tuple[int, str], dict[str, Any]]:
    if path is None or not path.exists():
        return {}
    lines = map(json.loads, path.read_text("utf-8").splitlines())
    return {(line["seed"], line["trainer"]): line for line in lines}


def _planted(home: Path, size: int, epochs: int) -> tuple[Run, Material]:
    """The demo's records as given, members and canaries in one dataset."""
    demo.generate(home / "data", seed=1)
    path = home / "settings.yaml"
    path.write_text(_SETTINGS.format(data=home / "data", records=size, epochs=epochs), "utf-8")
    settings = load(path).settings
    run = Run.open(home / "run", create=True)
    resolve.adopt(run, settings)
    stages.scan(run, settings)
    stages.route(run, settings)
    drawn = plant.plant(run, settings)
    rows = trial.load(run, settings)
    folder = home / "planted"
    folder.mkdir()
    turns = [records.turns(row) for row in plant.arm_records("as_given", drawn, rows).values()]
    turns += [canary.turns() for canary in drawn.canaries for _ in range(canary.repeats)]
    planted_folder.write(folder, turns)
    side_of = trial.sides(drawn.design)
    samples = trial.samples(rows, drawn.design, side_of, form=rows.given, spans=True)
    context = Context(
        arm="arm",
        checkpoint=epochs,
        samples=samples,
        given=tuple(sample for sample in samples if sample.spans),
        canaries=tuple(canary for canary in drawn.canaries if canary.repeats),
        prompts=(),
        trained_digests=trial.trained_digests(rows, drawn.design.side("trained")),
        seed=1,
        generations=0,
    )
    return run, Material(folder, context)


def _one(
    base: Base, run: Run, material: Material, *, trainer: str, seed: int, folder: Path
) -> dict[str, float]:
    """Trains one adapter and measures it."""
    recipe = load(run.settings.path).settings.recipe
    encoded = examples(base.tokenizer, records.open(material.folder, key=run.key), recipe)
    if trainer == "native":
        trained = native.train(base, encoded, recipe, seed=seed, folder=folder)
    else:
        theirs = {
            **llamafactory.keys_of(recipe, model=str(loading.model_folder("embedded"))),
            "use_cpu": base.device == "cpu",
            "bf16": base.dtype == "bf16",
            "seed": seed,
        }
        config = llamafactory.effective(
            theirs,
            model=None,
            data=material.folder,
            names=planted_folder.names_in(material.folder),
            output=folder / "work",
        )
        trained = llamafactory.train(
            base, encoded, config, command=llamafactory.program(""), folder=folder
        )
    return _measured(base, material.context, trained.epochs[-1].folder, folder, recipe.template)


def _measured(
    base: Base, context: Context, adapter: Path, folder: Path, template: str
) -> dict[str, float]:
    executor = Executor(base, cache=folder / "answers", template=template, cutoff_len=2048)
    probes = (Extraction(), Exposure(), Membership(), Utility())
    task = Task(context, executor.at(State("tuned", adapter)), probes)
    found = measure([task], base=executor.at(State("base", None))).measurements
    return {
        "loss": _of(found, "heldout_loss", "all", base=True),
        "auc": _of(found, "auc", "ratio"),
        "greedy_rate": _of(found, "greedy_rate", "member"),
        "top_rank_rate": _of(found, "top_rank_rate", "repeats=1"),
        "bits": _of(found, "exposure_bits", "repeats=1"),
    }


def _of(found: tuple[Measurement, ...], metric: str, stratum: str, *, base: bool = False) -> float:
    """A metric's value; with `base`, the tuned model's own and not its distance from the base."""
    one = next(m for m in found if (m.metric, m.stratum) == (metric, stratum))
    value = one.tuned if base else one.effect
    if value is None:
        raise ValueError(f"{metric} was not scored")
    return round(value, 5)


def _summarise(
    kept: Mapping[tuple[int, str], Mapping[str, Any]], seeds: int, *, dtype: str
) -> None:
    print(f"native − LLaMA-Factory over {seeds} paired seeds, both in {dtype}")
    for metric, margin in MARGINS.items():
        ours, theirs = (
            [kept[seed, trainer][metric] for seed in range(1, seeds + 1)]
            for trainer in ("native", "llamafactory")
        )
        differences = [a - b for a, b in zip(ours, theirs, strict=True)]
        if metric == "loss":  # the margin is a share of LLaMA-Factory's own
            differences = [d / b for d, b in zip(differences, theirs, strict=True)]
        found = tost(differences, margin=margin)
        low, high = found.interval
        print(
            f"{metric:14} native {sum(ours) / seeds:.4f}  theirs {sum(theirs) / seeds:.4f}  "
            f"difference {found.difference:+.4f} [{low:+.4f}, {high:+.4f}]  margin {margin}  "
            f"p {found.p:.4f}  {found.finding}"
        )


if __name__ == "__main__":
    raise SystemExit(main())
