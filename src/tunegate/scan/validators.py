"""Checks that a candidate span really is what its pattern took it for.

Each takes a `Candidate` and returns a confidence, 0 to reject. What decides are base rates: one in
ten numbers passes the Luhn check by chance, one in eleven the resident number's, so a check digit
is joined with issuer ranges, dates, labels and what stands around the number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import phonenumbers
import stdnum.cn.uscc
import stdnum.gb.nhs
import stdnum.iban
import stdnum.luhn
from phonenumbers import PhoneNumberType, ValidationResult

from tunegate.scan.addresses import coordinates, ip_address, mac_address, mac_address_labelled
from tunegate.scan.births import birth_date, is_date
from tunegate.scan.documents import (
    cn_passport,
    document,
    passport,
    passport_grouped,
    taiwan_permit,
)
from tunegate.scan.engine import Candidate, Validator
from tunegate.scan.folding import compact
from tunegate.scan.reserved import is_reserved, resident_check_digit, without_extension
from tunegate.scan.samples import SAMPLES, trivial

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
_JOINED_LEFT, _JOINED_RIGHT = re.compile(r"[0-9][.-]$"), re.compile(r"\.[0-9]")
_CHAIN_LEFT, _CHAIN_RIGHT = re.compile(r"[0-9A-Za-z][-_/]$"), re.compile(r"[-_][0-9A-Za-z]")
_MATH_LEFT = re.compile(r"(?:[*×÷^$¥￥€£]\s*|=\s+-?)$")
_MATH_RIGHT = re.compile(r"\s*(?:[=*×÷^%+]|元|块|美元|美金|人民币|欧元|万|亿|千克|公里|吨)")


def _is_part(candidate: Candidate) -> bool:
    """The number is a piece of something longer: a decimal, a version, a chain, a link, a sum."""
    left = candidate.before(80)
    right = candidate.text[candidate.end : candidate.end + 4]
    if _JOINED_LEFT.search(left) or _JOINED_RIGHT.match(right):
        return True
    if candidate.context:
        return False
    chained = _CHAIN_LEFT.search(left) or _CHAIN_RIGHT.match(right)
    return bool(chained or _URL.search(left) or _MATH_LEFT.search(left) or _MATH_RIGHT.match(right))


def resident_id(candidate: Candidate) -> float:
    """18 characters: province, date of birth, ISO 7064 check digit."""
    value = compact(candidate.value)
    date = is_date(int(value[6:10]), int(value[10:12]), int(value[12:14]))
    known = value[:2] in SAMPLES["provinces"] and date
    return candidate.confidence if known and resident_check_digit(value[:17]) == value[17] else 0


def resident_id_15(candidate: Candidate) -> float:
    """15 digits, issued until 1999: province and date of birth; no check digit, so by label."""
    value = compact(candidate.value)
    date = is_date(1900 + int(value[6:8]), int(value[8:10]), int(value[10:12]))
    return candidate.confidence if value[:2] in SAMPLES["provinces"] and date else 0


def uscc(candidate: Candidate) -> float:
    """Unified social credit code: province and MOD 31 check character."""
    value = compact(candidate.value)
    known = value[2:4] in SAMPLES["provinces"] or value[2:4] in ("10", "00")
    vague = value.isdigit() and not candidate.context
    return candidate.confidence if known and not vague and stdnum.cn.uscc.is_valid(value) else 0


def card(candidate: Candidate) -> float:
    """The Luhn check, on top of the issuer range that the pattern holds."""
    value = compact(candidate.value)
    if not stdnum.luhn.is_valid(value) or trivial(value) or _is_part(candidate):
        return 0
    # 4242 4242 …, 6212 1212 …: hardly any digits of its own.
    return candidate.confidence if len(set(value)) > 3 else 0


def imei(candidate: Candidate) -> float:
    """A device number: Luhn, by label."""
    value = compact(candidate.value)
    valid = candidate.context and stdnum.luhn.is_valid(value) and not trivial(value)
    return candidate.confidence if valid else 0


def _goes_on(candidate: Candidate) -> bool:
    """Groups of digits begin before it: 3520 9900 1761 481. Five could be a postcode."""
    left = candidate.before(5)
    return " " in candidate.value and re.search(r"(?<![0-9])[0-9]{3,4} $", left) is not None


def mobile(candidate: Candidate) -> float:
    """A mainland mobile number that could be somebody's."""
    value = compact(candidate.value)[-11:]
    other_country = candidate.value[0] == "1" and _DIALLED.search(candidate.before(10))
    # 1 3 9 … inside a longer row of digits
    inner = candidate.value[1] == " " and re.search(r"[0-9] $", candidate.before(2))
    plain = other_country or inner or trivial(value) or _is_part(candidate)
    return 0 if plain else candidate.confidence


