"""Identifiers are found glued to Chinese text, and hard negatives stay silent."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable

import pytest

from tunegate.keys import Key
from tunegate.scan.detector import Detector
from tunegate.scan.identity import IdentityDetector
from tunegate.scan.reserved import resident_check_digit
from tunegate.scan.rules import Rule, load_rules
from tunegate.types import Finding, Record, Segment, Source

KEY = Key(b"0123456789abcdef")
DETECTOR = IdentityDetector(KEY)
RULES = load_rules("identity")
EXAMPLES = [(rule, example) for rule in RULES for example in rule.examples]
COUNTEREXAMPLES = [(rule, example) for rule in RULES for example in rule.counterexamples]


def scan(text: str) -> list[Finding]:
    segment = Segment(pointer="/output", role="assistant", text=text)
    record = Record(id="r", source=Source(path="x.json"), raw={}, segments=(segment,))
    return list(DETECTOR.judge(record, None))


def kinds(text: str) -> list[str]:
    return [found.kind for found in scan(text)]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_every_example_is_found_alone_and_glued_to_chinese(rule: Rule, example: str) -> None:
    for text in (example, f"客户{example}请查收", f"（{example}）", f"“{example}”，"):
        found = scan(text)
        assert [f.reason.params["rule"] for f in found] == [rule.id], text
        assert found[0].severity == rule.severity


@pytest.mark.parametrize(("rule", "example"), COUNTEREXAMPLES)
def test_no_counterexample_is_found_as_that_kind(rule: Rule, example: str) -> None:
    assert rule.kind not in kinds(example)


def test_rule_ids_are_unique_and_every_rule_shows_both_sides() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert all(rule.examples and rule.counterexamples for rule in RULES)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("身份证11010519491231002X，手机", "cn_resident_id", "11010519491231002X"),
        ("手机13912345678请尽快回电", "mobile_number", "13912345678"),
        ("我的号码是１３９１２３４５６７８。", "mobile_number", "１３９１２３４５６７８"),
        ("Tel13912345678", "mobile_number", "13912345678"),
        ("客户邮箱zhang.wei1987@qq.com已登记", "email", "zhang.wei1987@qq.com"),
        ("Write to jane.roe@acme-tools.co.uk.", "email", "jane.roe@acme-tools.co.uk"),
        ("<td>4539578763621486</td>", "payment_card", "4539578763621486"),
        ("3,13912345678,active", "mobile_number", "13912345678"),
        ('{"mobile":"13912345678"}', "mobile_number", "13912345678"),
        ("电话：010-62771234-8001", "phone", "010-62771234"),
        ("ring +44 (0)20 7219 3000 now", "phone", "+44 (0)20 7219 3000"),
        ("致电+6591234567可找到我", "phone", "+6591234567"),
        ("他的号码(+852) 9123 4567。", "phone", "(+852) 9123 4567"),
        ("Office (01865 270000) or mobile below", "phone", "01865 270000"),
        ("reach me (07911 123456) any time", "phone", "07911 123456"),
        ("write 536-22-8726 on the form", "us_ssn", "536-22-8726"),
        ("I am NHS patient 485 777 3457, born here", "uk_nhs", "485 777 3457"),
        ("IP是8.8.4.4请核实", "ip_address", "8.8.4.4"),
        ("客户的IP是36.110.7.52请核实", "ip_address", "36.110.7.52"),
        ("位置在北纬39.9042，东经116.4074附近，坐标已发", "coordinates", "39.9042，东经116.4074"),
        ("订单电话13912345678", "mobile_number", "13912345678"),
        ("PASSPORT NO X402 1385", "passport", "X402 1385"),
        ("PASSPORT NO 40213857", "passport", "40213857"),
        ('{"birthDate": "1990-03-05T00:00:00Z"}', "birth_date", "1990-03-05"),
        ("Sarah (b. 12/03/1990) rang", "birth_date", "12/03/1990"),
        ("My birthday's 3/12/90", "birth_date", "3/12/90"),
        ("出 生  1990 年 03 月 05 日", "birth_date", "1990 年 03 月 05 日"),
        ("联系人：李明，(+86)13912345678", "mobile_number", "(+86)13912345678"),
        ("紧急联系：（+86）139 1234 5678", "mobile_number", "（+86）139 1234 5678"),
        ("O: (312) 867-5309 x214", "phone", "(312) 867-5309"),
        ("T：010-62771234转806", "phone", "010-62771234"),
        ("Tel +1-312-867-5309x214", "phone", "+1-312-867-5309x214"),
        ("phone 91234567 customer asks for a call", "phone", "91234567"),
    ],
)
def test_the_span_is_exact(text: str, kind: str, value: str) -> None:
    assert [(f.kind, text[f.start : f.end]) for f in scan(text)] == [(kind, value)]


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("+44 7911 123456", "high"),
        ("07400 123456", "high"),
        ("+65 9123 4567", "high"),
        ("+852 6123 4567", "high"),
        ("(312) 867-5309", "high"),  # North America does not tell mobiles from landlines
        ("+44 20 7219 3000", "medium"),
        ("020 7219 3000", "medium"),
        ("+65 6123 4567", "medium"),
        ("+852 2345 6789", "medium"),
        ("+49 30 901820", "medium"),
        ("+81 3-3224-5111", "medium"),
        ("+86 10 6277 1234", "medium"),
        ("010-62771234", "medium"),
    ],
)
def test_a_mobile_is_graver_than_a_landline(text: str, severity: str) -> None:
    assert [(f.kind, f.severity) for f in scan(text)] == [("phone", severity)]


def test_a_span_carries_one_kind() -> None:
    resident = "11010519491231002X"
    assert kinds(f"银行卡 {resident} 信用代码 {resident}") == ["cn_resident_id"] * 2
    assert kinds("13912345678@163.com") == ["email"]
    assert kinds("IBAN DE89 3704 0044 0532 0130 00") == ["iban"]
    assert kinds("QQ 13912345678") != []


@pytest.mark.parametrize(
    "values",
    [
        (
            "13912345678",
            "139-1234-5678",
            "139 1234 5678",
            "+86 13912345678",
            "１３９１２３４５６７８",
        ),
        ("11010519491231002X", "11010519491231002x", "110105 19491231 002X"),
        ("4539578763621486", "4539 5787 6362 1486", "4539-5787-6362-1486"),
        ("Zhang.Wei@qq.com", "zhang.wei@QQ.com"),
        ("010-62771234", "(010)62771234", "+86 10 6277 1234", "电话01062771234"),
        ("415-867-5309", "(415) 867-5309", "+1 415 867 5309", "1-415-867-5309"),
        ("020 7219 3000", "+44 20 7219 3000", "+44 (0)20 7219 3000", "(020) 7219 3000"),
        ("+65 9123 4567", "+6591234567", "(+65) 9123-4567", "0065 9123 4567"),
        ("NHS 485 777 3457", "NHS no. 4857773457"),
    ],
)
def test_every_way_of_writing_a_value_has_one_digest(values: tuple[str, ...]) -> None:
    digests = {scan(value)[0].digest for value in values}
    assert len(digests) == 1
    assert scan("13712345679")[0].digest not in digests


def test_a_finding_holds_no_raw_text() -> None:
    for rule, example in EXAMPLES:
        for found in scan(example):
            raw = example[found.start : found.end]
            assert raw not in repr(found), rule.id


def test_context_and_checksum_raise_confidence() -> None:
    assert scan("卡号4539578763621486")[0].confidence > scan("看4539578763621486")[0].confidence
    assert scan("身份证11010519491231002X")[0].confidence > 0.99


TABLES = [
    (
        "| seat | traveller | date of birth | passport |\n|---|---|---|---|\n"
        "| 1A | Anna | 03/04/1990 | X4021385 |\n| 2B | Bob | 13/04/91 | 533401827 |",
        ["03/04/1990", "X4021385", "13/04/91", "533401827"],
    ),
    (
        "订单号\t下单日期\t护照号\t出生日期\t紧急联系电话\n"
        "12345678\t2024-03-05\tE40213857\t1990-02-03\t62771234\n"
        "12345679\t2024-03-06\tG40213857\t1991-02-03\t62771235",
        ["E40213857", "1990-02-03", "62771234", "G40213857", "1991-02-03", "62771235"],
    ),
    (
        "Name      Passport no   DOB          Order date\n"
        "Anna B    X4021385      1990-02-03   2024-03-05",
        ["X4021385", "1990-02-03"],
    ),
    (
        '{"columns": ["name","passportNo","guestDob","partNo"],"rows": [["Li, M","E40213857",'
        '"1990-02-03","AB1234568"],["Wu","TK4021385","1991-02-03","X4021385"]]}',
        ["E40213857", "1990-02-03", "TK4021385", "1991-02-03"],
    ),
    (
        '"name","dob (dd/mm/yyyy)","phone / 电话"\n"Smith, J","12/03/1990","9123 4567"',
        ["12/03/1990", "9123 4567"],
    ),
    ("字段 | 值\n护照号 | E40213857\n有效期 | 2030-02-03\n出生日期 | 1990-02-03",
     ["E40213857", "1990-02-03"]),
    ("name,IMEI,SSN,NHS no\nAnna,352099001761481,536228726,4857773457",
     ["352099001761481", "536228726", "4857773457"]),
    ("Phone numbers for the team:\n\n- 91234567\n- Anna Smith: 92345678", ["91234567", "92345678"]),
    ("Passport\nX4021385\nPart number\nAB1234568\nDate of birth\n12 MAR 1990",
     ["X4021385", "12 MAR 1990"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values"), TABLES)
def test_the_head_of_a_column_labels_its_values_and_no_others(text: str, values: list[str]) -> None:
    assert [text[found.start : found.end] for found in scan(text)] == values


HEADED_OTHERWISE = [
    "name,order date,part number\nAnna,1990-02-03,AB1234568\nBob,1991-02-03,TK4021385",
    "姓名 | 下单日期 | 料号\n李明 | 1990-02-03 | PA4021385",
    "passport,part number\npending,AB1234568\npending,TK4021385",
    "birthday,order_date\nunknown,2024-03-05\nunknown,2024-03-06",
    "phone,order\nnone,81234567\nnone,91234567",
    "护照,下单日期\n无,1990-02-03",
    "Order date:\n2024-03-05\nDate of birth:\nunknown",
    "料号\nPA4021385\n护照号\n待补",
    "Please confirm your date of birth, passport and so on, thanks.\n"
    "The order of 2024-03-05, part AB1234568, shipped.",
    "Please confirm your date of birth, passport, phone\n"
    "The goods ordered on 2024-03-05, see 91234567, thanks",
]


@pytest.mark.parametrize("text", HEADED_OTHERWISE)
def test_other_columns_and_sentences_stay_silent(text: str) -> None:
    assert scan(text) == []


PUBLIC = [
    "请拨打400-820-8820或95588，火警119，急救120，客服10086。",
    "12306官网，市民热线12345",
    "共计13912345.67元，单价￥13912345678",
    "版本v2.3.14.1，Chrome/120.0.6099.109，Windows 10.0.19045",
    "2024-01-15 13:45:30，时间戳1705297530，毫秒1705297530123",
    "ISBN 978-7-111-54742-6，ISBN 9787111547426",
    "快递单号SF1391234567890，运单号 62284804025648",
    "pi = 3.14159265358979323846",
    "84834150134 - 6778576 = -16666579378",
    "13912345678 × 2 = 27824691356",
    "d41d8cd98f00b204e9800998ecf8427e 550e8400-e29b-41d4-a716-446655440000",
    "user@example.com, admin@example.org, (555) 555-0100, 212-555-0187, 07700 900461",
    "localhost 127.0.0.1, 10.1.2.3, 192.168.31.7, 203.0.113.9, 2001:db8::8a2e:370:7334",
    "123-45-6789 4111111111111111 4242 4242 4242 4242 13800138000 12345678901",
    "The treaty of 1648 had 128 articles; see pages 100-200 and section 3.2.1.4.",
    "https://item.example.cn/detail/13912345678.html?skuId=6228480402564890018",
    "微信支付、微信小程序、WeChat Pay都可以",
    "@media print; git@github.com:org/repo.git; logo@2x.png; pkg@1.2.3",
    "array([0.123456, 0.654321]) loss=0.69314718",
    "Upgrade Chrome 121.0.6167.85 to 122.0.6261.57; firmware 10.4.2.17; version 101.42.37.18",
    "版本号：101.42.37.18，已升级到 121.32.117.28",
    "order 07911123456, tracking no. 312-867-5309, invoice 020 7219 3000, case 536-22-8726",
    "flight BA2490, CA1730, UA 837; sample 20-1133-07; lot 07911 123456",
    "scores 312-287, 07-11-2023, 2023-07-11, 07/11/2023, 11.07.2023, £1,234.56, $4,157.30",
    "ISBN 0-306-40615-2, ISBN 978 0 306 40615 7, ISSN 2049-3630, DOI 10.1000/182",
    "tracking 1Z999AA10123456784, 9400 1000 0000 0000 0000 00, RR123456789CN, 420 94107",
    "坐标 39.904211 + 116.407395，坐标 39.9042 × 16.4073 = 654.7217，location 39.9042 - 16.4073",
    "DNS server 8.8.8.8, set the DNS IP to 114.114.114.114; the IP is 1.2.3.4",
    "MAWB 020-66438680, HAWB 176-65728493, seal no. 0448213, B/L 020-84666654",
    "空运主单176-65728493，提单号020-84666654，封条 020-66438680",
    "Waybills:\n- 176-65728493\n- 020-84666654",
    "git show 3c5ab41f9e07 on my Mac, docker rm 9f3a5b41e0c7, Mac build id 3c5ab41f9e07",
    "微信公众号 news_2024，微信AppID wx1234567890abcdef，wechat-pay-v3，WeChat SDK: wx-open-sdk",
    "T: 1705297530, call_id=4158675309, reach 91234567 users, 共拨打 12345678 次",
    "order 35 727872 741037 6, dims 352 099 001 761 481",
    "INSERT INTO item (sku, ean, lot, best_before) VALUES ('X4021385', '5012345678900',\n"
    "'EA1234567', '1990-03-05'), ('X4021386', '5012345678917', 'EA1234568', '1990-03-06');",
    "台胞证办理人数87530499，台湾订单87530499，通行证已收，提单号C40213857",
    "坐标（25.79224，35.55634）位于第一象限",
    "3 + 49 - 30 = 22, +3.14159265, +6.591234567, x+447911, +20231115, 1e+4479111234",
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public_and_plain_numbers_are_silent(text: str) -> None:
    assert scan(text) == []


LISTS = [
    ("call 020 7219 3000 or 01612752000", ["020 7219 3000", "01612752000"]),
    ("Tel: 415-867-5309 (cell), 4158675308", ["415-867-5309", "4158675308"]),
    ("电话：010-62771234、01062771235", ["010-62771234", "01062771235"]),
    ("Phones: 91234567, 92345678; 93456789", ["91234567", "92345678", "93456789"]),
    ("passports X4021385, TK4021386 and 533401827", ["X4021385", "TK4021386", "533401827"]),
    ("SSNs 536-22-8726 and 219456723", ["536-22-8726", "219456723"]),
    ("MACs: 3C5AB41F9E07 / 3c5ab41f9e08", ["3C5AB41F9E07", "3c5ab41f9e08"]),
    ("born 3/5/1990 and 4/6/1992", ["3/5/1990", "4/6/1992"]),
    ("phone 415-867-5309 and order 4158675308", ["415-867-5309"]),
    ("call 415-867-5309 or quote 4158675308", ["415-867-5309"]),
    ("IMEI 352099001761481 and serial 490154203237518", ["352099001761481"]),
    ("passport X4021385, flight AB1234567", ["X4021385"]),
    ("DOB 03/05/1990, 12/03/2024 admitted", ["03/05/1990"]),
]


@pytest.mark.parametrize(("text", "values"), LISTS)
def test_the_values_of_a_list_share_the_label_of_the_first(text: str, values: list[str]) -> None:
    assert [text[found.start : found.end] for found in scan(text)] == values


DIALOGUES = [
    ("Agent: And the date of birth?\nCaller: It's the 4th of May 1983.", ["4th of May 1983"]),
    (
        "Agent: I need the passport number, date of birth and expiry.\n"
        "Guest: sure. C1M686713, 01/08/1996, runs out 14 Nov 2031",
        ["C1M686713", "01/08/1996"],
    ),
    ("[10:02] bot: What number can we text the claim reference to?\n[10:03] Al: 01612752000",
     ["01612752000"]),
    ("Nurse: DOB?\nPt: 3/5/90", ["3/5/90"]),
    ("Clerk: Passport number please.\nGuest: TK 4021385.", ["TK 4021385"]),
    ("客服：请提供出生年月日。\n旅客：90年3月5号。", ["90年3月5号"]),
    ("客服：麻烦报一下护照号\n客户：E40213857", ["E40213857"]),
    ("客服：微信号多少？\n顾客：lihua_1987", ["lihua_1987"]),
    ("Agent: Can you confirm the tracking number please?\nCaller: 020 7219 3000", []),
    ("Agent: What's your membership number?\nCaller: 07911123456", []),
    ("Agent: When does the passport expire?\nCaller: 14/03/2031", []),
    ("Agent: I have your date of birth. When was it ordered?\nCaller: 2024-03-05", []),
    ("Agent: When was he born?\nCaller: No idea. We arrived on 05/03/2024.", []),
    ("客服：您的生日登记过了。下单日期是哪天？\n客户：2024-03-05", []),
    ("客服：请提供快递单号\n客户：13912345678", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values"), DIALOGUES)
def test_what_one_speaker_asks_for_labels_what_the_other_says(text: str, values: list[str]) -> None:
    assert [text[found.start : found.end] for found in scan(text)] == values


def test_what_the_model_asks_for_labels_what_the_user_says() -> None:
    turns = (("assistant", "Of course. What is your date of birth?"), ("user", "12/03/1990"))
    segments = [Segment(pointer=f"/{role}", role=role, text=text) for role, text in turns]  # type: ignore[arg-type]
    for order in (segments, segments[::-1], [segments[0], segments[0], segments[1]]):
        record = Record(id="r", source=Source(path="x.json"), raw={}, segments=tuple(order))
        found = [finding.kind for finding in DETECTOR.judge(record, None)]
        assert found == (["birth_date"] if order[-1].role == "user" else [])


LAYOUTS = [
    ("INSERT INTO `guest` (`name`,`dob`,`ppt_no`,`mob`) VALUES ('O''Brien, Pat','1990-03-05',"
     "'X4021385','07911123456'),('Li','1991-03-05','E40213857','13912345678');",
     ["1990-03-05", "X4021385", "07911123456", "1991-03-05", "E40213857", "13912345678"]),
    ("<birthDate>1990-03-05</birthDate><passportNo>X4021385</passportNo><mobile>91234567</mobile>",
     ["1990-03-05", "X4021385", "91234567"]),
    ("Date of birth .......... 03/05/1990\nTelephone .............. 91234567",
     ["03/05/1990", "91234567"]),
    ("姓 名：李 明\n出 生：1990 年 3 月 5 日\n联 系 电 话 ：6277 1234\n护 照 号：E40213857",
     ["1990 年 3 月 5 日", "6277 1234", "E40213857"]),
    ("Jane Roe\nSales\nT: 91234567\nM: 07911 123456", ["91234567", "07911 123456"]),
    ("Jane | m 07911123456 | t 01612752000", ["07911123456", "01612752000"]),
    ("张三 销售\nV：wangxm_2020\nW：lihua_1987（微信）", ["wangxm_2020", "lihua_1987"]),
    ("证件类型,证件号码\n护照,X4021385\n台胞证,08753049\n回乡证,H40213857\n港澳通行证,C40213857",
     ["X4021385", "08753049", "H40213857", "C40213857"]),
    ("passport:\n  number: X4021385\nbirth:\n  date: 1990-03-05", ["X4021385", "1990-03-05"]),
    ('{"type": "passport", "number": "J4T67THL8"}', ["J4T67THL8"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values"), LAYOUTS)
def test_every_layout_shows_its_values(text: str, values: list[str]) -> None:
    assert [text[found.start : found.end] for found in scan(text)] == values


def test_of_passport_and_permit_the_last_one_named_has_the_number() -> None:
    assert kinds("护照或回乡证：H40213857") == ["cn_travel_permit"]
    assert kinds("回乡证没带，护照H40213857") == ["cn_passport"]
    assert kinds("公务护照PE1730268") == ["cn_passport"]
    assert kinds("passport PE1730268") == ["passport"]


@pytest.mark.parametrize("between", ["、", " and ", " / ", "，IMEI2："])
def test_a_second_device_number_shares_the_label_of_the_first(between: str) -> None:
    assert kinds(f"IMEI1: 352099001761481{between}490154203237518") == ["imei", "imei"]
    assert kinds(f"352099001761481{between.replace('IMEI2', '')}490154203237518") == []


def digits(rng: random.Random, count: int) -> str:
    return rng.choice("123456789") + "".join(rng.choice("0123456789") for _ in range(count - 1))


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda rng: f"您的订单{digits(rng, 16)}已发货", 0.0),
        (lambda rng: f"Order number {digits(rng, 16)} shipped", 0.0),
        (lambda rng: f"流水号：{digits(rng, 19)}", 0.0),
        (lambda rng: f"单号 {digits(rng, 11)}", 0.0),
        (lambda rng: f"请看 {digits(rng, 18)}", 0.001),
        (lambda rng: f"item {digits(rng, 10)}, 07{digits(rng, 7)}", 0.0),
        (lambda rng: f"sizes {digits(rng, 3)}, {digits(rng, 3)}, {digits(rng, 4)}", 0.0),
        (lambda rng: f"看 {digits(rng, 3)} {digits(rng, 3)} {digits(rng, 4)}", 0.0),
        (lambda rng: f"build {'.'.join(digits(rng, 2) for _ in range(4))}", 0.0),
        (lambda rng: f"{rng.uniform(1, 90):.4f} * {rng.uniform(1, 90):.4f} 坐标", 0.0),
        (lambda rng: f"请看 {digits(rng, 16)}", 0.04),  # unlabelled: Luhn and issuer by chance
        (lambda rng: f"x {digits(rng, 15)}", 0.01),
        (lambda rng: str(uuid.UUID(int=rng.getrandbits(128))), 0.0),
        (lambda rng: f"{rng.getrandbits(160):040x}", 0.0),
        (lambda rng: f"result {rng.random()} and {rng.uniform(1, 1e6)}", 0.0),
    ],
)
def test_chance_hits_stay_under_their_base_rate(
    make: Callable[[random.Random], str], most: float
) -> None:
    rng = random.Random(20)
    texts = [make(rng) for _ in range(1000)]
    assert sum(bool(scan(text)) for text in texts) <= most * len(texts)


def test_one_wrong_digit_silences_a_resident_number() -> None:
    body = "11010519491231002"
    assert kinds(body + resident_check_digit(body)) == ["cn_resident_id"]
    wrong = [body + last for last in "0123456789X" if last != resident_check_digit(body)]
    assert not [text for text in wrong if "cn_resident_id" in kinds(text)]


def test_the_detector_observes_nothing_and_is_a_detector() -> None:
    detector: Detector = DETECTOR
    assert detector.name == "identity"
    assert detector.hazards == ("identity",)


def test_lone_surrogates_and_control_characters_are_ordinary() -> None:
    assert kinds("\ud83d手机13912345678\udc00\x00") == ["mobile_number"]
