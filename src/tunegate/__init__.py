"""TuneGate: the risk gate in front of LLM fine-tuning.

Each verb is a function here, the same thing as on the command line without the terminal:
`tunegate.scan(records, key=…)`, `tunegate.diff(…)`. Nothing is imported before it is used.

A verb is also the package that implements it. So that `tunegate.scan` can be called whether or
not `tunegate.scan` was imported before, those packages are given a class that can be called.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunegate.diff import measure as diff
    from tunegate.keys import load_key
    from tunegate.plant import draw as plant
    from tunegate.records import open
    from tunegate.route import route
    from tunegate.route.scrub import scrub
    from tunegate.scan import scan
    from tunegate.tune import train as tune
    from tunegate.verdict import verdict

__version__ = "0.1.0"
__all__ = [
    "diff",
    "load_key",
    "open",
    "plant",
    "route",
    "scan",
    "scrub",
    "tune",
    "verdict",
]

_VERBS = {  # package → its function
    "diff": "measure",
    "plant": "draw",
    "route": "route",
    "scan": "scan",
    "tune": "train",
    "verdict": "verdict",
}
_OTHERS = {"load_key": "tunegate.keys", "open": "tunegate.records", "scrub": "tunegate.route"}


class _Verb(ModuleType):
    """A package that is called like the function it exists for."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(self, _VERBS[self.__name__.rpartition(".")[2]])(*args, **kwargs)


class _Package(ModuleType):
    """This package: loads what is asked for, and makes verbs of the packages named so."""

    def __getattr__(self, name: str) -> Any:
        if name in _VERBS:
            return importlib.import_module(f"{self.__name__}.{name}")
        if name in _OTHERS:
            return getattr(importlib.import_module(_OTHERS[name]), name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system sets a package on its parent when it has been loaded.
        if name in _VERBS and isinstance(value, ModuleType):
            value.__class__ = _Verb
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Package
