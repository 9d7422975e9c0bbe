"""The run folder: the only module that knows its paths.

Every file is written beside its place, flushed to the disk and renamed, so a kill leaves the old
file or the new one and never half of either. A stage is keyed by the content of its inputs: it is
skipped when the manifest says that it ran on the same inputs and its outputs are still what it
wrote, and runs again otherwise. Times live in `timings.json` only.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from tunegate import __version__, memory
from tunegate.errors import InputError
from tunegate.files import (
    STAGING,
    Document,
    Lines,
    Text,
    hash_path,
    rename_folder,
    translate_errors,
)
from tunegate.keys import KEY_FILE, Key, content_hash, load_key
from tunegate.types import (
    Arm,
    Curve,
    Evidence,
    Finding,
    Json,
    Lineage,
    Measurement,
    Noun,
    Reason,
    Route,
    ScanSummary,
    Verdict,
)

_PRIVATE_FOLDER = 0o700
_MARKS = ("manifest.json", "run.yaml", ".lock")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=-]{0,63}")


class StageStats(Noun, frozen=True, kw_only=True):
    """What a stage tells of its own work: the records it got through, and rates by name."""

    records: int
    rates: Mapping[str, float] = {}


class StageRecord(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """A stage in the manifest: what it ran on and what it left, each as a hash."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    version: str


class Timing(Noun, frozen=True, kw_only=True, omit_defaults=False):
    """What a stage cost when it last ran; of a resumed stage, the part after the resume."""

    seconds: float
    peak_memory_bytes: int
    records: int
    records_per_second: float
    rates: Mapping[str, float] = {}


