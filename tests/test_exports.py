from __future__ import annotations

import subprocess
import sys

import pytest

import tunegate


def test_the_exported_names() -> None:
    assert tunegate.__all__ == [
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
    assert all(callable(getattr(tunegate, name)) for name in tunegate.__all__)
    assert set(tunegate.__all__) <= set(dir(tunegate))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_verb"):
        tunegate.no_such_verb  # type: ignore[attr-defined] # noqa: B018


@pytest.mark.parametrize("first", ["import tunegate.scan", "from tunegate.scan import units", ""])
def test_a_verb_can_be_called_whatever_was_imported_before(first: str) -> None:
    program = (
        f"{first}\nimport tunegate, sys\n"
        "key = tunegate.load_key.__globals__['Key'](b'x' * 32)\n"
        "assert list(tunegate.scan([], key=key, detectors=())) == []\n"
        "assert 'torch' not in sys.modules"
    )
    path = repr(sys.path)
    subprocess.run([sys.executable, "-c", f"import sys; sys.path = {path}\n{program}"], check=True)


def test_importing_is_light() -> None:
    program = (
        f"import sys; sys.path = {sys.path!r}\nimport tunegate\n"
        "heavy = {'torch', 'numpy', 'scipy', 'hyperscan', 'msgspec', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
