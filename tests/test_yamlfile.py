from __future__ import annotations

from pathlib import Path

import pytest

from tunegate import yamlfile
from tunegate.errors import InputError

TEXT = """# a comment
base_model: m

datasets:
  - path: a.jsonl
    type:
      chat_template
  - type: alpaca
    path: b.jsonl
recipe: {lora_rank: 8,
  cutoff_len: 64}
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("base_model", 2),
        ("datasets", 4),
        ("datasets[0]", 5),
        ("datasets[0].path", 5),
        ("datasets[0].type", 6),
        ("datasets[1].path", 9),
        ("recipe.cutoff_len", 11),
        ("datasets[1].split", 8),
        ("datasets[5].path", 4),
        ("recipe.lora_rank.deeper", 10),
        ("nothing", 1),
    ],
)
def test_the_line_of_a_key_or_of_what_is_nearest(tmp_path: Path, key: str, line: int) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(TEXT, encoding="utf-8-sig")
    assert yamlfile.line_of(TEXT, key) == line
    assert yamlfile.line_of(path, key) == line
    assert yamlfile.line_of("", key) == 1


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        yamlfile.line_of(tmp_path / "x.yaml", "a")
    assert caught.value.code == "yaml_unreadable"


@pytest.mark.parametrize("value", [1, 0.5, True, None, "a: b", [1, "x"], {"a": {"b": "é"}}, "1e-4"])
def test_a_value_on_one_line_is_read_back(value: object) -> None:
    line = yamlfile.one_line(value)
    assert "\n" not in line
    assert yamlfile.parse(f"key: {line}\n", dict[str, object], path="x") == {"key": value}
