"""Checks that a candidate span really is what its pattern took it for.

Each takes a `Candidate` and returns a confidence, 0 to reject. What decides are base rates: one in
ten numbers passes the Luhn check by chance, one in eleven the resident number's, so a check digit
is joined with issuer ranges, dates, labels and what stands around the number.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Mapping
from itertools import pairwise

import phonenumbers
import stdnum.cn.uscc
import stdnum.gb.nhs
import stdnum.iban
import stdnum.luhn
from phonenumbers import PhoneNumberType, ValidationResult

from tunegate.scan.engine import Candidate, Validator
from tunegate.scan.folding import compact
from tunegate.scan.reserved import is_reserved, resident_check_digit, without_extension
from tunegate.scan.rules import load_words

_BORN = (1900, 2049)  # fixed, not today's date: the same input always gives the same findings

_SAMPLES = load_words("samples")
_PUBLIC_LINES = frozenset(
    {
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.UAN,
    }
)
_PLACEHOLDER_DOMAINS = re.compile(
    r"(?:(?:your|my|some|example|test|sample)[-_]?)?(?:domain|company|mail|email|site|website"
    r"|organization)\.(?:com|org|net|cn)$"
    r"|(?:x{2,}|abc|foo|bar|test|sample|example|yourdomain|yourcompany)\.[a-z.]+$"
)
_UNLISTED = 0.85  # share of the confidence kept where a number only has its plan's form
_AREA = re.compile(r"(?!(?:400|456|500|555|600|700|8(\d)\1|900|.11))[2-9]\d\d(?!.11)[2-9]\d{6}")
_URL = re.compile(r"[a-z]+://[!-~]*$", re.IGNORECASE)
# A plus or another country's code in front: part of a longer number
_DIALLED = re.compile(r"\+(?: ?(?!86)[0-9]{1,3}(?:\)[ .-]?| ?\([0-9]\) ?|[ .-]))?$")
# A term of a sum, a signed decimal, an order number with zeros in front
_NO_DIALLING = re.compile(r"\+ |\+[0-9]{1,3}\.[0-9]+$|00[0-9]+$")
_PREFIX = re.compile(r"^\(?00 ?")
_RESOLVER_LABEL = re.compile(
    r"(?<![A-Za-z])ip(?:v4)?\s?(?:地址|address)?(?:是|为|[\s:：=]|is)*$", re.IGNORECASE
)
_MATH_LEFT = re.compile(r"(?:[*×÷^$¥￥€£]\s*|=\s+-?)$")
_MATH_RIGHT = re.compile(r"\s*(?:[=*×÷^%+]|元|块|美元|美金|人民币|欧元|万|亿|千克|公里|吨)")


def _trivial(digits: str) -> bool:
    """Repeated or counting digits, and numbers that manuals print as samples."""
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(digits)}
    return steps in ({1}, {9}) or len(set(digits[-8:])) == 1 or digits in _SAMPLES["numbers"]


def _before(candidate: Candidate, width: int) -> str:
    return candidate.text[max(0, candidate.start - width) : candidate.start]


def _is_part(candidate: Candidate) -> bool:
    """The number is a piece of something longer: a decimal, a version, a chain, a link, a sum."""
    left = _before(candidate, 80)
    right = candidate.text[candidate.end : candidate.end + 4]
    if re.search(r"[0-9][.-]$", left) or re.match(r"\.[0-9]", right):
        return True
    if candidate.context:
        return False
    chained = re.search(r"[0-9A-Za-z][-_/]$", left) or re.match(r"[-_][0-9A-Za-z]", right)
    return bool(chained or _URL.search(left) or _MATH_LEFT.search(left) or _MATH_RIGHT.match(right))


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date = datetime.date(year, month, day)
    except ValueError:
        return False
    return _BORN[0] <= date.year <= _BORN[1]


def resident_id(candidate: Candidate) -> float:
    """18 characters: province, date of birth, ISO 7064 check digit."""
    value = compact(candidate.value)
    date = _is_date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    known = value[:2] in _SAMPLES["provinces"] and date
    return candidate.confidence if known and resident_check_digit(value[:17]) == value[17] else 0


def resident_id_15(candidate: Candidate) -> float:
    """15 digits, issued until 1999: province and date of birth; no check digit, so by label."""
    value = compact(candidate.value)
    date = _is_date(1900 + int(value[6:8]), int(value[8:10]), int(value[10:12]))
    return candidate.confidence if value[:2] in _SAMPLES["provinces"] and date else 0


def uscc(candidate: Candidate) -> float:
    """Unified social credit code: province and MOD 31 check character."""
    value = compact(candidate.value)
    known = value[2:4] in _SAMPLES["provinces"] or value[2:4] in ("10", "00")
    vague = value.isdigit() and not candidate.context
    return candidate.confidence if known and not vague and stdnum.cn.uscc.is_valid(value) else 0


def card(candidate: Candidate) -> float:
    """The Luhn check, on top of the issuer range that the pattern holds."""
    value = compact(candidate.value)
    if not stdnum.luhn.is_valid(value) or _trivial(value) or _is_part(candidate):
        return 0
    # 4242 4242 …, 6212 1212 …: hardly any digits of its own.
    return candidate.confidence if len(set(value)) > 3 else 0


def imei(candidate: Candidate) -> float:
    """A device number: Luhn, by label."""
    value = compact(candidate.value)
    return candidate.confidence if stdnum.luhn.is_valid(value) and not _trivial(value) else 0


def mobile(candidate: Candidate) -> float:
    """A mainland mobile number that could be somebody's."""
    value = compact(candidate.value)[-11:]
    other_country = candidate.value[0] == "1" and _DIALLED.search(_before(candidate, 10))
    plain = other_country or _trivial(value) or _is_part(candidate)
    return 0 if plain else candidate.confidence


