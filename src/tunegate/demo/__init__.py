"""The labelled demo: a believable support dataset whose every hazard is known beforehand."""

from __future__ import annotations

from tunegate.demo.corpus import generate

__all__ = ["generate"]
