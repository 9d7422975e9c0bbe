"""tune: a dataset folder and a recipe become an arm, one trained model with its checkpoints."""

from tunegate.tune.native import Progress, Trained, train

__all__ = ["Progress", "Trained", "train"]
