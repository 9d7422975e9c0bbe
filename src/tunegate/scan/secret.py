"""Secrets: what opens a door to whoever reads it, wherever in the record it stands.

betterleaks (460 rules for what services issue) does the main work in this process; its rules are
kept up elsewhere. `patterns/secret.yaml` adds what it does not know, and one set of checks keeps
placeholders, talk about passwords and program text out of both.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import betterleaks

from tunegate.keys import Key
from tunegate.scan.detector import finding
from tunegate.scan.engine import Candidate, Engine, Validator
from tunegate.scan.rules import load_rules
from tunegate.types import Finding, Hazard, Reason, Record, Severity

_CONFIDENCE = {"high": 0.95, "medium": 0.85, "low": 0.7}
# The first part of a betterleaks rule id that fits names the kind.
_KINDS: tuple[tuple[str, str, Severity], ...] = (
    ("webhook", "webhook", "high"),
    ("jwt", "jwt", "high"),
    ("private-key", "private_key", "critical"),
    ("age-secret-key", "private_key", "critical"),
    ("connection-string", "connection_string", "critical"),
    ("credential-uri", "connection_string", "critical"),
    ("password", "password", "high"),
    ("curl-auth-user", "password", "high"),
    ("client-secret", "app_secret", "critical"),
    ("app-secret", "app_secret", "critical"),
    ("generic", "api_key", "high"),
    ("aws-", "api_key", "critical"),
    ("stripe-", "api_key", "critical"),
    ("token", "access_token", "critical"),
    ("-pat", "access_token", "critical"),
    ("", "api_key", "critical"),
)
# Parts of a pair that identify and do not open: a name, an address, an account number.
_PUBLIC = re.compile(
    r"-(?:username|domain|host|url|address|name|pub-key|public-key|"
    r"(?:client|account|tenant|application|app|project)-id)(?:\.\d)?$"
)
# betterleaks pairs every id with every secret near it, so its input is kept short. What is cut
# at the end of a piece stands whole in the next one.
_STEP, _OVERLAP = 16_384, 4_096
_WHOLE = ("private_key", "connection_string", "webhook")  # the span is the match, not its value

_ALLOW = re.compile(r"(?:git|better)leaks:allow", re.IGNORECASE)
_KEY_HEADER = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
    r"(?=(?:\\[nr]|\s)*[0-9A-Za-z+/=:, \-\\\s]{40})"
    r"(?:[0-9A-Za-z+/=:,\s\\]|-(?!----))*+(?:-----END [A-Z0-9 ]{0,40}KEY(?: BLOCK)?-----)?"
)

_PLACEHOLDER = re.compile(
    r"your|example|sample|placeholder|dummy|fake|redacted|removed|changeme|change_me|insert"
    r"|replace|goes[-_]?here|x{4,}|\*{3,}|\.{3,}|^[<\[{$%]|(.)\1{6,}"
    r"|^my[-_]?(?:super|secret|pass|token|key|api)|secret[-_]?key$",
    re.IGNORECASE,
)
_SERIES = re.compile(r"0123456|1234567|abcdefg|qwertyu", re.IGNORECASE)
_FILLER = re.compile(
    r"(?:my|user)?(?:password|passwd|passphrase|passcode|secret|token|username)|pass|word|string"
    r"|null|none|undefined|true|false|user|admin|root|required|optional|(?:in)?correct|invalid"
    r"|expired|wrong|missing|empty|hashed|encrypted|protected|stored|changed|updated|needed"
    r"|forgotten",
    re.IGNORECASE,
)
_PROGRAM = re.compile(
    r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$|^[a-z]+(?:_[a-z]+)+\d?$|://|^[$/]|=="
    r"|^[\w.+-]+@[\w-]+(?:\.[a-z]{2,6}){1,2}$|^(?:re\.)?search|^process\.|^os\.",
    re.ASCII,
)
_TERM = re.compile(
    r"^(?:sha|md|aes|rsa|base|utf|bcrypt|argon|pbkdf|hmac|rfc|iso|oauth|web|ipv|mfa)[-_]?\d"
    r"|^\d{1,3}[-+~]?\d{0,3}[-+]?(?:char|digit|letter|symbol|bit|day|min|hour|time|word)"
    r"|^\d+[-~/.:]\d+(?:[-~/.:]\d+)*$",
    re.IGNORECASE,
)
_HASHED = re.compile(r"(?:sha-?\d*|md5|hash|checksum|digest|commit|摘要|哈希)\W", re.IGNORECASE)
_QUOTES = "\"'`“‘「"


class Hit(NamedTuple):
    """A secret in a text, in code points."""

    start: int
    end: int
    kind: str
    severity: Severity
    confidence: float
    rule: str


class SecretDetector:
    """Passwords, keys, tokens and other credentials in any segment."""

    name = "secret"
    hazards: tuple[Hazard, ...] = ("secret",)

    def __init__(self, key: Key) -> None:
        self._key = key
        self._engine = Engine(load_rules("secret"), VALIDATORS)

    def observe(self, record: Record) -> None:
        """Nothing: each record is judged by itself."""

    def merge(self, a: None, b: None) -> None:
        """Nothing to merge."""

    def judge(self, record: Record, summary: None) -> Iterator[Finding]:  # noqa: ARG002
        """Yields one finding a secret."""
        for segment in record.segments:
            for hit in self.find(segment.text):
                yield finding(
                    record,
                    segment,
                    hit.start,
                    hit.end,
                    key=self._key,
                    hazard="secret",
                    kind=hit.kind,
                    confidence=hit.confidence,
                    severity=hit.severity,
                    reason=Reason(code=f"secret.{hit.kind}", params={"rule": hit.rule}),
                )

    def find(self, text: str) -> list[Hit]:
        """Secrets in `text`, not overlapping; where two overlap, the longer one has the span."""
        hits = [
            Hit(m.start, m.end, m.rule.kind, m.rule.severity, m.confidence, m.rule.id)
            for m in self._engine.find(text)
        ]
        hits.extend(_private_keys(text))
        hits.extend(_kept_rules(text))
        return _longest(hits)


def placeholder(kind: str) -> str:
    """What stands for a removed secret of this kind; it is found by no rule."""
    return f"[REMOVED_{kind.upper()}]"


def _private_keys(text: str) -> Iterator[Hit]:
    """Also those cut off before their end line, which are as good as whole ones."""
    if "PRIVATE KEY" in text:
        for match in _KEY_HEADER.finditer(text):
            end = match.start() + len(match[0].rstrip())
            yield Hit(match.start(), end, "private_key", "critical", 0.97, "private_key")


def _kept_rules(text: str) -> Iterator[Hit]:
    """What betterleaks finds.

    A NUL would end its input, a lone surrogate would break it, and the remark `gitleaks:allow`
    would silence it: all three are replaced, length for length.
    """
    clean = _ALLOW.sub(lambda mark: mark[0].replace(":", ";"), text.replace("\0", " "))
    for offset in range(0, len(clean), _STEP):
        for hit in _kept_rules_in(clean[offset : offset + _STEP + _OVERLAP]):
            yield hit._replace(start=hit.start + offset, end=hit.end + offset)


def _kept_rules_in(clean: str) -> Iterator[Hit]:
    data = clean.encode("utf-8", "replace")
    found = betterleaks.scan_string(data.decode())
    if not found:
        return
    lines = [0, *(newline.end() for newline in re.finditer(b"\n", data))]
    spans: dict[tuple[int, int], tuple[str, str]] = {}
    for one in found:
        parts = [one.raw]
        for group in one.component_sets:
            parts.extend(group["components"])
        for part in parts:
            if not _PUBLIC.search(part["rule_id"]) and (span := _span(part, data, lines)):
                spans.setdefault(span, (part["rule_id"], one.confidence))
    point = _code_points(data, {offset for span in spans for offset in span})
    for (start, end), (rule, level) in spans.items():
        kind, severity = _kind(rule)
        value = data[start:end].decode("utf-8", "replace")
        if _credible(rule, kind, value, before=clean[max(0, point[start] - 24) : point[start]]):
            yield Hit(point[start], point[end], kind, severity, _CONFIDENCE.get(level, 0.7), rule)


def _span(part: Mapping[str, object], data: bytes, lines: list[int]) -> tuple[int, int] | None:
    """Byte span of a betterleaks match; its columns count bytes from 1, the last one included."""
    place, match = part["location"], part["match"]
    assert isinstance(place, Mapping) and isinstance(match, Mapping)
    start = lines[place["start_line"] - 1] + place["start_column"] - 1
    end = lines[place["end_line"] - 1] + place["end_column"]
    if _kind(str(part["rule_id"]))[0] in _WHOLE:
        return start, start + len(data[start:end].rstrip())
    value = str(match["value"]).encode()
    inner = data.find(value, start, end)
    return (inner, inner + len(value)) if inner >= 0 else (start, end)


def _kind(rule: str) -> tuple[str, Severity]:
    return next((kind, severity) for part, kind, severity in _KINDS if part in rule)


def _credible(rule: str, kind: str, value: str, *, before: str) -> bool:
    if kind == "connection_string":
        return _url_is_secret(value)
    if not rule.startswith("generic"):
        return kind in ("private_key", "webhook") or not _PLACEHOLDER.search(value)
    if kind == "password":
        return _is_password(value, quoted=before[-1:] in _QUOTES)
    return _is_token(value) and not _HASHED.search(before)


def _code_points(data: bytes, offsets: Iterable[int]) -> dict[int, int]:
    points: dict[int, int] = {}
    seen = count = 0
    for offset in sorted(offsets):
        count += len(data[seen:offset].decode("utf-8", "ignore"))
        seen = offset
        points[offset] = count
    return points


def _longest(hits: Iterable[Hit]) -> list[Hit]:
    """Drops what overlaps a longer hit, or one as long and surer; linear after a sort."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda h: (h.start, -h.end, -h.confidence, h.rule)):
        if kept and hit.start < kept[-1].end:
            if hit.end - hit.start > kept[-1].end - kept[-1].start:
                kept[-1] = hit
        else:
            kept.append(hit)
    return kept


