"""The stages that need a model, under the names of their verbs."""

from tunegate.pipeline.adopt import take
from tunegate.pipeline.bundles import write as bundles
from tunegate.pipeline.diff import measure as diff
from tunegate.pipeline.estimate import duration, estimate
from tunegate.pipeline.plant import plant
from tunegate.pipeline.theirs import changes
from tunegate.pipeline.tune import tune_arms as tune

__all__ = ["bundles", "changes", "diff", "duration", "estimate", "plant", "take", "tune"]
