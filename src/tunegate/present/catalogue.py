"""Words for codes: one catalogue a language, and how numbers are written in it."""

from __future__ import annotations

import functools
import math
import string
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Literal, get_args

import yaml

from tunegate.errors import InputError
from tunegate.present.inert import inert
from tunegate.present.metrics import METRICS, Scale
from tunegate.types import Reason

Lang = Literal["en", "zh"]
LANGUAGES: tuple[Lang, ...] = get_args(Lang)
_PLAIN_FLOATS = frozenset({"p", "level", "seconds", "hours", "minutes", "share"})
_LONGEST_PARAM = 600  # a path or a list of known names must be readable whole
_TO = "\u00a0–\u00a0"
_DECIMALS: dict[Scale, int] = {"percent": 1, "bits": 1, "nats": 3, "auc": 3, "loss": 3}


class Catalogue:
    """The words of one language.

    A code without words is shown as `⟨code⟩` with its parameters: a report with an ugly spot is
    better than no report.
    """

    def __init__(self, lang: Lang, words: Mapping[str, str]) -> None:
        self.lang = lang
        self._words = words
        self._codes = frozenset(words)

    @classmethod
    def load(cls, lang: str) -> Catalogue:
        """The shipped catalogue of `lang`.

        Raises:
            InputError: There is no such language.
        """
        for known in LANGUAGES:
            if lang == known:
                return _load(known)
        raise InputError("lang_unknown", lang=inert(lang, limit=20), known=", ".join(LANGUAGES))

    def codes(self) -> frozenset[str]:
        """Every code that has words."""
        return self._codes

    def template(self, code: str) -> str:
        """The words of `code` with their `{parameters}` unfilled."""
        return self._words[code]

    def text(self, code: str, params: Mapping[str, Any] | None = None) -> str:
        """The words of `code`, filled.

        A string parameter that is itself a word of ours is put into words too: `hazard=identity`
        reads as the catalogue's `hazard.identity`. Where a parameter `metric` names a known
        metric, floats are written on that metric's scale.
        """
        params = params or {}
        template = self._words.get(code)
        if template is None:
            rest = ", ".join(f"{key}={value}" for key, value in params.items())
            return inert(f"⟨{code}⟩ {rest}".rstrip(), limit=300)
        filled = _Filler(self, params).vformat(template, (), params)
        first = template[1:].partition("}")[0] if template.startswith("{") else ""
        # Our own words start a sentence with a capital; other people's names stay as they are.
        if f"{first}.{params.get(first)}" in self._words:
            return filled[:1].upper() + filled[1:]
        return filled

    def say(self, reason: Reason) -> str:
        """The words of a reason."""
        return self.text(reason.code, reason.params)

    def name(self, kind: str, value: str) -> str:
        """The name of one of our words (`name("hazard", "identity")`), or the word itself."""
        return self._words.get(f"{kind}.{value}", inert(value, limit=60))

    def listed(self, kind: str, values: Sequence[str]) -> str:
        """Several names in a row, as the language separates them."""
        return ("、" if self.lang == "zh" else ", ").join(self.name(kind, one) for one in values)

    def number(self, value: float | None, scale: Scale = "number") -> str:
        """A number on its scale: rates as %, exposure in bits, divergence in nats."""
        if value is None or math.isnan(value):
            return "–"
        if scale == "percent":
            return _percent(value)
        if scale == "number":
            return _plain(value)
        digits = _minus(f"{value:.{_DECIMALS[scale]}f}")
        unit = self._words.get(f"scale.{scale}", "")
        return f"{digits}\u00a0{unit}" if unit else digits

    def tick(self, value: float, scale: Scale = "number") -> str:
        """A number on an axis: short, no unit."""
        return f"{100 * value:.0f}%" if scale == "percent" else _minus(f"{value:.3g}")

    def change(self, value: float | None, scale: Scale = "number") -> str:
        """A difference, with its sign; rates differ by percentage points."""
        if value is None or math.isnan(value):
            return "–"
        if scale == "percent":
            points = _minus(f"{100 * value:.1f}")
            written = f"{points}\u00a0{self._words.get('scale.points', '')}"
        else:
            written = self.number(value, scale)
        return ("+" if value > 0 else "") + written

    def interval(self, interval: Sequence[float] | None, scale: Scale = "number") -> str:
        """`low – high`, the unit once."""
        if interval is None:
            return "–"
        if scale == "percent":
            return _TO.join(_percent(bound) for bound in interval)
        if scale == "number":
            return _TO.join(_plain(bound) for bound in interval)
        return _TO.join(_minus(f"{bound:.{_DECIMALS[scale]}f}") for bound in interval)

    def p(self, value: float | None) -> str:
        """A p-value, never written as zero."""
        if value is None:
            return "–"
        return "< 0.001" if value < 0.001 else f"{value:.3f}"


class _Filler(string.Formatter):
    """`str.format` that never fails: what is missing stays visible as `{name}`."""

    def __init__(self, catalogue: Catalogue, params: Mapping[str, Any]) -> None:
        self._catalogue = catalogue
        metric = METRICS.get(str(params.get("metric", "")))
        self._scale: Scale = metric.scale if metric else "number"

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        """Only plain names: attributes and items of a parameter are nobody's business."""
        del args
        if field_name not in kwargs:
            return "{" + field_name + "}", field_name
        value = kwargs[field_name]
        if isinstance(value, float) and field_name not in _PLAIN_FLOATS:
            return _Number(self._catalogue.number(value, self._scale), value), field_name
        if isinstance(value, str):
            return self._named(field_name, value), field_name
        return value, field_name

    def _named(self, field: str, value: str) -> str:
        """`kind` as a word of ours, `kinds` as several; anything else as it is."""
        words, parts = self._catalogue.codes(), value.split(", ")
        for kind in (field, field.removesuffix("s")):
            if all(f"{kind}.{part}" in words for part in parts):
                return self._catalogue.listed(kind, parts)
        return inert(value, limit=_LONGEST_PARAM)

    def format_field(self, value: Any, format_spec: str) -> str:
        """A spec that does not fit the value is ignored."""
        if isinstance(value, _Number):
            return value.__format__(format_spec)
        if not format_spec:
            return _plain(value) if isinstance(value, int | float) else str(value)
        try:
            return format(value, format_spec)
        except ValueError:
            return str(value)


class _Number:
    """A float that knows how it is written when the words ask for nothing special."""

    def __init__(self, written: str, value: float) -> None:
        self._written = written
        self._value = value

    def __format__(self, spec: str) -> str:
        try:
            return format(self._value, spec) if spec else self._written
        except ValueError:
            return self._written


@functools.cache
def _load(lang: Lang) -> Catalogue:
    text = (resources.files(__package__) / "locales" / f"{lang}.yaml").read_text(encoding="utf-8")
    return Catalogue(lang, yaml.safe_load(text))


def _percent(value: float) -> str:
    if 0 < abs(value) < 0.0005:
        return "< 0.1%" if value > 0 else "> −0.1%"
    return _minus(f"{100 * value:.1f}%")


def _plain(value: float) -> str:
    if value in (math.inf, -math.inf):
        return "∞" if value > 0 else "−∞"
    if value == int(value):
        return _minus(f"{value:,.0f}")
    return _minus(f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}")


def _minus(digits: str) -> str:
    """A true minus sign, and no `-0.0`."""
    if digits.startswith("-"):
        return "−" + digits[1:] if digits.strip("-0.%") else digits[1:]
    return digits