def _is_token(value: str) -> bool:
    """A value nobody would choose: letters and digits mixed, and hardly a character repeated."""
    if _PLACEHOLDER.search(value) or _PROGRAM.search(value) or _SERIES.search(value):
        return False
    words = re.split(r"[-_./:]", value)
    digits = sum(c.isdigit() for c in value)
    chosen = all(re.fullmatch(r"[a-z]*|[A-Z][a-z]*|[A-Z]+|\d{1,4}", word) for word in words)
    mixed = digits >= 2 or bool(re.search(r"[a-z][A-Z].*[a-z][A-Z]", value))
    return mixed and not chosen and _entropy(value) >= 3.0


def _entropy(value: str) -> float:
    """Shannon entropy of the characters, in bits a character."""
    counts = Counter(value).values()
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts)


def _is_password(value: str, *, quoted: bool) -> bool:
    """Whether somebody would type this as a password, or only talks about one."""
    core = value.rstrip("!?.,:;")
    if (
        len(core) < 5
        or _FILLER.fullmatch(core)
        or _PLACEHOLDER.search(core)
        or _PROGRAM.search(core)
        or _TERM.search(core)
    ):
        return False
    if core.isdigit():
        return 6 <= len(core) <= 10  # longer ones are telephone and account numbers
    letters = any(c.isalpha() for c in core)
    digits = any(c.isdigit() for c in core)
    marks = any(c in "!@#$%^&*+=~?" for c in core)
    return (letters and (digits or marks)) or (quoted and core.isalpha() and len(core) >= 6)