def find_project(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds a project key, or `start` itself."""
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / KEY_FILE).is_file():
            return folder
    return start


class Run:
    """One run folder. Open it with `Run.open`; write to it inside `with run.lock():`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._key: Key | None = None
        self.settings = Text(root / "run.yaml")
        self.findings = Lines[Finding](root / "scan" / "findings.jsonl", Finding)
        self.summary = Document[ScanSummary](root / "scan" / "summary.json", ScanSummary)
        self.routes = Lines[Route](root / "route" / "routes.jsonl", Route)
        self.lineage = Lines[Lineage](root / "route" / "lineage.jsonl", Lineage)
        self.rules = Text(root / "route" / "rules.yaml")
        self.human = Lines[Json](root / "route" / "human.jsonl", Any)
        self.estimate = Document[tuple[Reason, ...]](
            root / "estimate" / "estimate.json", tuple[Reason, ...]
        )
        self.design = Document[Json](root / "plant" / "design.json", Any)
        self.measurements = Document[tuple[Measurement, ...]](
            root / "diff" / "measurements.json", tuple[Measurement, ...]
        )
        self.curves = Document[tuple[Curve, ...]](root / "diff" / "curves.json", tuple[Curve, ...])
        self.evidence = Lines[Evidence](root / "diff" / "evidence.jsonl", Evidence)
        self.verdict = Document[Verdict](root / "verdict.json", Verdict)
        self._manifest = Document[dict[str, StageRecord]](
            root / "manifest.json", dict[str, StageRecord]
        )
        self._timings = Document[dict[str, Timing]](root / "timings.json", dict[str, Timing])

    @classmethod
    def open(cls, path: str | Path, *, create: bool = False) -> Run:
        """Opens a run folder, or makes one (mode 0700).

        Raises:
            InputError: There is no run, or `path` is a file or holds somebody else's files.
        """
        root = Path(path)
        if root.exists() and not root.is_dir():
            raise InputError("run_not_folder", path=str(path))
        held = [entry.name for entry in root.iterdir()] if root.is_dir() else []
        known = any(mark in held for mark in _MARKS)
        if not create and not known:
            raise InputError("run_missing", path=str(path))
        if held and not known and not all(name.startswith(STAGING) for name in held):
            raise InputError("run_not_ours", path=str(path))
        with translate_errors(root):
            root.mkdir(parents=True, exist_ok=True)
            if create:
                root.chmod(_PRIVATE_FOLDER)
        return cls(root.resolve())

    @property
    def key(self) -> Key:
        """The project's key, made on first use in the project that the program was started in."""
        if self._key is None:
            self._key = load_key(find_project(Path.cwd()))
        return self._key

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other processes out and sweeps what a killed one left half-written.

        Raises:
            InputError: Another process is at work on this folder.
        """
        with translate_errors(self.root):
            lock = filelock.FileLock(self.root / ".lock", mode=0o600)
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                raise InputError("run_locked", path=str(self.root)) from None
        try:
            self._sweep()
            yield
        finally:
            lock.release()

    def _sweep(self) -> None:
        for stale in sorted(self.root.rglob(STAGING + "*"), reverse=True):
            if stale.is_dir() and not stale.is_symlink():
                shutil.rmtree(stale, ignore_errors=True)
            else:
                stale.unlink(missing_ok=True)

    def path(self, relative: str) -> Path:
        """A path of the layout, such as `route/finetune`; its parent is made."""
        path = self.root / relative
        with translate_errors(path):
            if Path(relative).parts[0] == "vault":
                (self.root / "vault").mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def vault(self, *parts: str) -> Path:
        """A path in `vault/` (mode 0700): everything raw or weight-bearing. Its parent is made."""
        return self.path("/".join(("vault", *parts)))

    def arm_folder(self, name: str) -> Path:
        """`tune/arms/NAME`.

        Raises:
            InputError: The name would not do as a folder's.
        """
        if not _NAME.fullmatch(name):
            raise InputError("arm_name", name=name[:60])
        return self.path(f"tune/arms/{name}")

    def arm(self, name: str) -> Document[Arm]:
        """`tune/arms/NAME/arm.json`."""
        return Document[Arm](self.arm_folder(name) / "arm.json", Arm)

    def arms(self) -> tuple[Arm, ...]:
        """Every arm that was trained, by name."""
        found = sorted((self.root / "tune" / "arms").glob("*/arm.json"))
        return tuple(Document[Arm](path, Arm).read() for path in found)

    @property
    def decisions(self) -> Path:
        """`decisions/`: what people decided; stages only read it."""
        return self.root / "decisions"

    def report(self, lang: str) -> Text:
        """`report.LANG.html`."""
        return Text(self.root / f"report.{lang}.html")

    @contextmanager
    def new_folder(self, relative: str) -> Iterator[Path]:
        """A fresh folder that takes the place of `relative` when the block ends well.

        Example:
            with run.new_folder("route/finetune") as folder:
                records.write(folder, kept, like=dataset)
        """
        target = self.path(relative)
        with translate_errors(target):
            staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=target.parent))
            try:
                yield staging
                rename_folder(staging, target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)

    def stage(
        self,
        name: str,
        inputs: Mapping[str, str],
        work: Callable[[], StageStats | None],
        outputs: Sequence[str],
    ) -> bool:
        """Runs `work`, unless it ran before on the same inputs and its outputs still stand.

        When the outputs come out other than before, the stages that were fed by them are
        forgotten and what they left outside the vault is removed: a verdict never stands beside
        findings that it was not made from.

        Args:
            name: The stage's name in the manifest.
            inputs: Everything that the outputs depend on, name → hash. An output of another stage
                goes in under its path (`run.made_by("scan")` gives them).
            work: Writes the outputs; may itself resume from what it keeps in the vault.
            outputs: Paths relative to the run folder; a folder counts with all that it holds.

        Returns:
            Whether `work` ran.

        Raises:
            InputError: The disk is full, or a file cannot be written.
        """
        if self.done(name, inputs=inputs):
            return False
        before = self._stages()
        with translate_errors(self.root), memory.peak() as peak:
            start = time.perf_counter()
            stats = work()
            seconds = time.perf_counter() - start
        record = StageRecord(
            inputs=dict(inputs),
            outputs={path: hash_path(self.root / path) for path in outputs},
            version=__version__,
        )
        after = self._without_stale(before, {**before, name: record})
        self._manifest.write(after)
        self._note_timing(name, seconds, peak(), stats or StageStats(records=0), keep=after)
        return True

    def done(self, name: str, *, inputs: Mapping[str, str] | None = None) -> bool:
        """Whether a stage ran (on `inputs`, where given) and its outputs are as it left them."""
        record = self._stages().get(name)
        if record is None or record.version != __version__:
            return False
        if inputs is not None and dict(inputs) != dict(record.inputs):
            return False
        return all(
            (self.root / path).exists() and hash_path(self.root / path) == expected
            for path, expected in record.outputs.items()
        )

    def done_stages(self) -> tuple[str, ...]:
        """The stages whose outputs are as they left them, by name."""
        return tuple(name for name in sorted(self._stages()) if self.done(name))

    def made_by(self, name: str) -> dict[str, str]:
        """A stage's outputs, path → hash, ready to be another stage's inputs.

        Raises:
            InputError: The stage has not run yet.
        """
        record = self._stages().get(name)
        if record is None:
            raise InputError("stage_missing", verb=name, path=str(self.root))
        return dict(record.outputs)

    def inputs_of(self, name: str) -> Mapping[str, str]:
        """What a stage last ran on; empty if it has not run."""
        record = self._stages().get(name)
        return record.inputs if record else {}

    def timings(self) -> dict[str, Timing]:
        """What each stage cost when it last ran."""
        return self._timings.read() if self._timings.exists() else {}

    def _stages(self) -> dict[str, StageRecord]:
        return self._manifest.read() if self._manifest.exists() else {}

    def _without_stale(
        self, before: Mapping[str, StageRecord], after: Mapping[str, StageRecord]
    ) -> dict[str, StageRecord]:
        """Drops the stages that were fed by an output that is now another, and theirs in turn."""
        kept = dict(after)
        ours = {path for record in (*before.values(), *after.values()) for path in record.outputs}
        while True:
            now = {path: one for record in kept.values() for path, one in record.outputs.items()}
            stale = [
                name
                for name, record in kept.items()
                if any(path in ours and now.get(path) != one for path, one in record.inputs.items())
            ]
            if not stale:
                return kept
            for name in stale:
                self._remove(kept.pop(name).outputs, spare=kept)

    def _remove(self, outputs: Mapping[str, str], *, spare: Mapping[str, StageRecord]) -> None:
        still_made = {path for record in spare.values() for path in record.outputs}
        for path in outputs.keys() - still_made:
            if path.startswith("vault/"):  # keyed by content there, and dear to make again
                continue
            target = self.root / path
            if target.is_dir():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)

    def _note_timing(
        self, name: str, seconds: float, peak: int, stats: StageStats, *, keep: Mapping[str, Any]
    ) -> None:
        timing = Timing(
            seconds=round(seconds, 3),
            peak_memory_bytes=peak,
            records=stats.records,
            records_per_second=round(stats.records / seconds, 3) if seconds > 0 else 0.0,
            rates=stats.rates,
        )
        timings = {**self.timings(), name: timing}
        self._timings.write({stage: one for stage, one in timings.items() if stage in keep})


def settings_hash(*values: Any) -> str:
    """The hash of settings (structs, numbers, texts) that a stage depends on."""
    return content_hash(*(Document.encode(value) for value in values))