def _phone(candidate: Candidate, region: str | None) -> float:
    """A number that is in its country's plan, and nobody's public line."""
    value = candidate.value
    reserved = is_reserved("phone", value) or is_reserved("mobile_number", value)
    dialled = region is not None and _DIALLED.search(candidate.before(10))
    if (
        reserved
        or dialled
        or _goes_on(candidate)
        or _is_part(candidate)
        or trivial(compact(without_extension(value)))
    ):
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
    if re.match(
        r"\+[0-9]{1,3} ?\([0-9]{1,4}\) ?[0-9]{2,4} [0-9]{3,4}(?: [0-9]{3,4})?$", candidate.value
    ):
        return 8 <= len(national) <= 11
    grouped = re.match(r"\(?(?:\+|00).*[0-9)][ -][(0-9]", candidate.value)
    length = phonenumbers.is_possible_number_with_reason(number)
    fits = len(national) >= 8 and length == ValidationResult.IS_POSSIBLE
    return fits and (candidate.context or grouped is not None)


def phone_international(candidate: Candidate) -> float:
    """`+` or 00 and a country code, valid in that country's plan."""
    if not candidate.context and _NO_DIALLING.match(candidate.value):
        return 0
    if candidate.value.startswith("00") and re.search(r"[0-9][ -]$", candidate.before(2)):
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
    plain = trivial(compact(candidate.value)) or is_reserved("phone", candidate.value)
    return 0 if plain or _goes_on(candidate) or _is_part(candidate) else candidate.confidence


_PHONE_LABEL = re.compile(
    r"(?:(?<![A-Za-z])(?:(?:tele|cell|mobile)?\s?phones?|tele?|ph|mob(?:iles?)?|cell(?:ular)?|call|dial(?:led)?"
    r"|ring|rang|fax|text(?:ed)?|sms|whatsapp|viber|contact|reach|landline|direct line|voicemail)"
    r"|(?:^|[\n|·•])\s*[tm](?=\s?[:：])|(?<![A-Za-z])call ?back"
    r"|(?<![A-Za-z])(?:best|good|new|daytime|evening|home|work|office|emergency) number"
    r"|电话|電話|手机|手機|座机|固话|宅电|传真|致电|拨打|打给|联系方式|联系人|联系|联络|来电|回电|回拨|短信)"
    r"(?:号码|号|是|为|numbers?(?:\(s\))?|no|num|nr|me|us|him|her|them|at|on|is|was|to"
    r"|[\s:：#.,?？()（）\"'“”=_*|>…·-])*$",
    re.IGNORECASE,
)
# Service lines, dates, seconds since 1970
_SERVICE = re.compile(
    r"1?(?:[48]00|8(\d)\1|900)\d{7}|(?:18|19|20)\d\d[01]\d[0-3]\d|1[4-9]\d{8}|1[38]00\d{6}"
    r"|0(?:[389]00|33[03]|34[45]|808|84[345]|87[01]|180)\d*"
)
_COUNTED = re.compile(
    r"\s?(?:(?:users|people|cells|customers|times|records|rows|views|copies|units|items|votes|bytes|per"
    r"|kg|km|ms|tons|tonnes)(?![a-z])|次|条|份|页|个(?!人))",
    re.IGNORECASE,
)


def phone_labelled(candidate: Candidate) -> float:
    """A number of unknown country right after its label: no service line, date, years or series."""
    value, number = candidate.value, compact(candidate.value)
    right = candidate.text[candidate.end : candidate.end + 12]
    if (
        not candidate.led_by(_PHONE_LABEL, 48)
        or _COUNTED.match(right)
        or re.match(r"[ ./-]?[0-9]", right)
        or _MATH_RIGHT.match(right)
    ):
        return 0
    kinds = ("phone", "mobile_number", "us_ssn", "uk_nhs")
    years = all(re.fullmatch(r"(?:19|20)\d\d", group) for group in re.split("[ -]", value))
    short = len(number) < (9 if number[0] == "0" else 7)
    plain = _SERVICE.fullmatch(number) or trivial(number) or _is_part(candidate) or years
    reserved = any(is_reserved(kind, value) for kind in kinds)
    return 0 if plain or reserved or short else candidate.confidence


def email(candidate: Candidate) -> float:
    """A mailbox that could be somebody's: no placeholder, file name, login in a link, sample."""
    local, _, domain = candidate.value.lower().rpartition("@")
    left = candidate.before(80)
    placeholder = (
        local in SAMPLES["mailboxes"]
        or (len(local) > 1 and len(set(local)) == 1)
        or _PLACEHOLDER_DOMAINS.match(domain)
        or domain.rpartition(".")[2] in SAMPLES["file_endings"]
    )
    login = re.search(r"://[!-~]*$", left)
    if placeholder or login or ".." in candidate.value or is_reserved("email", candidate.value):
        return 0
    return candidate.confidence


