"""How a trainer trains, read from what it holds rather than from what it was asked for."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from msgspec import structs

from tunegate.configs.reading import SCHEDULES
from tunegate.errors import InputError
from tunegate.types import Recipe

ADAPTER = "default"  # what peft calls an adapter that nobody named
_UNCLIPPED = 1e9


class Seen(NamedTuple):
    """What a trainer passes to its callbacks: its arguments, its state and its model."""

    args: Any
    state: Any
    model: Any

    @property
    def processes(self) -> int:
        """How many processes train together."""
        return max(1, int(getattr(self.args, "world_size", 1)))

    @property
    def batch_size(self) -> int:
        """Examples in one process's batch, as the trainer found it to fit."""
        return int(self.state.train_batch_size or self.args.train_batch_size)

    @property
    def step_size(self) -> int:
        """Examples in one step of the optimiser, over all processes."""
        return self.batch_size * int(self.args.gradient_accumulation_steps) * self.processes

    @property
    def max_length(self) -> int | None:
        """Most tokens of an example that TRL keeps; None where nothing is cut."""
        found = getattr(self.args, "max_length", None)
        return None if found is None else int(found)


def check_model(model: Any, *, resumed: bool) -> None:
    """Makes sure that one fresh LoRA adapter is what is trained.

    Args:
        model: The trainer's.
        resumed: Whether an interrupted training goes on; its adapter is not fresh.

    Raises:
        InputError: It is not.
    """
    configs = getattr(model, "peft_config", None)
    if not configs or not hasattr(model, "get_base_model"):
        raise InputError("trainer_full", kind=type(model).__name__)
    kinds = [str(getattr(one.peft_type, "value", one.peft_type)) for one in configs.values()]
    if list(configs) != [ADAPTER] or kinds != ["LORA"]:
        named = ", ".join(f"{name}: {kind}" for name, kind in zip(configs, kinds, strict=True))
        raise InputError("trainer_adapter", found=named, name=ADAPTER)
    if resumed:
        return
    # Zero at the start unless something was learnt before, or the base's own weights were moved
    # into the adapter (PiSSA, OLoRA, LoftQ …): then it means nothing on the base as it was.
    ups = (value for name, value in model.named_parameters() if ".lora_B." in name)
    if any(bool(value.any()) for value in ups):
        raise InputError("trainer_not_fresh")


def recipe_of(seen: Seen, known: Recipe, *, longest: int) -> Recipe:
    """The recipe as far as ours can say it; what it cannot say stays as `known` has it.

    Args:
        seen: The trainer.
        known: The run's.
        longest: Tokens of the longest example that is trained on.
    """
    args, state = seen.args, seen.state
    lora = seen.model.peft_config[ADAPTER]
    alpha = lora.lora_alpha * (math.sqrt(lora.r) if lora.use_rslora else 1)
    named = str(getattr(args.lr_scheduler_type, "value", args.lr_scheduler_type))
    warm = args.get_warmup_steps(state.max_steps) / max(1, state.max_steps)
    cutoff = known.cutoff_len if seen.max_length is None else seen.max_length
    return structs.replace(
        known,
        learning_rate=float(args.learning_rate),
        num_train_epochs=max(1, int(state.num_train_epochs)),
        per_device_train_batch_size=seen.batch_size,
        # One process trains the other arms, in steps of the same size.
        gradient_accumulation_steps=int(args.gradient_accumulation_steps) * seen.processes,
        lora_rank=int(lora.r),
        lora_alpha=round(alpha),
        lora_dropout=float(lora.lora_dropout),
        lora_target=_targets(seen.model),
        lr_scheduler_type=SCHEDULES.get(named, "linear"),
        warmup_ratio=0.0 if named == "constant" else warm,
        weight_decay=float(args.weight_decay),
        max_grad_norm=float(args.max_grad_norm or _UNCLIPPED),
        cutoff_len=max(cutoff, longest),
        packing=False,
        max_samples=None,
        val_size=0.0,
    )


def _targets(model: Any) -> str:
    """Names of the layers that carry the adapter: as a setting it may be a pattern or `all`."""
    names = {name.rpartition(".")[2] for name, module in model.named_modules() if _adapted(module)}
    return ",".join(sorted(names))


def _adapted(module: Any) -> bool:
    return ADAPTER in getattr(module, "lora_A", ())
