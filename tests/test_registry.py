from __future__ import annotations

from importlib import metadata
from typing import Any

import pytest

from tunegate.errors import InputError
from tunegate.registry import Registry


def _make() -> str:
    return "made"


@pytest.fixture
def entries(monkeypatch: pytest.MonkeyPatch) -> list[metadata.EntryPoint]:
    found: list[metadata.EntryPoint] = []

    def entry_points(*, group: str) -> list[metadata.EntryPoint]:
        return [entry for entry in found if entry.group == group]

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    return found


def _entry(name: str, value: str) -> metadata.EntryPoint:
    return metadata.EntryPoint(name=name, value=value, group="tunegate.detectors")


def test_ours_and_theirs_are_found_by_name(entries: list[metadata.EntryPoint]) -> None:
    registry: Registry[Any] = Registry("detector")
    assert registry("zeta")(_make) is _make
    entries.append(_entry("alpha", "json:loads"))
    assert list(registry.all()) == ["alpha", "zeta"]
    assert registry.get("zeta")() == "made"
    assert registry.get("alpha")("[1]") == [1]


def test_registering_later_is_seen(entries: list[metadata.EntryPoint]) -> None:
    assert entries == []
    registry: Registry[Any] = Registry("detector")
    assert not registry.all()
    registry("one")(_make)
    assert list(registry.all()) == ["one"]


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [("one", "json:loads", "plugin_twice"), ("two", "no_such_module:x", "plugin_broken")],
)
def test_a_bad_plugin_is_named(
    entries: list[metadata.EntryPoint], name: str, value: str, code: str
) -> None:
    registry: Registry[Any] = Registry("detector")
    registry("one")(_make)
    entries.append(_entry(name, value))
    with pytest.raises(InputError) as caught:
        registry.all()
    assert caught.value.code == code
    assert caught.value.params["plugin"] == value


def test_an_unknown_name_gets_the_nearest() -> None:
    registry: Registry[Any] = Registry("probe")
    registry("extraction")(_make)
    with pytest.raises(InputError) as caught:
        registry.get("extractoin")
    assert caught.value.params["nearest"] == "extraction"
