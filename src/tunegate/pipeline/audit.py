"""The stages that need a model, under the names of their verbs."""

from tunegate.pipeline.diff import measure as diff
from tunegate.pipeline.estimate import duration, estimate
from tunegate.pipeline.plant import plant
from tunegate.pipeline.tune import changes
from tunegate.pipeline.tune import tune_arms as tune

__all__ = ["changes", "diff", "duration", "estimate", "plant", "tune"]
