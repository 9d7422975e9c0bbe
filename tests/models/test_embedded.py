"""Where the embedded model is looked for, and what is said when it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunegate.errors import InputError
from tunegate.models import embedded
from tunegate.models.loading import load_tokenizer, model_folder


@pytest.mark.parametrize("package", ["no_such_package", "tunegate"])
def test_a_missing_package_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_PACKAGE", package)
    with pytest.raises(InputError) as caught:
        model_folder(embedded.NAME)
    assert caught.value.code == "embedded_missing"
    assert caught.value.params["package"] == package.replace("_", "-")


def carrier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with a weights file of no use, and a cache of its own."""
    package = tmp_path / "site" / "carrier_of_nothing"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "Small.Q4.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(embedded, "_PACKAGE", "carrier_of_nothing")
    monkeypatch.setenv("TUNEGATE_CACHE", str(tmp_path / "cache"))


def test_it_is_converted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier(tmp_path, monkeypatch)
    made: list[Path] = []
    told: list[str] = []

    def convert(_: Path, target: Path) -> None:
        target.mkdir()
        (target / "config.json").write_text("{}")
        made.append(target)

    monkeypatch.setattr(embedded, "_convert", convert)
    first = embedded.embedded_folder(told.append)
    assert embedded.embedded_folder(told.append) == first
    assert made == [first]
    assert told == ["model_converting"]
    assert first.name.startswith("small.q4-")


class FullDisk:
    """Stands for model and tokenizer; writes half of itself, then fails."""

    @classmethod
    def from_pretrained(cls, *_: object, **__: object) -> FullDisk:
        return cls()

    def save_pretrained(self, folder: Path) -> None:
        (folder / "config.json").write_text("{")
        raise OSError("no space left")


def test_a_failed_conversion_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carrier(tmp_path, monkeypatch)
    monkeypatch.setattr("transformers.AutoModelForCausalLM", FullDisk)
    monkeypatch.setattr("transformers.AutoTokenizer", FullDisk)
    with pytest.raises(OSError, match="no space"):
        embedded.embedded_folder()
    assert [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []


@pytest.mark.model
def test_the_real_one_speaks_chatml() -> None:
    tokenizer = load_tokenizer(embedded.NAME)
    text = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False)
    assert "<|im_start|>user\nHi<|im_end|>" in text
    assert tokenizer.pad_token_id is not None
