"""A second labelled corpus: other domains, other templates, other spellings than the demo's.

    python -m benchmarks.scan.heldout FOLDER [--seed 7] [--records 2000]

Human resources, clinics, banks, logistics and schools in English and Chinese; numbers glued to
Chinese text, full-width digits, separators; and as many look-alikes that are no identifiers
(ISBN, tracking numbers, versions, flights, hashes, coordinates). Written before any detector was
looked at, and not to be changed to suit one: correct only what is labelled wrongly.
`truth.jsonl` has the demo's shape; `template` names the template.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
from collections.abc import Mapping
from pathlib import Path

import yaml
from stdnum import ean, iban, luhn

from tunegate.demo.draw import BASE62, Country, Draw, fakers
from tunegate.demo.fill import Span, fill
from tunegate.demo.values import MAKERS, Maker, Values, is_number
from tunegate.types import Json

TEMPLATES = Path(__file__).parent / "templates"
_HEX = "0123456789abcdef"
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_INFO: Json = {
    "office_en": {"file_name": "office_en.json"},
    "office_zh": {
        "file_name": "office_zh.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    },
}
_COUNTRIES: Mapping[str, tuple[Country, ...]] = {"en": ("US", "GB"), "zh": ("CN",)}
_REQUESTS: Mapping[str, tuple[str, ...]] = {
    "en": ("File this note.", "Rewrite it politely.", "What is this about?", "Put it in the log."),
    "zh": ("请归档这条信息。", "换个更礼貌的说法。", "这是在说什么？", "记到台账里。"),
}
_REPLIES: Mapping[str, tuple[str, ...]] = {
    "en": ("Done, it is filed.", "It is a routine message.", "I have noted it."),
    "zh": ("好的，已归档。", "这是一条日常消息。", "已记录。"),
}


def _isbn(draw: Draw, _: str) -> str:
    body = "978" + draw.pick("17", 1) + draw.digits(8)
    number = body + ean.calc_check_digit(body)
    return f"{number[:3]}-{number[3]}-{number[4:8]}-{number[8:12]}-{number[12]}"


def _uuid(draw: Draw, _: str) -> str:
    return "-".join(draw.pick(_HEX, size) for size in (8, 4, 4, 4, 12))


def _iban_de(draw: Draw, _: str) -> str:
    account = "37040044" + draw.digits(10)
    number = f"DE{iban.calc_check_digits('DE00' + account)}{account}"
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def _amex(draw: Draw, _: str) -> str:
    body = "37" + draw.digits(12)
    number = body + luhn.calc_check_digit(body)
    return f"{number[:4]} {number[4:10]} {number[10:]}"


def _intl_phone(draw: Draw, _: str) -> str:
    pattern = draw.rng.choice(
        ["+49 151 ########", "+33 6 ## ## ## ##", "+852 9### ####", "+65 9### ####"]
    )
    return draw.until(
        lambda text: is_number(text, "ZZ"),
        lambda: "".join(draw.digits(1) if char == "#" else char for char in pattern),
    )


def _ip(draw: Draw, _: str) -> str:
    first = draw.rng.choice([36, 58, 81, 113, 120, 183, 218])
    return f"{first}.{'.'.join(str(draw.rng.randint(1, 250)) for _ in range(3))}"


def _jwt(draw: Draw, _: str) -> str:
    head = {"alg": "HS256", "typ": "JWT"}
    body = {"sub": draw.digits(6), "scope": "registrar", "iat": 1750000000}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode())
        .decode()
        .rstrip("=")
        for part in (head, body)
    ]
    return ".".join([*parts, draw.pick(BASE62, 43)])


def _private_key(draw: Draw, _: str) -> str:
    lines = [draw.pick(BASE62 + "+/", 64) for _ in range(6)]
    kind = "RSA PRIVATE KEY"
    return "\n".join([f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----"])


def _connection(draw: Draw, _: str) -> str:
    scheme, port = draw.rng.choice([("postgresql", 5432), ("mysql", 3306), ("mongodb", 27017)])
    word = draw.pick(BASE62, 12)
    return f"{scheme}://app_ro:{word}@db{draw.digits(1)}.campus.internal:{port}/core"


def _host(draw: Draw, _: str) -> str:
    return draw.rng.choice(
        [
            f"his-db{draw.digits(1)}.ward.intranet",
            f"hr-sync.jobs-{draw.digits(2)}.svc.cluster.local",
            f"ledger{draw.digits(2)}.core.bank.lan",
            f"wms-{draw.digits(2)}.depot.corp.internal",
        ]
    )


def _plain(length: int) -> Maker:
    return lambda draw, _: draw.pick("123456789", 1) + draw.digits(length - 1)


_OWN: Mapping[str, tuple[str, str, Maker]] = {
    "iban_de": ("identity", "iban", _iban_de),
    "amex": ("identity", "payment_card", _amex),
    "intl_phone": ("identity", "phone", _intl_phone),
    "ip_address": ("identity", "ip_address", _ip),
    "wechat_id": (
        "identity",
        "wechat_id",
        lambda draw, _: "wxid_" + draw.pick("abcdefghijkmnpqrstuvwxyz0123456789", 14),
    ),
    "qq_number": ("identity", "qq_number", _plain(9)),
    "google_key": ("secret", "api_key", lambda draw, _: "AIza" + draw.pick(BASE62 + "-_", 35)),
    "ali_key": ("secret", "api_key", lambda draw, _: "LTAI5t" + draw.pick(BASE62, 18)),
    "wechat_secret": ("secret", "api_key", lambda draw, _: draw.pick(_HEX, 32)),
    "feishu_hook": (
        "secret",
        "webhook",
        lambda draw, _: "https://open.feishu.cn/open-apis/bot/v2/hook/" + _uuid(draw, ""),
    ),
    "internal_host": ("internal_return", "internal_host", _host),
    "jwt": ("secret", "jwt", _jwt),
    "private_key": ("secret", "private_key", _private_key),
    "connection_string": ("secret", "connection_string", _connection),
    "isbn": ("", "", _isbn),
    "uuid": ("", "", _uuid),
    "sha_short": ("", "", lambda draw, _: draw.pick(_HEX, 40)),
    "sha_long": ("", "", lambda draw, _: draw.pick(_HEX, 64)),
    "usps": ("", "", lambda draw, _: "94" + draw.digits(20)),
    "decimal": ("", "", lambda draw, _: f"{draw.rng.uniform(0.1, 99):.6f}"),
    "latitude": ("", "", lambda draw, _: f"{draw.rng.uniform(-80, 80):.5f}"),
    "longitude": ("", "", lambda draw, _: f"{draw.rng.uniform(-179, 179):.5f}"),
    "flight": ("", "", lambda draw, _: draw.rng.choice(["CA", "MU", "BA", "UA"]) + draw.digits(4)),
    "postcode": (
        "",
        "",
        lambda draw, _: f"{draw.pick('BELMNS', 1)}{draw.digits(1)} {draw.digits(1)}AB",
    ),
    "zip": ("", "", _plain(5)),
    "cn_postcode": ("", "", lambda draw, _: draw.pick("12345", 1) + draw.digits(3) + "00"),
    "millis": ("", "", lambda draw, _: "17" + draw.digits(11)),
    "lot": ("", "", lambda draw, _: draw.pick(_LETTERS, 1) + draw.digits(6)),
    "sample_number": ("", "", lambda draw, _: f"S{draw.digits(4)}-{draw.digits(4)}"),
    "build": ("", "", _plain(4)),
    "meter": ("", "", _plain(6)),
    "invoice": ("", "", _plain(8)),
    "serial_number": ("", "", lambda draw, _: f"2025{draw.pick('01', 1)}1{draw.digits(16)}"),
    "ean": ("", "", lambda draw, _: _isbn(draw, "").replace("978", "690").replace("-", "")),
    "day": ("", "", lambda draw, _: f"2025{draw.rng.randint(10, 12)}{draw.rng.randint(10, 28)}"),
}


def generate(folder: Path, *, seed: int, records: int = 2000) -> None:
    """Writes `dataset_info.json`, `office_en.json`, `office_zh.jsonl` and `truth.jsonl`.

    Args:
        folder: Where to write; made when missing.
        seed: Chooses values and places; the same seed gives the same bytes.
        records: Size of both languages together.
    """
    folder.mkdir(parents=True, exist_ok=True)
    truth: list[Json] = []
    english, lines = _half("en", records - records // 2, seed=seed)
    truth += lines
    chinese, lines = _half("zh", records // 2, seed=seed)
    truth += lines
    (folder / "dataset_info.json").write_text(json.dumps(_INFO, indent=2), encoding="utf-8")
    (folder / "office_en.json").write_text(
        json.dumps(english, ensure_ascii=False, indent=1), encoding="utf-8"
    )
    for name, rows in (("office_zh.jsonl", chinese), ("truth.jsonl", truth)):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / name).write_text(text, encoding="utf-8")


def _half(language: str, count: int, *, seed: int) -> tuple[list[Json], list[Json]]:
    """Records of one language, every template equally often, and what is true of them."""
    templates = yaml.safe_load((TEMPLATES / f"{language}.yaml").read_text(encoding="utf-8"))
    rng = random.Random(f"heldout/{language}/{seed}")
    names = fakers()
    makers = {**MAKERS, **_OWN}
    rows: list[Json] = []
    truth: list[Json] = []
    for index in range(count):
        template = templates[index % len(templates)]
        country = rng.choice(_COUNTRIES[language])
        values = Values(Draw(rng, names, country), makers=makers)
        text, spans = fill(template["text"], values)
        row, pointer = _place(language, text, rng)
        rows.append(row)
        place: Json = {"dataset": f"office_{language}", "index": index}
        truth.append({"type": "record", **place, "template": template["id"]})
        truth += [_span_line(place, pointer, span) for span in spans]
    return rows, truth


def _span_line(place: Json, pointer: str, span: Span) -> Json:
    return {"type": "span", **place, "pointer": pointer, **span._asdict()}


def _place(language: str, text: str, rng: random.Random) -> tuple[Json, str]:
    """The text as the user's part or the assistant's, in the language's format."""
    asked = rng.random() < 0.5
    request, reply = rng.choice(_REQUESTS[language]), rng.choice(_REPLIES[language])
    if language == "en":
        if asked:
            return {"instruction": request, "input": text, "output": reply}, "/input"
        return {"instruction": request, "input": "", "output": text}, "/output"
    contents = [text, reply] if asked else [request, text]
    roles = ("user", "assistant")
    messages = [
        {"role": role, "content": content} for role, content in zip(roles, contents, strict=True)
    ]
    return {"messages": messages}, f"/messages/{0 if asked else 1}/content"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--records", type=int, default=2000)
    given = parser.parse_args()
    generate(given.folder, seed=given.seed, records=given.records)


if __name__ == "__main__":
    main()
