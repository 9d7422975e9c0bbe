"""What all verbs share: their common options, and how errors become exit statuses."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tunegate.cli.session import Session
from tunegate.errors import InputError, VoidError
from tunegate.present.catalogue import LANGUAGES

DONE, CLOSED, WRONG, VOID = 0, 1, 2, 3
CRASHED = 70  # sysexits.h: an internal error, apart from the four that programs rely on
INTERRUPTED = 130
DEBUG = "TUNEGATE_DEBUG"

Body = Callable[..., int]
Option = Callable[[Callable[..., Any]], Callable[..., Any]]


def verb(*, example: str) -> Callable[[Body], click.Command]:
    """Makes a command of a function that takes a `Session` and gives the exit status.

    The function's docstring is the help text; `example` closes it.
    """

    def decorate(body: Body) -> click.Command:
        @functools.wraps(body)
        def call(*, lang: str | None, as_json: bool, quiet: bool, **options: Any) -> None:
            session = Session(lang=lang, as_json=as_json, quiet=quiet)
            click.get_current_context().exit(_status(session, body, options))

        name = body.__module__.rpartition(".")[2]
        command = click.command(name, epilog=f"\b\nExample:\n  {example}")(call)
        command.params += [
            click.Option(["--lang"], type=click.Choice(LANGUAGES), help="Language of the output."),
            click.Option(
                ["--json", "as_json"], is_flag=True, help="One JSON document on standard output."
            ),
            click.Option(["--quiet"], is_flag=True, help="No progress."),
        ]
        return command

    return decorate


def run_option(*, required: bool = True) -> Option:
    """`--run DIR`."""
    return click.option(
        "--run", "folder", type=click.Path(), required=required, metavar="DIR", help="Run folder."
    )


def policy_option() -> Option:
    """`--policy FILE`."""
    return click.option(
        "--policy",
        type=click.Path(),
        metavar="FILE",
        help="Policy: internal, public, regulated, or a file of your own.",
    )


def depth_option() -> Option:
    """`--depth`."""
    return click.option(
        "--depth",
        type=click.Choice(["quick", "standard", "full"]),
        help="How much work; what is left out is unscored.",
    )


def trainer_option() -> Option:
    """`--trainer`."""
    return click.option(
        "--trainer",
        type=click.Choice(["native", "llamafactory"]),
        help="Who trains; llamafactory is asked for its template, too.",
    )


def config_option(what: str) -> Option:
    """`--config FILE`, a trainer's YAML; `what` is taken from it."""
    return click.option(
        "--config", type=click.Path(), metavar="FILE", help=f"Take {what} from this YAML."
    )


def policy_path(name: str | None) -> str | None:
    """A policy given as a file is found again from any folder."""
    return str(Path(name).resolve()) if name and Path(name).is_file() else name


def _status(session: Session, body: Body, options: dict[str, Any]) -> int:
    try:
        with session.watching():
            return body(session, **options)
    except VoidError as error:
        session.problem(error)
        return VOID
    except InputError as error:
        session.problem(error)
        return WRONG
    except KeyboardInterrupt:
        session.note("cli.interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone; say nothing more to them
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        return DONE
    except click.ClickException:
        raise
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        session.problem(InputError("cli.crashed", kind=type(error).__name__, at=_place(error)))
        return CRASHED


def _place(error: BaseException) -> str:
    """Where it happened; never what: an exception's own text may hold data."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
