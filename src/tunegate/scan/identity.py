"""Structured identifiers of people: numbers and addresses with a form that can be checked."""

from __future__ import annotations

from collections.abc import Iterator

import phonenumbers
from phonenumbers import PhoneNumberType

from tunegate.keys import Key
from tunegate.scan.detector import PerRecord, finding
from tunegate.scan.engine import Engine, Match
from tunegate.scan.folding import compact
from tunegate.scan.reserved import without_extension
from tunegate.scan.rules import load_rules
from tunegate.scan.validators import VALIDATORS
from tunegate.types import Finding, Hazard, Reason, Record, Severity

# Rules whose numbers are written without their country's dialling code.
_COUNTRY = {
    "phone_us": "1",
    "phone_us_plain": "1",
    "phone_gb": "44",
    "phone_gb_mobile": "44",
    "phone_gb_plain": "44",
    "phone_cn_landline": "86",
    "phone_cn_landline_plain": "86",
}


class IdentityDetector(PerRecord):
    """Finds personal identifiers in every segment, prompt side too; judges each record alone."""

    name = "identity"
    hazards: tuple[Hazard, ...] = ("identity",)

    def __init__(self, key: Key) -> None:
        self._key = key
        self._engine = Engine(load_rules("identity"), VALIDATORS)

    def judge(self, record: Record, summary: None) -> Iterator[Finding]:  # noqa: ARG002
        """One finding for each identifier; what the model asks for labels the user's answer."""
        said = ""
        for segment in record.segments:
            for match in self._engine.find(segment.text, said if segment.role == "user" else ""):
                rule = match.rule
                normal = normalise(match)
                yield finding(
                    record,
                    segment,
                    match.start,
                    match.end,
                    key=self._key,
                    hazard=rule.hazard,
                    kind=rule.kind,
                    confidence=match.confidence,
                    severity=_severity(match, normal),
                    reason=_reason(match),
                    normal=normal,
                    standards=rule.standards,
                )
            said = segment.text if segment.role == "assistant" else ""


def normalise(match: Match) -> str:
    """The one form of an identifier: no separators, one letter case, with its country's code."""
    kind, value = match.rule.kind, match.value
    if kind in ("email", "wechat_id", "ip_address"):
        return value.casefold()
    if kind == "coordinates":
        return value
    # The trunk 0 of +44 (0)20 … is dialled at home only.
    number = compact(without_extension(value).replace("(0)", "") if kind == "phone" else value)
    if kind == "mobile_number":
        return number[-11:]
    country = _COUNTRY.get(match.rule.id)
    if country is not None:
        return country + number.lstrip("0").removeprefix(country if country == "1" else "")
    return number.lstrip("0") if kind == "phone" else number


def _severity(match: Match, normal: str) -> Severity:
    """A line in a building is less one person's than a mobile is; without a country none tells."""
    if match.rule.kind != "phone" or match.rule.id == "phone_labelled":
        return match.rule.severity
    line = phonenumbers.number_type(phonenumbers.parse("+" + normal))
    return "medium" if line == PhoneNumberType.FIXED_LINE else match.rule.severity


def _reason(match: Match) -> Reason:
    code = "identity.labelled" if match.context or match.rule.context_required else "identity.form"
    return Reason(code=code, params={"rule": match.rule.id})
