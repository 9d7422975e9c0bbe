"""The program `tunegate`: finds the verb and hands over."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from typing import TextIO

import click

from tunegate import __version__

# Verb → its line in the list; the modules are loaded one at a time, for torch is far away then.
VERBS: Mapping[str, str] = {
    "init": "Write a minimal tunegate.yaml, also from a LLaMA-Factory YAML.",
    "scan": "Find what is hazardous in a dataset, and why.",
    "route": "Give every record one destination: weights, RAG, rules, people.",
    "estimate": "Say what the data can show and what it costs, before training.",
    "plant": "Write the audit design: members, held-out units, canaries.",
    "tune": "Train the arms.",
    "diff": "Measure how behaviour changed against the base model.",
    "verdict": "Decide: go, conditional, no-go, inconclusive or void.",
    "sign": "Record what a named person decides.",
    "report": "Write the report of what has run so far.",
    "run": "All of it in order; goes on where it was stopped.",
    "demo": "The whole of it on the embedded model and a generated dataset.",
    "doctor": "Say what this machine has and lacks.",
}


class Verbs(click.Group):
    """A group that imports a verb's module only when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs in the order of a run."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The verb's command, or None."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"tunegate.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Lists the verbs without importing any."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=Verbs,
    epilog="Nothing leaves this machine unless your settings name an endpoint.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="tunegate")
def program() -> None:
    """The risk gate in front of LLM fine-tuning.

    \b
    tunegate demo                    see it work, in minutes
    tunegate run train_lora.yaml     a LLaMA-Factory YAML, as it is
    tunegate scan data/              data only, no model needed
    """


def main() -> None:
    """Entry point of the program."""
    for stream in (sys.stdout, sys.stderr):
        _forgiving(stream)
    program()


def _forgiving(stream: TextIO) -> None:
    """A file name that the terminal cannot show must not end the program."""
    if reconfigure := getattr(stream, "reconfigure", None):
        reconfigure(errors="backslashreplace")
