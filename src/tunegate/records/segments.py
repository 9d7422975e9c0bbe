"""From a raw object to its segments, as LLaMA-Factory 0.9.5's converters read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tunegate.records.layout import Layout
from tunegate.records.parse import UnreadableError
from tunegate.types import Json, Role, Segment

Raw = dict[str, Json]
Read = Callable[[Raw], tuple[Segment, ...]]

_ANSWERS: tuple[Role, ...] = ("assistant", "function_call")
_QUESTIONS: tuple[Role, ...] = ("user", "observation")
_KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
# Roles that files for other trainers use; only for layouts that are not strict.
_ROLES: dict[str, Role] = {
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "tool": "observation",
    "function": "observation",
    "observation": "observation",
    "ipython": "observation",
    "function_call": "function_call",
    "tool_call": "function_call",
    "system": "system",
    "developer": "system",
}


def segmenter(layout: Layout) -> Read:
    """The function that turns this layout's raw objects into segments, in conversation order.

    It raises `UnreadableError` for a record that the trainer would drop or fail on.
    """
    read = _alpaca(layout) if layout.formatting == "alpaca" else _chat(layout)

    def segments(raw: Raw) -> tuple[Segment, ...]:
        found = tuple(read(raw))
        if not any(segment.text for segment in found):
            raise UnreadableError("no_text")
        return found

    return segments


def _alpaca(layout: Layout) -> Callable[[Raw], Iterator[Segment]]:
    """Empty optional columns give no segment, except that there is always a question."""
    pointers = {name: pointer(name) for name in _names(layout)}

    def column(raw: Raw, name: str | None, role: Role) -> Segment | None:
        value = raw.get(name) if name else None
        if value is None or value == "":
            return None
        return _segment(pointers[name or ""], role, value)

    def read(raw: Raw) -> Iterator[Segment]:
        if segment := column(raw, layout.system, "system"):
            yield segment
        yield from _tools(raw, layout)
        if layout.history and isinstance(raw.get(layout.history), list):
            yield from _history(raw[layout.history], pointers[layout.history])
        prompt = column(raw, layout.prompt, "user")
        query = column(raw, layout.query, "user")
        if prompt is None and query is None:
            if layout.prompt not in raw:
                raise UnreadableError("column_missing", field=pointer(layout.prompt or "prompt"))
            prompt = Segment(pointer=pointers[layout.prompt], role="user", text="")
        yield from (segment for segment in (prompt, query) if segment)
        if layout.ranking:
            for name, role in _pair(layout):
                yield _segment(pointers[name], role, raw.get(name))
        elif layout.response:
            _check_kto(raw, layout)
            yield _segment(pointers[layout.response], "assistant", raw.get(layout.response))

    return read


def _history(pairs: list[Json], at: str) -> Iterator[Segment]:
    for turn, pair in enumerate(pairs):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise UnreadableError(
                "wrong_type", field=f"{at}/{turn}", expected="array of two", found=_kind(pair)
            )
        yield _segment(f"{at}/{turn}/0", "user", pair[0])
        yield _segment(f"{at}/{turn}/1", "assistant", pair[1])


def _chat(layout: Layout) -> Callable[[Raw], Iterator[Segment]]:
    at = pointer(layout.messages or "")
    roles = {} if layout.strict else dict(_ROLES)
    tags: tuple[tuple[str | None, Role], ...] = (
        (layout.user_tag, "user"),
        (layout.assistant_tag, "assistant"),
        (layout.observation_tag, "observation"),
        (layout.function_tag, "function_call"),
        (layout.system_tag, "system"),
    )
    roles |= {tag: role for tag, role in tags if tag is not None}

    def read(raw: Raw) -> Iterator[Segment]:
        messages = raw.get(layout.messages or "")
        if not isinstance(messages, list):
            raise UnreadableError("wrong_type", field=at, expected="array", found=_kind(messages))
        said = [_message(item, f"{at}/{n}", layout, roles) for n, item in enumerate(messages)]
        if said and said[0][0] == "system":
            yield from said.pop(0)[1]
        elif layout.system and raw.get(layout.system):
            yield _segment(pointer(layout.system), "system", raw[layout.system])
        yield from _tools(raw, layout)
        if layout.strict:
            _check_order([role for role, _ in said], layout)
        for _, segments in said:
            yield from segments
        if layout.ranking:
            for name, role in _pair(layout):
                answer, segments = _message(raw.get(name), pointer(name), layout, roles)
                if answer not in _ANSWERS:
                    raise UnreadableError("unknown_role", field=pointer(name))
                yield from (Segment(pointer=s.pointer, role=role, text=s.text) for s in segments)
        _check_kto(raw, layout)

    return read


def _message(
    item: Json, at: str, layout: Layout, roles: dict[str, Role]
) -> tuple[Role, list[Segment]]:
    """One message's role and its segments."""
    if not isinstance(item, dict):
        raise UnreadableError("wrong_type", field=at, expected="object", found=_kind(item))
    tag = item.get(layout.role_tag or "")
    role = roles.get(tag) if isinstance(tag, str) else None
    if role is None:
        raise UnreadableError("unknown_role", field=at)
    calls = item.get("tool_calls") if layout.formatting == "openai" else None
    name = layout.content_tag or ""
    content = item.get(name)
    segments = []
    if content is not None or not calls:
        segments = list(_content(content, f"{at}{pointer(name)}", role))
    if calls and role in _ANSWERS:
        role = "function_call"
        segments += _calls(calls, f"{at}/tool_calls")
    return role, segments


