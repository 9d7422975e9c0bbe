"""YAML into typed data: an unknown key, a doubled key or a wrong value is named with its line."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from tunegate.errors import InputError

T = TypeVar("T")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?:key` in `)?\$(?P<steps>[^`]*)`)?$", re.DOTALL)


class _Loader(yaml.SafeLoader):
    """YAML 1.1 takes `1e-4` for text; people, and YAML 1.2, take it for a number."""


class _Dumper(yaml.SafeDumper):
    """Quotes what `_Loader` would take for a number."""


for _side in (_Loader, _Dumper):
    _side.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$"),
        list("-+0123456789"),
    )


def dump(value: Any, *, flow: bool = False, width: int = 100) -> str:
    """`value` as YAML text that `parse` reads back; with `flow`, on one line."""
    text: str = yaml.dump(
        value,
        Dumper=_Dumper,
        allow_unicode=True,
        sort_keys=False,
        default_flow_style=flow,
        width=width,
    )
    return text


def one_line(value: Any) -> str:
    """`value` as YAML on one line, as it can stand after a key."""
    return dump(value, flow=True, width=10**6).removesuffix("...\n").strip()


def read(path: Path, kind: type[T]) -> T:
    """Reads the YAML file at `path` as a `kind`.

    Raises:
        InputError: The file cannot be read, is no YAML, or does not fit `kind`.
    """
    return parse(_text(path), kind, path=str(path))


def line_of(source: Path | str, key: str) -> int:
    """The line, from 1, on which a key stands.

    Args:
        source: The YAML file, or its text.
        key: The key, or the way to it: `recipe.lora_rank`, `datasets[0].path`.

    Returns:
        The line of what is nearest on the way, if there is no such key.

    Raises:
        InputError: The file cannot be read.
    """
    text = _text(source) if isinstance(source, Path) else source
    node: Any = _Loader(text).get_single_node()
    line = 1
    for name, index in _STEP.findall(f".{key}"):
        at = None
        if isinstance(node, yaml.MappingNode):
            at, node = next((pair for pair in node.value if pair[0].value == name), (None, None))
        elif isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
            at = node = node.value[int(index)]
        if at is None:
            break
        line = at.start_mark.line + 1
    return line


def parse(text: str, kind: type[T], *, path: str) -> T:
    """Reads YAML text as a `kind`, a msgspec struct that forbids unknown fields.

    Args:
        text: The YAML.
        kind: What it has to be.
        path: How messages name the place.

    Raises:
        InputError: With `path`, `line` (from 1) and, for a key, the nearest known one.
    """
    try:
        loader = _Loader(text)
        tree = loader.get_single_node()
        if tree is not None:
            _check_keys(tree, msgspec.inspect.type_info(kind), path)
        data = {} if tree is None else loader.construct_document(tree)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise InputError("yaml_broken", path=path, line=line) from error
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        match = _AT.match(str(error))
        what, steps = (match["what"], match["steps"] or "") if match else (str(error), "")
        line = _line(tree, _STEP.findall(steps))
        raise InputError(
            "yaml_value", path=path, line=line, at=steps.lstrip(".") or "(top)", what=what
        ) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError("yaml_not_utf8", path=str(path)) from error
    except OSError as error:
        raise InputError("yaml_unreadable", path=str(path), why=str(error.strerror)) from error


def nearest(word: str, known: list[str] | tuple[str, ...]) -> str:
    """The known word most like `word`; without a likely one, all known words."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return close[0] if close else ", ".join(known)


def _check_keys(node: yaml.Node, kind: Any, path: str) -> None:
    if isinstance(kind, msgspec.inspect.UnionType):
        kind = next((t for t in kind.types if isinstance(t, msgspec.inspect.StructType)), kind)
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, getattr(kind, "item_type", None), path)
    if not isinstance(node, yaml.MappingNode):
        return
    struct = isinstance(kind, msgspec.inspect.StructType)
    fields = {f.encode_name: f.type for f in kind.fields} if struct else {}
    seen: set[str] = set()
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in seen:
            raise InputError("yaml_key_twice", path=path, line=line, key=name)
        seen.add(name)
        if struct and name not in fields:
            near = nearest(name, list(fields))
            raise InputError("yaml_key_unknown", path=path, line=line, key=name, nearest=near)
        _check_keys(value, fields.get(name, getattr(kind, "value_type", None)), path)


def _line(node: yaml.Node | None, steps: list[tuple[str, str]]) -> int:
    """The line of the value that `steps` lead to, or of the last one that exists."""
    if node is None:
        return 1
    if steps:
        (name, index), rest = steps[0], steps[1:]
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == name:
                    return _line(value, rest)
        elif isinstance(node, yaml.SequenceNode) and index and int(index) < len(node.value):
            return _line(node.value[int(index)], rest)
    return int(node.start_mark.line) + 1
