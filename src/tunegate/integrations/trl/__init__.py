"""TRL and transformers' Trainer: a planted dataset, and a callback that makes training an audit.

    planted = plant(dataset, run="runs/support", model="models/Qwen3-0.6B")
    for arm in ("routed", "canaried"):
        callback = planted.callback(arm)
        trainer = SFTTrainer(
            model=str(planted.model), args=args, train_dataset=planted.dataset(arm),
            peft_config=LoraConfig(...), callbacks=[callback],
        )
        trainer.train()
    callback.verdict()

`tunegate.integrations.trl.plant(dataset)` is the whole way from rows to planted arms (scan, route,
plant); `tunegate.plant(units, …)` is the draw alone, one step of it.

Four arms are planted. `routed` is what may be handed over, `canaried` is the same with planted
secrets: these two TRL trains, for they carry the team's own recipe. `as_given` (what the team was
about to train) and `placebo` (the null of the measurements) are there as well; what TRL has not
trained, `callback.diff()` trains by TuneGate's own trainer with the recipe that was read from TRL,
and so does `tunegate tune --run DIR`.
"""

from tunegate.integrations.trl.callback import AuditCallback
from tunegate.integrations.trl.planting import Planted, plant

__all__ = ["AuditCallback", "Planted", "plant"]
