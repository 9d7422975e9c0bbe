"""The decision, what it rests on, and what to do about it. Pure: nothing is read or written."""

from __future__ import annotations

from tunegate.verdict.case import ADOPTED, JUDGED, Control
from tunegate.verdict.decide import is_open, verdict
from tunegate.verdict.needed import units_to_show

__all__ = ["ADOPTED", "JUDGED", "Control", "is_open", "units_to_show", "verdict"]
