"""The native trainer beside LLaMA-Factory: same model, records, rank, batch and epochs.

Usage: python -m benchmarks.tune.run [ROUNDS]

Trains LLaMA-Factory's own `identity` dataset (91 records, fetched by pip) for one epoch with the
embedded model, the two trainers in turn, in fp32 and in bf16. Seconds are those of training alone,
without starting the program or loading the model: LLaMA-Factory's own `train_runtime`, and the same
stretch of ours. The loss at the end is of one scorer over all records, so it compares the adapters
and not two ways of logging. The matrix rate is measured before each round, with nothing else
running. TUNEGATE_LLAMAFACTORY names LLaMA-Factory's environment.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.real.run import fetched

from tunegate import records
from tunegate.keys import Key
from tunegate.models import loading
from tunegate.models.executor import Executor, State
from tunegate.models.loading import Base
from tunegate.models.queries import Query, Score, ScoreAnswer
from tunegate.models.template import Encoded, segment_turns
from tunegate.plant import folder as planted
from tunegate.tune import llamafactory, native
from tunegate.tune.batches import examples
from tunegate.tune.rate import matrix_rate, training_flops
from tunegate.types import Recipe, Record

RECIPE = Recipe(num_train_epochs=1, template="chatml", cutoff_len=1024)
DTYPES: tuple[loading.Dtype, ...] = ("fp32", "bf16")


class Took(NamedTuple):
    """One training: seconds, and the mean loss of a target token afterwards."""

    seconds: float
    loss: float
    share: float


def main() -> int:
    """Runs the rounds and prints a line each, then medians and ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    dataset = records.open(fetched(), names=("identity",), key=Key(b"benchmarks only"))
    rows = list(dataset)
    took: dict[tuple[str, str], list[Took]] = {}
    for number in range(rounds):
        for dtype in DTYPES:
            base = loading.load("embedded", dtype=dtype)
            encoded = examples(base.tokenizer, rows, RECIPE)
            rate = matrix_rate(base)
            for name in ("native", "llamafactory"):
                one = _trained(name, base, rows, encoded, rate, seed=number)
                took.setdefault((name, dtype), []).append(one)
                print(
                    f"round {number + 1}  {name:12} {dtype}  {one.seconds:6.1f} s  "
                    f"{len(rows) / one.seconds:5.2f} records/s  loss {one.loss:.4f}  "
                    f"{one.share:.2f} of {rate / 1e9:.0f} GFLOP/s",
                    flush=True,
                )
    _summarise(took, tokens=sum(len(e.ids) for e in encoded), size=len(rows))
    return 0


def _trained(
    name: str, base: Base, rows: list[Record], encoded: list[Encoded], rate: float, *, seed: int
) -> Took:
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        if name == "native":
            start = time.perf_counter()
            trained = native.train(base, encoded, RECIPE, seed=seed, folder=home / "arm")
            seconds = time.perf_counter() - start
        else:
            trained, seconds = _theirs(base, rows, encoded, home, seed=seed)
        loss = _loss(base, rows, trained.epochs[-1].folder, home)
    return Took(seconds, loss, training_flops(base, encoded) / seconds / rate)


def _theirs(
    base: Base, rows: list[Record], encoded: list[Encoded], home: Path, *, seed: int
) -> tuple[llamafactory.Trained, float]:
    """LLaMA-Factory's training, by a YAML as its users write it."""
    data = home / "data"
    data.mkdir()
    planted.write(data, (records.turns(row) for row in rows), names=("identity",))
    config = {
        **llamafactory.keys_of(RECIPE, model=str(loading.model_folder("embedded"))),
        "dataset": "identity",
        "logging_steps": 1,
        "use_cpu": base.device == "cpu",
        "bf16": base.dtype == "bf16",
        "seed": seed,
    }
    output = home / "work"
    given = llamafactory.effective(
        config, model=None, data=data, names=("identity",), output=output
    )
    told: list[float] = []

    def result(*_: int) -> None:
        path = output / "train_results.json"
        if path.exists():
            told.append(json.loads(path.read_text("utf-8"))["train_runtime"])

    trained = llamafactory.train(
        base,
        encoded,
        given,
        command=llamafactory.program(""),
        folder=home / "arm",
        progress=result,
    )
    return trained, told[-1]


def _loss(base: Base, rows: list[Record], adapter: Path, home: Path) -> float:
    """Mean loss of a target token of all records under an adapter."""
    executor = Executor(
        base, cache=home / "answers", template=RECIPE.template, cutoff_len=RECIPE.cutoff_len
    )
    queries: list[Query] = [Score(turns=segment_turns(row)) for row in rows]
    answers = executor.run(queries, state=State("tuned", adapter))
    scores = [
        value
        for answer in answers.values()
        if isinstance(answer, ScoreAnswer)
        for value in answer.target.logprob
    ]
    return -sum(scores) / len(scores)


def _summarise(took: dict[tuple[str, str], list[Took]], *, tokens: int, size: int) -> None:
    middle = {key: statistics.median(one.seconds for one in found) for key, found in took.items()}
    for (name, dtype), seconds in middle.items():
        found = took[name, dtype]
        loss = statistics.median(one.loss for one in found)
        share = statistics.median(one.share for one in found)
        print(
            f"median {name:12} {dtype}  {size / seconds:5.2f} records/s  "
            f"{tokens / seconds:5.0f} tokens/s  loss {loss:.4f}  {share:.2f} of the matrix rate"
        )
    for ours, theirs in (("fp32", "fp32"), ("bf16", "bf16"), ("bf16", "fp32")):
        pairs = [
            b.seconds / a.seconds
            for a, b in zip(took["native", ours], took["llamafactory", theirs], strict=True)
        ]
        print(
            f"native {ours} over LLaMA-Factory {theirs}: {statistics.median(pairs):.2f} times the "
            f"records a second (from {min(pairs):.2f} to {max(pairs):.2f})"
        )


if __name__ == "__main__":
    raise SystemExit(main())
