"""The same view for a terminal, as rich renderables; the command line prints them.

Everything goes through `Text`, never through rich's markup: `[red]` in somebody's file name stays
`[red]`, and escape sequences were made inert before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tunegate.errors import InputError, VoidError
from tunegate.present.catalogue import Catalogue
from tunegate.present.inert import inert, tail
from tunegate.present.metrics import about
from tunegate.present.view import (
    INTO_WEIGHTS,
    EstimateRow,
    destinations,
    kept,
    rank,
    worst_findings,
)
from tunegate.types import (
    SEVERITIES,
    Decision,
    Finding,
    Gate,
    Outcome,
    Reason,
    Route,
    ScanSummary,
    Severity,
    Skipped,
    Verdict,
)

_MOST_SKIPPED = 5
_MOST_FINDINGS = 10
_SEVERITY: dict[Severity, str] = {
    "low": "dim",
    "medium": "yellow",
    "high": "dark_orange",
    "critical": "bold red",
}
_DECISION: dict[Decision, str] = {
    "go": "green",
    "conditional": "yellow",
    "no-go": "red",
    "inconclusive": "blue",
    "void": "magenta",
}
_OUTCOME: dict[Outcome, str] = {
    "pass": "green",
    "fail": "bold red",
    "inconclusive": "blue",
    "unscored": "dim",
}


def scan(summary: ScanSummary, findings: Sequence[Finding], words: Catalogue) -> RenderableType:
    """Counts by kind and severity, the gravest findings, what was skipped or not checked."""
    counts = {"records": summary.records, "findings": summary.findings}
    parts: list[RenderableType] = [Text(words.text("terminal.scanned", counts), style="bold")]
    if findings:
        parts += [Text(), _kinds(findings, words), Text(), _gravest(findings, words)]
    parts += _skipped(summary.skipped, words)
    if summary.not_checked:
        names = words.listed("hazard", summary.not_checked)
        parts.append(Text(words.text("terminal.not_checked", {"names": names}), style="yellow"))
    return Group(*parts)


def routes(routed: Sequence[Route], words: Catalogue) -> RenderableType:
    """Records by destination, each with a bar."""
    counts = destinations(routed)
    total = sum(counts.values())
    into = sum(count for name, count in counts.items() if name in INTO_WEIGHTS)
    table = _table()
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    for name, count in counts.items():
        style = "cyan" if name in INTO_WEIGHTS else "dim"
        bar = Text("█" * max(1, round(30 * count / total)), style=style)
        table.add_row(words.name("destination", name), words.number(count), bar)
    head = words.text("terminal.routed", {"total": total, "into": into})
    return Group(Text(head, style="bold"), table)


def estimate(rows: Iterable[EstimateRow], words: Catalogue) -> RenderableType:
    """What the data can show before anything is trained."""
    head = Text(words.text("section.estimate"), style="bold")
    return Group(head, *(_item(words.text(row.code, row.params)) for row in rows))


def verdict(decided: Verdict, words: Catalogue) -> RenderableType:
    """The decision, its reasons, the gates, and what to do next as commands."""
    style = _DECISION[decided.decision]
    title = Text(words.name("decision", decided.decision), style=f"bold {style}")
    body = Group(
        Text(words.text(f"meaning.{decided.decision}")),
        *(_item(text) for text in dict.fromkeys(words.say(one) for one in decided.reasons)),
    )
    parts: list[RenderableType] = [
        Panel(body, title=title, title_align="left", border_style=style, padding=(0, 1))
    ]
    if decided.gates:
        parts.append(_gates(decided.gates, words))
    for code, reasons in (
        ("headline.conditions", decided.conditions),
        ("headline.actions", decided.next_actions),
    ):
        if reasons:
            parts += [Text(), Text(words.text(code), style="bold")]
            parts += [_action(at, one, words) for at, one in enumerate(reasons, start=1)]
    return Group(*parts)


def error(problem: InputError, words: Catalogue) -> RenderableType:
    """One clear message: where, what, and what to do about it."""
    code = "terminal.void" if isinstance(problem, VoidError) else "terminal.error"
    colon = "：" if words.lang == "zh" else ": "
    head = Text(words.text(code) + colon, style="bold red")
    return head + Text(words.text(problem.code, problem.params), style="default")


def _table() -> Table:
    return Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))


def _item(text: str) -> Text:
    return Text(f"  • {text}")


def _kinds(findings: Sequence[Finding], words: Catalogue) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column(words.text("column.kind"))
    for severity in reversed(SEVERITIES):
        table.add_column(words.name("severity", severity), justify="right")
    counts = Counter((one.kind, one.severity) for one in findings)
    for row in kept(findings):
        cells = [
            Text(str(n), style=_SEVERITY[severity]) if (n := counts[(row.kind, severity)]) else ""
            for severity in reversed(SEVERITIES)
        ]
        table.add_row(Text(words.name("kind", row.kind)), *cells)
    return table


def _gravest(findings: Sequence[Finding], words: Catalogue) -> Table:
    table = _table()
    grave = [one for one in findings if rank(one.severity) >= rank("high")]
    for one in worst_findings(grave, most=_MOST_FINDINGS):
        at = one.source.line if one.source.line is not None else one.source.index
        table.add_row(
            Text(words.name("severity", one.severity), style=_SEVERITY[one.severity]),
            Text(words.name("kind", one.kind)),
            Text(f"{tail(one.source.path, limit=40)}:{at}"),
            Text(inert(one.preview, limit=32), style="dim"),
        )
    if len(grave) > _MOST_FINDINGS:
        more = words.text("terminal.more", {"n": len(grave) - _MOST_FINDINGS})
        table.add_row("", Text(more, style="dim"))
    return table


def _skipped(skipped: Sequence[Skipped], words: Catalogue) -> list[RenderableType]:
    if not skipped:
        return []
    head = words.text("terminal.skipped", {"n": len(skipped)})
    lines: list[RenderableType] = [Text(head, style="yellow")]
    for one in skipped[:_MOST_SKIPPED]:
        at = one.source.line if one.source.line is not None else one.source.index
        place = f"{tail(one.source.path, limit=40)}:{at}"
        lines.append(_item(f"{place} {words.say(one.reason)}"))
    if len(skipped) > _MOST_SKIPPED:
        lines.append(_item(words.text("terminal.more", {"n": len(skipped) - _MOST_SKIPPED})))
    return lines


def _gates(gates: Sequence[Gate], words: Catalogue) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for code in ("metric", "tolerance", "value", "interval", "outcome"):
        right = code in ("tolerance", "value", "interval")
        table.add_column(words.text(f"column.{code}"), justify="right" if right else "left")
    for gate in gates:
        scale = about(gate.metric).scale
        table.add_row(
            _gate(gate, words),
            words.number(gate.tolerance, scale),
            words.number(gate.value, scale),
            words.interval(gate.interval, scale),
            Text(words.name("outcome", gate.outcome), style=_OUTCOME[gate.outcome]),
        )
    return table


def _gate(gate: Gate, words: Catalogue) -> Text:
    name = Text(words.name("metric", gate.metric))
    stratum = str(gate.reason.params.get("stratum", "all"))
    return name if stratum == "all" else name.append(f" · {words.name('stratum', stratum)}", "dim")


def _action(at: int, reason: Reason, words: Catalogue) -> Text:
    text = Text(f"  {at}. {words.say(reason)}")
    command = reason.params.get("command")
    if isinstance(command, str) and command:
        text.append(f"\n     {inert(command, limit=400)}", style="cyan")
    return text
