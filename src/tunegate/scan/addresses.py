"""Checks of addresses: on networks, of devices, on the globe."""

from __future__ import annotations

import ipaddress
import re

from tunegate.scan.engine import Candidate
from tunegate.scan.folding import compact
from tunegate.scan.reserved import is_reserved
from tunegate.scan.samples import SAMPLES

_RESOLVER_LABEL = re.compile(
    r"(?<![A-Za-z])ip(?:v4)?\s?(?:地址|address)?(?:是|为|[\s:：=]|is)*$", re.IGNORECASE
)
# A piece of a longer chain, or glued to a word other than its label: 公网IP36.110.7.52
_CHAIN_LEFT = re.compile(
    r"[0-9A-Za-z][.:]$|_$|(?<![A-Za-z])(?!ip(?:v[46])?$)[a-z]+$", re.IGNORECASE
)
_CHAIN_RIGHT = re.compile(r"[.:][0-9A-Za-z]|[A-Za-z_]")
_PORT = re.compile(r"^:[0-9]{1,5}(?![0-9A-Za-z.:])")


def ip_address(candidate: Candidate) -> float:
    """A public address; short ones without a label look like versions and section numbers."""
    value = candidate.value
    right = candidate.text[candidate.end : candidate.end + 7]
    if "." in value:
        right = _PORT.sub("", right)
    chained = _CHAIN_LEFT.search(candidate.before(8)) or _CHAIN_RIGHT.match(right)
    nobody = is_reserved("ip_address", value) or value in SAMPLES["ips"] or _is_resolver(candidate)
    if chained or nobody:
        return 0
    try:
        public = ipaddress.ip_address(value).is_global
    except ValueError:
        return 0
    vague = "." in value and not candidate.context and len(value) < len("36.110.1.20")
    return 0 if vague or not public or value.endswith(".0.0") else candidate.confidence


def _is_resolver(candidate: Candidate) -> bool:
    """A public resolver's address, unless it is given as somebody's IP."""
    left = candidate.before(24) + candidate.label.text
    labelled = candidate.led_by(_RESOLVER_LABEL, 24) and "dns" not in left.lower()
    return candidate.value in SAMPLES["resolvers"] and not labelled


def mac_address(candidate: Candidate) -> float:
    """A device's own hardware address; groups of four need a digit, a letter and no more groups."""
    value = compact(candidate.value)
    plain = len(set(value)) <= 2 or value in SAMPLES["macs"]
    if candidate.rule.id == "mac_address_grouped":
        right = candidate.text[candidate.end : candidate.end + 2]
        chained = re.search(r"[0-9A-Za-z][.-]$", candidate.before(2)) or re.match(r"[.-]\w", right)
        word = value.isalpha() or (value.isdigit() and not candidate.context)
        unlabelled = "-" in candidate.value and not candidate.context
        plain = plain or word or unlabelled or chained is not None
    marks = {char for char in candidate.value if not char.isalnum()}
    mixed = len(marks) > 1 or is_reserved("mac_address", value)
    return 0 if plain or mixed else candidate.confidence


_MAC_LABEL = re.compile(
    r"(?:mac(?:s|es)?|bssid|hwaddr|ether|物理地址|硬件地址|网卡)"
    r"(?:\s?(?:address(?:es)?|addr|id|no|地址|of (?:the )?[\w-]+(?: [\w-]+)?|is|是|为)"
    r"|[\s:：=#.,()（）|\"'_>-])*$",
    re.IGNORECASE,
)
_MAC_BEHIND = re.compile(r"\s?[(（]\s?(?:\w{1,8}\s?)?mac", re.IGNORECASE)


def mac_address_labelled(candidate: Candidate) -> float:
    """Written without colons it could be any hash: only next to its label."""
    right = candidate.text[candidate.end : candidate.end + 12]
    labelled = candidate.led_by(_MAC_LABEL, 40) or _MAC_BEHIND.match(right)
    chained = re.search(r"[0-9A-Za-z][.-]$", candidate.before(2)) or re.match(r"[.-]\w", right)
    return mac_address(candidate) if labelled and not chained else 0


_AXIS = r"(?:latitude|longitude|lat|lng|long|lon|[东西]经|[南北]纬|[经纬]度)"
# What stands between latitude and longitude; nothing that reckons with them.
_BETWEEN = re.compile(
    r"°?\s?[NSEW]?[\"'\s,，、;；|&()（）{}°度]+"
    rf"(?:(?:and|和)\s*(?={_AXIS}))?(?:{_AXIS}[\"']?\s?(?:[=:：]|是|为|is)?[\"'\s]*)?[-+]?",
    re.IGNORECASE,
)
_SERIES_LEFT = re.compile(r"[0-9]\.[0-9]{4,}\s?[,，]\s?$|[*×÷^+/]\s?$")
_PLANE = re.compile(
    r"象限|直角坐标|平面|原点|向量|[xy][轴-]|quadrant|vector|the plane", re.IGNORECASE
)
_SERIES_RIGHT = re.compile(r"\s?[,，]\s?-?[0-9]{1,3}\.[0-9]{4}|\s?[=*×÷^%+]")


def coordinates(candidate: Candidate) -> float:
    """Latitude and longitude in either order, on the globe; no sum and no row of numbers."""
    between = re.split(r"[0-9]+\.[0-9]+", candidate.value)[1]
    left, right = candidate.before(16), candidate.text[candidate.end : candidate.end + 16]
    if not _BETWEEN.fullmatch(between) or _SERIES_LEFT.search(left) or _SERIES_RIGHT.match(right):
        return 0
    if _PLANE.search(left + candidate.text[candidate.end : candidate.end + 24]):
        return 0
    a, b = (float(part) for part in re.findall(r"[0-9]+\.[0-9]+", candidate.value))
    on_globe = min(a, b) <= 90 and max(a, b) <= 180
    reserved = is_reserved("coordinates", candidate.value)
    return candidate.confidence if on_globe and not reserved else 0
