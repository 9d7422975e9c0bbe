"""diff: measured behaviour change of a tuned model against its base. One file a probe."""

from tunegate.diff.context import Answers, Context, Probe, Result, Sample, Span
from tunegate.diff.measure import ALL, Task, measure, ordinary_prompts

__all__ = [
    "ALL",
    "Answers",
    "Context",
    "Probe",
    "Result",
    "Sample",
    "Span",
    "Task",
    "measure",
    "ordinary_prompts",
]
