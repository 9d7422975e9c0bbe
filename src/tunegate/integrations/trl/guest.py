"""Manners in somebody else's program: errors in words, and nothing of theirs left changed."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from tunegate.errors import InputError
from tunegate.present.catalogue import Catalogue

_LOG = logging.getLogger("tunegate")
_VARIABLES = ("HF_HUB_OFFLINE", "TOKENIZERS_PARALLELISM")


@contextmanager
def guest(lang: str | None) -> Iterator[None]:
    """Puts an error of ours into words, which stand below it in the traceback.

    Loading a model, TuneGate silences the libraries below it and keeps them offline; for the
    program around, all of that is as it was afterwards.

    Args:
        lang: `en` or `zh`; English if nobody says.
    """
    from transformers.utils import logging as theirs

    level, bars = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    variables = {name: os.environ.get(name) for name in _VARIABLES}
    try:
        with warnings.catch_warnings():
            yield
    except InputError as error:
        error.add_note(Catalogue.load(lang or "en").text(error.code, error.params))
        raise
    finally:
        theirs.set_verbosity(level)
        if bars:
            theirs.enable_progress_bar()
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)


def note(lang: str | None, code: str, **params: str | int | float) -> None:
    """Something that a person should know and that stops nothing, to the log `tunegate`."""
    _LOG.warning("%s", Catalogue.load(lang or "en").text(code, params))