def _content(content: Json, at: str, role: Role) -> Iterator[Segment]:
    """Text, or a list of parts of which those with text count (`text`; `value` in v1 data)."""
    if not isinstance(content, list):
        yield _segment(at, role, content)
        return
    for n, part in enumerate(content):
        if isinstance(part, str):
            yield _segment(f"{at}/{n}", role, part)
        elif isinstance(part, dict):
            called: Role = "function_call" if part.get("type") == "tool_call" else role
            for key in ("text", "value"):
                if isinstance(part.get(key), str):
                    yield _segment(f"{at}/{n}/{key}", called, part[key])
        else:
            raise UnreadableError(
                "wrong_type", field=f"{at}/{n}", expected="string", found=_kind(part)
            )


def _calls(calls: Json, at: str) -> Iterator[Segment]:
    for n, call in enumerate(calls if isinstance(calls, list) else [calls]):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise UnreadableError(
                "wrong_type", field=f"{at}/{n}", expected="object", found=_kind(call)
            )
        for key in ("name", "arguments"):
            yield from _leaves(function.get(key), f"{at}/{n}/function/{key}", "function_call")


def _tools(raw: Raw, layout: Layout) -> Iterator[Segment]:
    if layout.tools and raw.get(layout.tools):
        yield from _leaves(raw[layout.tools], pointer(layout.tools), "tools")


def _leaves(value: Json, at: str, role: Role) -> Iterator[Segment]:
    """Every text in a value that may be JSON text or the structure itself."""
    if isinstance(value, str):
        yield Segment(pointer=at, role=role, text=value)
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from _leaves(item, f"{at}/{n}", role)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, at + pointer(key), role)


def _check_order(roles: list[Role], layout: Layout) -> None:
    """What LLaMA-Factory drops: turns that do not alternate, an answer too many or too few."""
    if layout.formatting == "openai":  # consecutive observations become one
        roles = [
            role
            for n, role in enumerate(roles)
            if role != "observation" or n == 0 or roles[n - 1] != "observation"
        ]
        roles = roles[: -1 if roles[-1:] == ["observation"] else None]  # the last is not used
    for n, role in enumerate(roles):
        if role not in (_ANSWERS if n % 2 else _QUESTIONS):
            raise UnreadableError("roles_out_of_order", message=n)
    if len(roles) % 2 != (1 if layout.ranking else 0):
        raise UnreadableError("message_count", messages=len(roles))


def _check_kto(raw: Raw, layout: Layout) -> None:
    if layout.kto_tag is None:
        return
    value = raw.get(layout.kto_tag)
    if isinstance(value, bool) or (isinstance(value, str) and value.lower() in ("true", "false")):
        return  # CSV holds text; the trainer's reader makes true and false of it
    raise UnreadableError(
        "wrong_type", field=pointer(layout.kto_tag), expected="boolean", found=_kind(value)
    )


def _pair(layout: Layout) -> tuple[tuple[str, Role], tuple[str, Role]]:
    return (layout.chosen or "chosen", "chosen"), (layout.rejected or "rejected", "rejected")


def _names(layout: Layout) -> list[str]:
    columns = (layout.system, layout.history, layout.prompt, layout.query, layout.response)
    return [name for name in (*columns, *(name for name, _ in _pair(layout))) if name]


def _segment(at: str, role: Role, value: Json) -> Segment:
    if not isinstance(value, str):
        raise UnreadableError("wrong_type", field=at, expected="string", found=_kind(value))
    return Segment(pointer=at, role=role, text=value)


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "number" if isinstance(value, int | float) else "other")


def pointer(*names: str) -> str:
    """The RFC 6901 JSON pointer through `names`."""
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in names)
