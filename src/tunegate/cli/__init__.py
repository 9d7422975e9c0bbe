"""The command line: one thin module a verb. Everything it does, the library does without it."""

from tunegate.cli.app import main

__all__ = ["main"]
