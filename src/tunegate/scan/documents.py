"""Passports and permits: their shapes say little, so what decides is how they are labelled."""

from __future__ import annotations

import re

from tunegate.scan.engine import Candidate
from tunegate.scan.folding import compact
from tunegate.scan.reserved import is_reserved
from tunegate.scan.samples import trivial

_FOREIGN = re.compile(
    r"(?:[美英法德韩泰]国|日本|俄罗斯|加拿大|澳大利亚|印度|意大利|西班牙|新加坡|马来西亚|越南|菲律宾|墨西哥"
    r"|瑞士|巴西|外国|外籍|境外|(?<![A-Za-z])(?:us|usa|uk|foreign|french|german|dutch|thai|swiss|greek"
    r"|(?!chinese|these)[a-z]+(?:ian|ean|ish|ese|can|ino)))\s?(?:护照|passports?)(?![a-z]).{0,12}$",
    re.IGNORECASE,
)
_PASSPORT_LABEL = re.compile(
    r"(?:护照|護照|旅行证件|(?<![a-z])(?:passports?|ppt|pp|travel doc(?:ument)?s?))"
    r"(?:证件|号码|编号|号|是|为|document|on file|[(（][a-z ]{2,12}[)）]"
    r"|numbers?|no|num|nr|id|is|was|[\s:：#.,()（）\"'“”=_*|-])*$",
    re.IGNORECASE,
)
_TAIWAN_LABEL = re.compile(
    r"(?:台胞证|臺胞證|(?:台湾(?:居民|同胞)|来往大陆).{0,8}通行证"
    r"|(?:compatriot|mainland travel) permit)"
    r"(?:[(（][^()（）\n]{1,12}[)）])?(?:号码|编号|号|是|为|numbers?|no|is|[\s:：#.,=|\"'“”-])*$",
    re.IGNORECASE,
)
_PERMIT_NEAR = re.compile(
    r"(?:通行证|回乡[证卡]|台胞证|港澳证|(?:travel|return|mainland|compatriot) permit)"
    r"(?:(?!护照|護照|passport)[\s\S]){0,40}$",
    re.IGNORECASE,
)
_CHINESE = re.compile(
    r"[\u4e00-\u9fff]|(?<![a-z])(?:china|chinese|prc|chn)(?![a-z])", re.IGNORECASE
)
_DATE = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9]$")
# Germany's: no vowels, and at the end a check digit, as everywhere in the machine-readable zone
_MACHINE_READ = re.compile(r"[CFGHJKLMNPRTVWXYZ][0-9CFGHJKLMNPRTVWXYZ]{7}[0-9]")
_PASSPORT = re.compile(r"[A-Z]{1,3}[0-9]{6,8}[A-Z]?|[0-9]{9}|[0-9]{2}[A-Z]{2}[0-9]{5}")
_PASSPORT_FAR = re.compile(r"[A-Z]{1,2}[0-9]{7,8}")  # told from other words without a label
_PASSPORT_NEAR = re.compile(
    r"护照|護照|旅行证件|passport|(?<![a-z])(?:ppt|pp|travel doc)", re.IGNORECASE
)


def document(candidate: Candidate) -> float:
    """A passport or permit by its label; the shape alone says little."""
    serial = re.sub(r"\D", "", candidate.value)
    plain = is_reserved("passport", candidate.value) or (len(serial) > 3 and trivial(serial))
    return 0 if plain else candidate.confidence


def taiwan_permit(candidate: Candidate) -> float:
    """Digits only, so right after its label; no date."""
    value = candidate.value
    plain = _DATE.match(value) or not candidate.led_by(_TAIWAN_LABEL, 32)
    return 0 if plain else document(candidate)


def _is_permit(candidate: Candidate) -> bool:
    """Of the shape of a travel permit's number, and the last document named is one."""
    shaped = re.fullmatch(r"[CWTLHM][A-Z0-9][0-9]{7,9}", compact(candidate.value))
    return shaped is not None and candidate.led_by(_PERMIT_NEAR, 64)


def cn_passport(candidate: Candidate) -> float:
    """A Chinese passport: the shape of its number, and no other country's name at the label."""
    official = re.match(r"[DSP]E", candidate.value, re.IGNORECASE)
    foreign = candidate.led_by(_FOREIGN, 40) or (official and not candidate.led_by(_CHINESE, 64))
    return 0 if foreign or _is_permit(candidate) else document(candidate)


def passport(candidate: Candidate) -> float:
    """Any country's: usual shapes near the word, others right after it; no date."""
    value = compact(candidate.value)
    labelled = candidate.led_by(_PASSPORT_LABEL, 48)
    date = re.fullmatch(r"(?:19|20)\d{6}", value)
    right = candidate.text[candidate.end : candidate.end + 12]
    near = labelled or candidate.led_by(_PASSPORT_NEAR, 24) or _PASSPORT_NEAR.search(right)
    shape = _PASSPORT if near else _PASSPORT_FAR
    shaped = shape.fullmatch(value) and (labelled or len(value) > 6)
    loose = labelled and sum(char.isdigit() for char in value) >= 4
    fits = shaped or loose or (near and _is_machine_read(value))
    return document(candidate) if fits and not date and not _is_permit(candidate) else 0


def _is_machine_read(value: str) -> bool:
    if not _MACHINE_READ.fullmatch(value):
        return False
    total = sum(int(char, 36) * (7, 3, 1)[place % 3] for place, char in enumerate(value[:8]))
    return total % 10 == int(value[8])


def passport_grouped(candidate: Candidate) -> float:
    """Written in groups, right after its label; NO and NR belong to that."""
    labelled = candidate.led_by(_PASSPORT_LABEL, 48)
    word = re.match(r"(?:NO|NR|ID|PP|IS|OF|ON|TO|AT|BY)[ -]", candidate.value)
    return document(candidate) if labelled and not word else 0