def email_role(candidate: Candidate) -> float:
    """A mailbox of an office, not of a person."""
    local = candidate.value.lower().partition("@")[0]
    return email(candidate) if local in SAMPLES["roles"] else 0


def iban(candidate: Candidate) -> float:
    """Country format and MOD 97-10 check digits."""
    valid = not is_reserved("iban", candidate.value) and stdnum.iban.is_valid(candidate.value)
    return candidate.confidence if valid else 0


def ssn(candidate: Candidate) -> float:
    """Numbers that the Social Security Administration may have given out."""
    value = compact(candidate.value)
    never = value[:3] in ("000", "666") or value[0] == "9" or value[3:5] == "00"
    plain = never or value[5:] == "0000" or trivial(value) or _is_part(candidate)
    return 0 if plain else candidate.confidence


def nino(candidate: Candidate) -> float:
    """Prefixes that HMRC gives out."""
    value = compact(candidate.value)
    never = value[:2] in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ") or is_reserved("uk_nino", value)
    return 0 if never or trivial(value[2:8]) else candidate.confidence


def nhs(candidate: Candidate) -> float:
    """Ten digits with a MOD 11 check digit, and no telephone number abroad."""
    value = compact(candidate.value)
    part = _is_part(candidate) or re.search(r"[0-9] $", candidate.before(2))
    if part or trivial(value) or is_reserved("uk_nhs", value):
        return 0
    return candidate.confidence if stdnum.gb.nhs.is_valid(value) else 0


def plate(candidate: Candidate) -> float:
    """A number plate: at least two digits, so that words of capitals are none."""
    value = compact(candidate.value)
    digits = sum(char.isdigit() for char in value)
    return candidate.confidence if digits >= 2 and len(set(value[2:])) > 1 else 0


def qq_number(candidate: Candidate) -> float:
    """A QQ number by its label; QQ 12 34 56 C is what forms print as an insurance number."""
    value = candidate.value
    printed = re.match(
        r"[ ./-]?[A-D](?![A-Za-z])", candidate.text[candidate.end : candidate.end + 3]
    )
    plain = trivial(value) or is_reserved("qq_number", value) or (len(value) == 6 and printed)
    return 0 if plain else candidate.confidence


_QQ_HEAD = re.compile(r"^\W*(?:qq|扣扣)(?:号码|账号|号|numbers?|no|id|[\s_.:：])*$", re.IGNORECASE)
_WECHAT_LABEL = re.compile(
    r"(?:(?:微信|[薇威v]信|we ?chat|weixin|(?<![a-z])(?:wxid|vx|wx))"
    r"(?:号码|[账帐]?号|numbers?|no|id|account|[\s_.])*"
    r"(?:[/／][\w ]{1,12}|[(（][^()（）\n]{1,12}[)）]\s?)?"
    r"|(?:^|[\n|·,，;；、(（“\"'\u4e00-\u9fff]\s*)加?v(?=\s?[:：]))"
    r"[\s:：=\"'“”—-]*$",
    re.IGNORECASE,
)
_WECHAT_BEHIND = re.compile(r"\s?[(（](?:微信|we ?chat|wx|vx)号?[)）]", re.IGNORECASE)
_PRODUCT = re.compile(
    r"(?:version|ver|build|beta|release|android|ios|iphone|ipad|windows|macos|linux|harmony|sdk|api|pay|work"
    r"|open|mini|wx-)[a-z_-]*\d*(?:[_-].*)?$|.*(?:sdk|api)",
    re.IGNORECASE,
)


def qq_number_headed(candidate: Candidate) -> float:
    """A number in a column or under a line that is headed QQ."""
    return qq_number(candidate) if candidate.labelled_by(_QQ_HEAD) else 0


def wechat_id(candidate: Candidate) -> float:
    """A WeChat id by its label; product words that follow the same label are none."""
    value = candidate.value
    left = candidate.before(4)
    word = value.isalpha() and not re.search(r"[:：]\s*$", left)
    plain = word or _PRODUCT.match(value) or is_reserved("wechat_id", value)
    return 0 if plain else candidate.confidence


def wechat_id_labelled(candidate: Candidate) -> float:
    """An id with its label behind it, abbreviated, or at the head of its column."""
    right = candidate.text[candidate.end : candidate.end + 12]
    labelled = candidate.led_by(_WECHAT_LABEL, 32) or _WECHAT_BEHIND.match(right)
    return wechat_id(candidate) if labelled and 6 <= len(candidate.value) <= 20 else 0


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
        phone_labelled,
        email,
        email_role,
        iban,
        ssn,
        nino,
        nhs,
        document,
        taiwan_permit,
        cn_passport,
        passport,
        passport_grouped,
        plate,
        ip_address,
        mac_address,
        mac_address_labelled,
        birth_date,
        coordinates,
        qq_number,
        qq_number_headed,
        wechat_id,
        wechat_id_labelled,
    )
}
