"""How a command talks: results on standard output, everything else on standard error."""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from tunegate.errors import InputError
from tunegate.files import Document
from tunegate.models.endpoints import is_endpoint
from tunegate.present import terminal
from tunegate.present.catalogue import Catalogue
from tunegate.present.view import EstimateRow
from tunegate.tune.llamafactory import Change
from tunegate.types import Reason, Verdict
from tunegate.verdict import is_open

_QUIET_SECONDS = 20.0  # between two lines about the same work where there is no terminal


def environment_language(environment: Mapping[str, str]) -> str:
    """The user's language: `zh` where the locale says so, else `en`."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((environment[name] for name in names if environment.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


class Session:
    """One command's voice. With `as_json`, standard output holds one JSON document and no more."""

    def __init__(self, *, lang: str | None, as_json: bool, quiet: bool) -> None:
        self._asked = lang
        self.words = Catalogue.load(lang or environment_language(os.environ))
        self._as_json = as_json
        self._quiet = quiet
        plain = {"highlight": False, "markup": False, "emoji": False}
        self._out = Console(file=sys.stdout, **plain)  # type: ignore[arg-type]
        self._err = Console(file=sys.stderr, **plain)  # type: ignore[arg-type]
        self._bars: Progress | None = None
        self._tasks: dict[str, Any] = {}
        self._last: tuple[str, float] = ("", 0.0)

    def speak(self, lang: str | None) -> None:
        """Takes the settings' language, where the command line named none."""
        if lang and not self._asked:
            self.words = Catalogue.load(lang)

    def note(self, code: str, **params: str | int | float) -> None:
        """A line for whoever is watching."""
        if not self._quiet:
            self._err.print(Text(self.words.text(code, params), style="dim"), soft_wrap=True)

    def connects(self, *models: str) -> None:
        """To whom questions go; to nobody, where no model is named by an address."""
        hosts = sorted({urlsplit(name).hostname or "?" for name in models if is_endpoint(name)})
        for host in hosts:
            self.note("cli.endpoint", host=host)
        if not hosts:
            self.note("cli.local")

    def announce(self, rows: Sequence[Reason]) -> None:
        """What the data can show and what it costs, before anything is trained."""
        if not self._quiet:
            shown = [EstimateRow(code=one.code, params=one.params) for one in rows]
            self._err.print(terminal.estimate(shown, self.words))

    def result(self, document: Any, shown: RenderableType) -> None:
        """What the command was asked for: a JSON document, or the same for people."""
        if self._as_json:
            sys.stdout.write(Document.encode(document).decode())
            sys.stdout.flush()
        else:
            self._out.print(shown, soft_wrap=isinstance(shown, Text))

    def line(self, code: str, **params: str | int | float) -> Text:
        """A line in words, for `result`."""
        return Text(self.words.text(code, params))

    def decided(self, verdict: Verdict, *, folder: str) -> int:
        """The verdict, with the folder in its commands, and the exit status that goes with it."""
        named = tuple(_naming(one, folder) for one in verdict.next_actions)
        shown = msgspec.structs.replace(verdict, next_actions=named)
        self.result(shown, terminal.verdict(shown, self.words))
        if verdict.decision == "void":
            return 3
        return 0 if is_open(verdict) else 1

    def intent_open(self, questions: Sequence[str], *, folder: str) -> None:
        """Nothing is trained yet: which questions are open, and the two ways on."""
        names = ", ".join(self.words.name("intent", one) for one in questions)
        code, count = "cli.intent_open", len(questions)
        line = self.line(code, count=count, questions=names, folder=folder)
        self.result({"stopped": "intent", "questions": list(questions)}, line)

    def changed(self, changes: Iterable[Change]) -> None:
        """What of the user's own YAML is set otherwise for the trial."""
        for one in changes:
            self.note(
                "cli.llamafactory_change", key=one.key, was=one.was or "–", becomes=one.becomes
            )

    def problem(self, error: InputError) -> None:
        """One clear message; with JSON also as the document, for programs."""
        self._err.print(terminal.error(error, self.words), soft_wrap=True)
        if self._as_json:
            message = self.words.text(error.code, error.params)
            body = {"code": error.code, "params": msgspec.to_builtins(dict(error.params))}
            self.result({"error": {**body, "message": message}}, Text())

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Shows progress while the block runs: bars on a terminal, else a line now and then."""
        if self._quiet or not self._err.is_terminal:
            yield
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._err, transient=True) as self._bars:
            yield
        self._bars = None

    def progress(self, code: str, done: int, total: int) -> None:
        """The callback that stages report to; `total` is 0 while it is not known."""
        if self._quiet:
            return
        if self._bars is not None:
            if code not in self._tasks:
                text = self.words.text(code, {"done": done, "total": total})
                self._tasks[code] = self._bars.add_task(text, total=total or None)
            self._bars.update(self._tasks[code], completed=done, total=total or None)
            return
        last, when = self._last
        now = time.monotonic()
        if code != last or now - when >= _QUIET_SECONDS:
            self._last = (code, now)
            text = self.words.text(code, {"done": done, "total": total})
            self._err.print(Text(f"{text} {done}/{total or '?'}"), soft_wrap=True)


def _naming(action: Reason, folder: str) -> Reason:
    """An action of the verdict, which says `RUN` so that equal runs give equal bytes."""
    command = str(action.params.get("command", ""))
    placed = re.sub(r"\bRUN\b", lambda _: shlex.quote(folder), command)
    return Reason(code=action.code, params={**action.params, "command": placed})