def _url_is_secret(url: str) -> bool:
    login = url.partition("://")[2].rpartition("@")[0]
    value = login.partition(":")[2]
    return value != "" and not _FILLER.fullmatch(value) and not _PLACEHOLDER.search(value)


def _token(candidate: Candidate) -> float:
    before = candidate.text[max(0, candidate.start - 24) : candidate.start]
    fine = _is_token(candidate.value) and not _HASHED.search(before)
    return candidate.confidence if fine else 0.0


def _issued(candidate: Candidate) -> float:
    """A prefix that only one service gives out says enough, unless the rest is made up."""
    value = candidate.value
    made_up = _PLACEHOLDER.search(value) or _SERIES.search(value) or _entropy(value) < 3.0
    words = re.fullmatch(r"[a-z_-]+", value)
    return 0.0 if made_up or words else candidate.confidence


def _no_placeholder(candidate: Candidate) -> float:
    value = re.split(r"[=/.]", candidate.value)[
        -1
    ]  # the part of an address or token that is secret
    return 0.0 if _PLACEHOLDER.search(value) else candidate.confidence


def _password(candidate: Candidate) -> float:
    before = candidate.text[max(0, candidate.start - 1) : candidate.start]
    after = candidate.text[candidate.end : candidate.end + 1]
    if after and after in "([{位个":
        return 0.0  # a call, an index, or a rule about the length
    if _is_password(candidate.value, quoted=bool(before) and before in _QUOTES):
        return candidate.confidence
    # In Chinese a Latin word is the value itself, unless the sentence runs on: 密码是string类型
    latin = candidate.rule.id == "password_zh" and before in "是为成:： "
    runs_on = "\u4e00" <= after <= "\u9fff"
    return 0.6 if latin and not runs_on and _is_password(candidate.value, quoted=True) else 0.0


def _url_password(candidate: Candidate) -> float:
    return candidate.confidence if _url_is_secret(candidate.value) else 0.0


def _user_password(candidate: Candidate) -> float:
    value = candidate.value.partition(":")[2]
    return candidate.confidence if _is_password(value, quoted=True) else 0.0


def _basic(candidate: Candidate) -> float:
    try:
        text = base64.b64decode(candidate.value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return 0.0
    value = text.partition(":")[2]
    fine = text.isprintable() and _is_password(value, quoted=True)
    return candidate.confidence if fine else 0.0


VALIDATORS: Mapping[str, Validator] = {
    "token": _token,
    "issued": _issued,
    "no_placeholder": _no_placeholder,
    "password": _password,
    "url_password": _url_password,
    "user_password": _user_password,
    "basic": _basic,
}
