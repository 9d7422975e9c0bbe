"""Who trains, when it is not the native trainer."""

from __future__ import annotations

from tunegate.types import Noun


class LlamaFactory(
    Noun, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False
):
    """Section `llamafactory:` of the settings.

    Attributes:
        environment: The environment that LLaMA-Factory is installed in, or its program. Empty: what
            the variable TUNEGATE_LLAMAFACTORY names, or the program on the search path.
        config: The user's training YAML.
    """

    environment: str = ""
    config: str = ""
