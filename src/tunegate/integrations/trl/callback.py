"""The callback: checks what a trainer trains on, and takes what it leaves as an arm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunegate.errors import InputError
from tunegate.integrations.trl import training
from tunegate.integrations.trl.guest import guest
from tunegate.integrations.trl.recipe import Seen
from tunegate.pipeline import audit, judge
from tunegate.pipeline.plant import ARMS
from tunegate.pipeline.resolve import Progress, settings_of
from tunegate.runs import Run
from tunegate.types import Measurement, Verdict

try:
    from transformers import TrainerCallback
except ImportError as missing:
    raise InputError("trainer_extra_missing", library="transformers") from missing


class AuditCallback(TrainerCallback):  # type: ignore[misc] # transformers carries no types
    """Makes a training by `transformers.Trainer` or `trl.SFTTrainer` an arm of a planted run.

    At the start it holds every example that the trainer would train on against what was planted,
    token by token, and raises where an audit would mean nothing: that stops the training before its
    first step. At the end it takes the last checkpoint of every epoch and the final adapter into
    the run's vault; the base model is loaded once more for that, to see that they fit it. The
    trainer's own folder stays as it is.

    What it saw stands in `tune/arms/ARM/trainer.json`, which holds no text: versions, seeds,
    recipe, tokens, masks and checkpoints. Only LoRA by peft is audited. Of a distributed training
    the world's main process alone checks and takes; the launcher stops the others if it raises.

    Args:
        run: The planted run folder.
        arm: The arm whose planted dataset is trained on.

    Raises:
        InputError: There is no such arm, or nothing is planted there.
    """

    def __init__(self, run: Run | str | Path, *, arm: str = "routed") -> None:
        self.run = run if isinstance(run, Run) else Run.open(run)
        self.arm = arm
        self._log: training.Log | None = None
        if arm not in ARMS:
            raise InputError("arm_unknown", name=arm, known=", ".join(ARMS))
        self.run.made_by("plant")
        self._lang = settings_of(self.run).lang

    def on_train_begin(
        self, args: Any, state: Any, _: Any, *, model: Any, train_dataloader: Any, **__: Any
    ) -> None:
        """Checks the trainer's data, model and settings.

        Raises:
            InputError: This training cannot be audited; the message says what can.
            VoidError: What was planted would not be trained on as it was planted.
        """
        self._log = None
        if state.is_world_process_zero:
            with guest(self._lang):
                seen = Seen(args, state, model)
                self._log = training.begin(self.run, self.arm, seen, train_dataloader)

    def on_save(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
        """Notes a checkpoint as one of this training's."""
        if self._log is not None:
            self._log = training.saved(self.run, self._log, state)

    def on_train_end(self, args: Any, state: Any, _: Any, *, model: Any, **__: Any) -> None:
        """Takes the adapters.

        Raises:
            InputError: They do not fit the run's base model.
            VoidError: No weight moved, or training ended before everything was seen.
        """
        if self._log is not None:
            with guest(self._lang):
                seen = Seen(args, state, model)
                self._log = training.finish(self.run, self._log, seen)

    def diff(self, progress: Progress | None = None) -> list[Measurement]:
        """Trains the arms that are not there yet by TuneGate's own trainer, and measures all.

        It runs here and now and loads the base model: let go of the trainer and its model first,
        where memory is short.

        Raises:
            InputError: This arm has not been trained, or two arms were trained otherwise.
            VoidError: Weights did not move.
        """
        with guest(self._lang), self.run.lock():
            settings = training.complete(self.run, self.arm, progress)
            return list(audit.diff(self.run, settings, progress).measurements)

    def verdict(self, progress: Progress | None = None) -> Verdict:
        """What `diff` does, and then decides and writes the report in every language.

        Raises:
            InputError: See `diff`.
        """
        self.diff(progress)
        with guest(self._lang), self.run.lock():
            settings = settings_of(self.run)
            given = judge.verdict(self.run, settings, progress)
            judge.report(self.run, settings, progress)
        return given
