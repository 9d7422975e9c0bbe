"""What others can add: named detectors, probes and trainers, ours and other packages'.

Ours register with the decorator where they are defined. Another package declares an entry point
in the group of the same name (`tunegate.detectors`, `tunegate.probes`, `tunegate.trainers`); it
is loaded when the registry is first asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any, Generic, TypeVar

from tunegate.errors import InputError
from tunegate.yamlfile import nearest

T = TypeVar("T", bound=Callable[..., Any])


class Registry(Generic[T]):
    """The objects of one kind, by name.

    Example:
        @detector("identity")
        def make(key: Key) -> Detector: ...
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._ours: dict[str, T] = {}
        self._all: dict[str, T] | None = None

    def __call__(self, name: str) -> Callable[[T], T]:
        """Decorates one of ours."""

        def register(thing: T) -> T:
            self._ours[name] = thing
            self._all = None
            return thing

        return register

    def all(self) -> Mapping[str, T]:
        """Ours and those of installed packages, by name.

        Raises:
            InputError: A package takes a name of ours, or cannot be loaded.
        """
        if self._all is None:
            found = dict(self._ours)
            for entry in metadata.entry_points(group=f"tunegate.{self.kind}s"):
                if entry.name in found:
                    raise InputError("plugin_twice", name=entry.name, plugin=entry.value)
                try:
                    found[entry.name] = entry.load()
                except Exception as error:
                    raise InputError(
                        "plugin_broken", plugin=entry.value, why=type(error).__name__
                    ) from error
            self._all = dict(sorted(found.items()))
        return self._all

    def get(self, name: str) -> T:
        """The object of that name.

        Raises:
            InputError: There is none; the nearest name is given.
        """
        known = self.all()
        if name not in known:
            raise InputError(
                "plugin_unknown", name=name, nearest=nearest(name, tuple(known)) or "–"
            )
        return known[name]


detector: Registry[Callable[..., Any]] = Registry("detector")
probe: Registry[Callable[..., Any]] = Registry("probe")
trainer: Registry[Callable[..., Any]] = Registry("trainer")