def _phone(candidate: Candidate, region: str | None) -> float:
    """A number that is in its country's plan, and nobody's public line."""
    value = candidate.value
    reserved = is_reserved("phone", value) or is_reserved("mobile_number", value)
    dialled = region is not None and _DIALLED.search(_before(candidate, 10))
    if reserved or dialled or _is_part(candidate) or _trivial(compact(without_extension(value))):
        return 0
    try:
        number = phonenumbers.parse(_PREFIX.sub("+", value) if region is None else value, region)
    except phonenumbers.NumberParseException:
        return 0
    if phonenumbers.number_type(number) in _PUBLIC_LINES:
        return 0
    if phonenumbers.is_valid_number(number):
        return candidate.confidence
    return candidate.confidence * _UNLISTED if _fits_plan(candidate, number) else 0


def _fits_plan(candidate: Candidate, number: phonenumbers.PhoneNumber) -> bool:
    """Whether the form alone decides: new number ranges are opened all the time.

    So it does for North America, but for services; elsewhere the number must be as long as its
    country's are, and labelled or written in groups after its country's code.
    """
    national = str(number.national_number)
    if number.country_code == 1:
        return _AREA.fullmatch(national) is not None
    grouped = re.match(r"\(?(?:\+|00).*[0-9)][ -][(0-9]", candidate.value)
    length = phonenumbers.is_possible_number_with_reason(number)
    fits = len(national) >= 8 and length == ValidationResult.IS_POSSIBLE
    return fits and (candidate.context or grouped is not None)


def phone_international(candidate: Candidate) -> float:
    """`+` or 00 and a country code, valid in that country's plan."""
    if not candidate.context and _NO_DIALLING.match(candidate.value):
        return 0
    if candidate.value.startswith("00") and re.search(r"[0-9][ -]$", _before(candidate, 2)):
        return 0  # inside digits written in groups
    return _phone(candidate, None)


def phone_us(candidate: Candidate) -> float:
    """A number of the North American plan in its national form."""
    return _phone(candidate, "US")


def phone_gb(candidate: Candidate) -> float:
    """A British number in its national form."""
    return _phone(candidate, "GB")


def phone_cn(candidate: Candidate) -> float:
    """A mainland landline; its pattern holds the plan: area code, then a number from 2 to 8."""
    plain = _trivial(compact(candidate.value)) or is_reserved("phone", candidate.value)
    return 0 if plain or _is_part(candidate) else candidate.confidence


def email(candidate: Candidate) -> float:
    """A mailbox that could be somebody's: no placeholder, file name, login in a link, sample."""
    local, _, domain = candidate.value.lower().rpartition("@")
    left = _before(candidate, 80)
    placeholder = (
        local in _SAMPLES["mailboxes"]
        or (len(local) > 1 and len(set(local)) == 1)
        or _PLACEHOLDER_DOMAINS.match(domain)
        or domain.rpartition(".")[2] in _SAMPLES["file_endings"]
    )
    login = re.search(r"://[!-~]*$", left)
    if placeholder or login or ".." in candidate.value or is_reserved("email", candidate.value):
        return 0
    return candidate.confidence


def email_role(candidate: Candidate) -> float:
    """A mailbox of an office, not of a person."""
    local = candidate.value.lower().partition("@")[0]
    return email(candidate) if local in _SAMPLES["roles"] else 0


def iban(candidate: Candidate) -> float:
    """Country format and MOD 97-10 check digits."""
    valid = not is_reserved("iban", candidate.value) and stdnum.iban.is_valid(candidate.value)
    return candidate.confidence if valid else 0


def ssn(candidate: Candidate) -> float:
    """Numbers that the Social Security Administration may have given out."""
    value = compact(candidate.value)
    never = value[:3] in ("000", "666") or value[0] == "9" or value[3:5] == "00"
    plain = never or value[5:] == "0000" or _trivial(value) or _is_part(candidate)
    return 0 if plain else candidate.confidence


def nino(candidate: Candidate) -> float:
    """Prefixes that HMRC gives out."""
    value = compact(candidate.value)
    never = value[:2] in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ") or is_reserved("uk_nino", value)
    return 0 if never or _trivial(value[2:8]) else candidate.confidence


def nhs(candidate: Candidate) -> float:
    """Ten digits with a MOD 11 check digit, and no telephone number abroad."""
    value = compact(candidate.value)
    part = _is_part(candidate) or re.search(r"[0-9] $", _before(candidate, 2))
    if part or _trivial(value) or is_reserved("uk_nhs", value):
        return 0
    return candidate.confidence if stdnum.gb.nhs.is_valid(value) else 0


