from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunegate.decisions import Override, Ruling, append, overrides, read, signed
from tunegate.errors import InputError

SIGN = Ruling(who="Li Na", kind="sign", target="hazard:special_case", reason="looked through")
ACCEPT = Ruling(who="Li Na", kind="accept", target="gate:a.b.c", value=0.08, at="2026-11-22")


def _override(value: str, target: str = "r-0", who: str = "Li Na") -> Ruling:
    return Ruling(who=who, kind="override", target=target, value=value, reason="ours")


def test_what_is_appended_is_read_in_order(tmp_path: Path) -> None:
    for ruling in (SIGN, ACCEPT, _override("rag")):
        append(tmp_path / "decisions" / "b.jsonl", ruling)
    append(tmp_path / "decisions" / "a.jsonl", _override("drop"))
    assert read(tmp_path / "decisions") == (_override("drop"), SIGN, ACCEPT, _override("rag"))
    assert stat.S_IMODE((tmp_path / "decisions" / "b.jsonl").stat().st_mode) == 0o600
    assert read(tmp_path / "none") == ()


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(1, 200))
def test_a_torn_last_line_costs_that_line_only(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("d") / "a.jsonl"
    append(path, SIGN)
    whole = path.stat().st_size
    append(path, ACCEPT)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(max(whole, size - cut))
    kept = (SIGN, ACCEPT) if cut == 1 else (SIGN,)  # only the line end is gone
    assert read(path.parent) == kept
    append(path, _override("human"))
    assert read(path.parent) == (*kept, _override("human"))


def test_earlier_lines_are_never_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    append(path, SIGN)
    before = path.read_bytes()
    append(path, ACCEPT)
    assert path.read_bytes().startswith(before)


def test_a_broken_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    line = msgspec.json.encode(SIGN)
    path.write_bytes(line + b"\n\n{broken\n" + line + b"\n")
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert caught.value.code == "decision_broken"
    assert caught.value.params["line"] == 3


@pytest.mark.parametrize(
    ("ruling", "code"),
    [
        (Ruling(who=" ", kind="sign", target="proxy"), "decision_needs_name"),
        (Ruling(who="A", kind="waive", target=""), "decision_needs_target"),
        (_override("rga"), "decision_destination"),
        (Ruling(who="A", kind="accept", target="gate:a.b.c"), "decision_needs_bound"),
        (Ruling(who="A", kind="accept", target="proxy", value=1.0), "decision_needs_bound"),
        (Ruling(who="A", kind="sign", target="gate:a.b.c"), "decision_needs_bound"),
    ],
)
def test_incomplete_rulings_are_not_written(tmp_path: Path, ruling: Ruling, code: str) -> None:
    with pytest.raises(InputError) as caught:
        append(tmp_path / "a.jsonl", ruling)
    assert caught.value.code == code
    assert not (tmp_path / "a.jsonl").exists()


def test_the_last_override_counts_and_policy_takes_it_back() -> None:
    first, second = _override("rag"), _override("drop", who="Bo")
    assert overrides([first, second]) == {"r-0": Override(destination="drop", who="Bo", why="ours")}
    assert overrides([first, _override("policy")]) == {}
    assert overrides([SIGN, ACCEPT]) == {}


@pytest.mark.parametrize(("upper", "covered"), [(0.05, True), (0.08, True), (0.0801, False)])
def test_a_signature_covers_bounds_up_to_the_one_that_was_signed(
    upper: float, covered: bool
) -> None:
    assert (signed([ACCEPT], "gate:a.b.c", upper=upper) is ACCEPT) == covered
    assert signed([ACCEPT], "gate:a.b.d", upper=upper) is None


def _write(path: Path, who: str) -> None:
    for _ in range(10):
        append(path, Ruling(who=who, kind="sign", target="proxy"))


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(tmp_path / "a.jsonl", w)) for w in "AB"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert sorted(ruling.who for ruling in read(tmp_path)) == ["A"] * 10 + ["B"] * 10
