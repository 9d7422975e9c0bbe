"""tune: a dataset folder and a recipe become an arm, one trained model with its checkpoints."""

from tunegate.tune.native import train
from tunegate.tune.outcome import Epoch, Progress, Trained

__all__ = ["Epoch", "Progress", "Trained", "train"]