def document(candidate: Candidate) -> float:
    """A passport or permit by its label; the shape alone says little."""
    serial = re.sub(r"\D", "", candidate.value)
    plain = is_reserved("passport", candidate.value) or _trivial(serial)
    return 0 if plain else candidate.confidence


def plate(candidate: Candidate) -> float:
    """A number plate: at least two digits, so that words of capitals are none."""
    value = compact(candidate.value)
    digits = sum(char.isdigit() for char in value)
    return candidate.confidence if digits >= 2 and len(set(value[2:])) > 1 else 0


def ip_address(candidate: Candidate) -> float:
    """A public address; short ones without a label look like versions and section numbers."""
    value = candidate.value
    left = _before(candidate, 8)
    right = candidate.text[candidate.end : candidate.end + 2]
    chained = re.search(r"[0-9A-Za-z][.:]$|[vV]$", left) or re.match(r"[.:][0-9A-Za-z]", right)
    nobody = is_reserved("ip_address", value) or value in _SAMPLES["ips"] or _is_resolver(candidate)
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
    left = _before(candidate, 24)
    labelled = _RESOLVER_LABEL.search(left) and "dns" not in left.lower()
    return candidate.value in _SAMPLES["resolvers"] and not labelled


def mac_address(candidate: Candidate) -> float:
    """A device's own hardware address."""
    value = compact(candidate.value)
    plain = len(set(value)) <= 2 or value in _SAMPLES["macs"]
    marks = {char for char in candidate.value if not char.isalnum()}
    mixed = len(marks) > 1 or is_reserved("mac_address", value)
    return 0 if plain or mixed else candidate.confidence


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def birth_date(candidate: Candidate) -> float:
    """A real date since 1900, in year-first, day-first or month-first order."""
    numbers = [int(run) for run in re.findall(r"\d+", candidate.value)]
    named = re.search("|".join(_MONTHS), candidate.value.lower())
    if len(numbers) == 1:
        whole = numbers[0]
        numbers = [whole // 10000, whole // 100 % 100, whole % 100]
    if named:
        numbers.append(_MONTHS.index(named[0]) + 1)
    year = max(numbers)
    rest = list(numbers)
    rest.remove(year)
    a, b = rest
    return candidate.confidence if _is_date(year, a, b) or _is_date(year, b, a) else 0


_AXIS = r"(?:latitude|longitude|lat|lng|long|lon|[东西]经|[南北]纬|[经纬]度)"
# What stands between latitude and longitude; nothing that reckons with them.
_BETWEEN = re.compile(
    r"°?\s?[NSEW]?[\"'\s,，、;；|&()（）{}°度]+"
    rf"(?:(?:and|和)\s*(?={_AXIS}))?(?:{_AXIS}[\"']?\s?(?:[=:：]|是|为|is)?[\"'\s]*)?[-+]?",
    re.IGNORECASE,
)
_SERIES_LEFT = re.compile(r"[0-9]\.[0-9]{4,}\s?[,，]\s?$|[*×÷^+/]\s?$")
_SERIES_RIGHT = re.compile(r"\s?[,，]\s?-?[0-9]{1,3}\.[0-9]{4}|\s?[=*×÷^%+]")


def coordinates(candidate: Candidate) -> float:
    """Latitude and longitude in either order, on the globe; no sum and no row of numbers."""
    between = re.split(r"[0-9]+\.[0-9]+", candidate.value)[1]
    left, right = _before(candidate, 16), candidate.text[candidate.end : candidate.end + 16]
    if not _BETWEEN.fullmatch(between) or _SERIES_LEFT.search(left) or _SERIES_RIGHT.match(right):
        return 0
    a, b = (float(part) for part in re.findall(r"[0-9]+\.[0-9]+", candidate.value))
    on_globe = min(a, b) <= 90 and max(a, b) <= 180
    reserved = is_reserved("coordinates", candidate.value)
    return candidate.confidence if on_globe and not reserved else 0


def qq_number(candidate: Candidate) -> float:
    """A QQ number by its label."""
    value = candidate.value
    return 0 if _trivial(value) or is_reserved("qq_number", value) else candidate.confidence


def wechat_id(candidate: Candidate) -> float:
    """A WeChat id by its label; product words that follow the same label are none."""
    value = candidate.value
    left = _before(candidate, 4)
    word = value.isalpha() and not re.search(r"[:：]\s*$", left)
    return 0 if word or is_reserved("wechat_id", value) else candidate.confidence


VALIDATORS: Mapping[str, Validator] = {
    check.__name__: check
    for check in (
        resident_id,
        resident_id_15,
        uscc,
        card,
        imei,
        mobile,
        phone_international,
        phone_us,
        phone_gb,
        phone_cn,
        email,
        email_role,
        iban,
        ssn,
        nino,
        nhs,
        document,
        plate,
        ip_address,
        mac_address,
        birth_date,
        coordinates,
        qq_number,
        wechat_id,
    )
}
