"""Intent: the three questions, asked before anything is trained."""

from __future__ import annotations

from tunegate.types import Noun


class Intent(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the team answers before a fine-tune.

    Attributes:
        need: What the tuned model is for.
        audiences: Who will read what it says.
        settings: Where it will say it.
        unacceptable: Outputs that must not happen in any of these settings.
        tried: What was tried without fine-tuning (rules, retrieval), and why it was not enough.
    """

    need: str = ""
    audiences: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    unacceptable: tuple[str, ...] = ()
    tried: str = ""


def missing(intent: Intent) -> tuple[str, ...]:
    """The names of the questions that have no answer yet; blanks and `?` are no answers."""
    return tuple(name for name in Intent.__struct_fields__ if not answers(intent, name))


def answers(intent: Intent, name: str) -> tuple[str, ...]:
    """The answers to one question, blanks and `?` left out."""
    value = getattr(intent, name)
    given = (value,) if isinstance(value, str) else value
    return tuple(text.strip() for text in given if text.strip(" ?？\t\r\n"))
