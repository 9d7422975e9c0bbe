"""Secrets: found glued to Chinese text and in prose; placeholders and talk stay silent."""

from __future__ import annotations

import time

import pytest

from tunegate.keys import Key
from tunegate.scan.engine import Engine
from tunegate.scan.rules import load_rules
from tunegate.scan.secret import VALIDATORS, SecretDetector, placeholder
from tunegate.types import Record, Segment, Source

RULES = load_rules("secret")
ENGINE = Engine(RULES, VALIDATORS)
DETECTOR = SecretDetector(Key(b"0123456789abcdef"))
GITHUB = "ghp_Zk3Vb0pQ8mXh2yR7tLw9sDfGj4Ka6Nc1BvUe"
JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0"
    ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
)
PRIVATE_KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "MIIEpAIBAAKCAQEA04up8hoqzS1+APIB0RhjXyObwHQnOzhAk5Bd7mhkSbPkyhP1iQ9l\n" * 3
    + "-----END RSA PRIVATE KEY-----"
)


@pytest.mark.parametrize(
    ("rule", "example"), [(rule, example) for rule in RULES for example in rule.examples]
)
def test_each_rule_finds_its_examples(rule: object, example: str) -> None:
    assert rule in [match.rule for match in ENGINE.find(example)]


@pytest.mark.parametrize("example", [example for rule in RULES for example in rule.counterexamples])
def test_counterexamples_are_silent_in_the_whole_detector(example: str) -> None:
    assert DETECTOR.find(example) == []


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (f"中文{GITHUB}结束", "access_token", GITHUB),
        (f"令牌\U0001f600\n第二行 {GITHUB} x", "access_token", GITHUB),
        (f"旧会话{JWT}失效", "jwt", JWT),
        (f"这是私钥：\n{PRIVATE_KEY}\n请保管", "private_key", PRIVATE_KEY),
        (
            "postgres://admin:S3cretPw@db.acme.com:5432/orders",
            "connection_string",
            "postgres://admin:S3cretPw@db.acme.com:5432/orders",
        ),
        ("Server=db1;User Id=sa;Password=Gx7#kkP0;", "password", "Gx7#kkP0"),
        ('{"password": "Tr0ub4dor&3xyz"}', "password", "Tr0ub4dor&3xyz"),
        ("登录密码改成了 Summer2023!", "password", "Summer2023!"),
        ("初始密码统一为Aa123456。", "password", "Aa123456"),
        ("用户名 admin，密码 xK9#mmQ2", "password", "xK9#mmQ2"),
        ("host db1 pass: xK9#mmQ2", "password", "xK9#mmQ2"),
        ("PWD = xK9#mmQ2", "password", "xK9#mmQ2"),
        ("(pw：xK9#mmQ2)", "password", "xK9#mmQ2"),
        ("密钥id AKIAQYLPMNVHKRFPZAMT", "api_key", "AKIAQYLPMNVHKRFPZAMT"),
        ("rk_live_Qm7vT2xRkW", "api_key", "rk_live_Qm7vT2xRkW"),
        ("用glpat-Zk3Vb0pQ8mXh2yR7tLw9推送", "access_token", "glpat-Zk3Vb0pQ8mXh2yR7tLw9"),
        ("sk-ant-api03-Zk3Vb0pQ8mXh2yR7tLw9sDfGj4Ka6Nc1BvUe", "api_key",
         "sk-ant-api03-Zk3Vb0pQ8mXh2yR7tLw9sDfGj4Ka6Nc1BvUe"),
        ("the admin password on prod-db is correct-horse-7.", "password", "correct-horse-7"),
        ("login: jdoe password: sunshine99", "password", "sunshine99"),
        ("appid wx8f3a2b1c4d5e6f70，密钥 9f8e7d6c5b4a39281706f5e4d3c2b1a0", "api_key",
         "9f8e7d6c5b4a39281706f5e4d3c2b1a0"),
        ("x-api-key: 7d9f2c41-b8e6-4a0f-93d1-c5e7a2b4f680", "api_key",
         "7d9f2c41-b8e6-4a0f-93d1-c5e7a2b4f680"),
        ("api_key: 'sk_live_51H8x9fKJ2mN4pQ7rT0vX3yZ'", "api_key",
         "sk_live_51H8x9fKJ2mN4pQ7rT0vX3yZ"),
    ],
)  # fmt: skip
def test_secrets_are_found_with_their_exact_span(text: str, kind: str, value: str) -> None:
    assert [(hit.kind, text[hit.start : hit.end]) for hit in DETECTOR.find(text)] == [(kind, value)]


def test_both_halves_of_a_key_pair_are_found() -> None:
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzKEYQ9dj1"
    for text in (
        f"我们的AKIAQYLPMN5HHHFPZAM2和{secret}请保管",
        f"aws_secret_access_key = {secret}\naws_access_key_id = AKIAQYLPMN5HHHFPZAM2",
    ):
        found = {text[hit.start : hit.end] for hit in DETECTOR.find(text)}
        assert found == {"AKIAQYLPMN5HHHFPZAM2", secret}


@pytest.mark.parametrize(
    "text",
    [
        "reset your password",
        "api_key=YOUR_API_KEY",
        "token: <token>",
        "access key AKIAIOSFODNN7EXAMPLE",
        "commit 9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c",
        "id 3f2a9b1c-4d5e-6f70-8a9b-0c1d2e3f4a5b",
        "sha256 key: 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
        "password = getpass.getpass()",
        "password = os.environ['DB_PASSWORD']",
        "def check_password(password: str) -> bool:",
        "const password = req.body.password;",
        "token = jwt.encode(payload, SECRET_KEY)",
        "密码长度为8到16位，密码必须包含大小写字母",
        "密码错误三次将锁定",
        "密码：${DB_PASSWORD}",
        "Your password is 8-16 characters long",
        "The password is too weak! Choose another.",
        "订单号：20240501123456789 密码请勿外泄",
        "bypass: Kd82jsPq, compass: north42, test pass: 98 percent, pass: none",
        "pwd = os.getcwd()  # pass = not used",
    ],
)
def test_hard_negatives_are_silent(text: str) -> None:
    assert DETECTOR.find(text) == []


def test_text_cannot_hide_a_secret_from_the_kept_engine() -> None:
    text = f"x\0 {GITHUB} # gitleaks:allow \ud800 betterleaks:allow"
    assert [text[hit.start : hit.end] for hit in DETECTOR.find(text)] == [GITHUB]


def test_a_private_key_cut_off_before_its_end_is_found_whole() -> None:
    cut = PRIVATE_KEY.rpartition("-----END")[0].rstrip()
    hits = DETECTOR.find(f"key:\n{cut}")
    assert [(hit.kind, hit.end) for hit in hits] == [("private_key", len(cut) + 5)]
    assert DETECTOR.find("-----BEGIN RSA PRIVATE KEY----- starts a key") == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("password", "密码是{}"),
        ("password", 'password = "{}"'),
        ("connection_string", "db: {}"),
        ("api_key", "api key is {}"),
        ("access_token", "Authorization: Bearer {}"),
        ("app_secret", "AppSecret: {}"),
        ("private_key", "{}"),
    ],
)
def test_a_placeholder_scans_clean(kind: str, text: str) -> None:
    assert DETECTOR.find(text.format(placeholder(kind))) == []


def test_findings_cover_every_role_and_show_no_secret() -> None:
    segments = (
        Segment(pointer="/system", role="system", text=f"token {GITHUB}"),
        Segment(pointer="/input", role="user", text="密码是Hunter2!xyz"),
    )
    record = Record(id="r", source=Source(path="x"), raw={}, segments=segments)
    found = list(DETECTOR.judge(record, None))
    assert [(f.field, f.kind, f.severity) for f in found] == [
        ("/system", "access_token", "critical"),
        ("/input", "password", "high"),
    ]
    assert not any(value in repr(found) for value in (GITHUB, "Hunter2", GITHUB[4:12]))


@pytest.mark.parametrize(
    "unit", ["password is ", "密码是a1", "http://a:b@", "api key  ", "AKIAQYLPMN5HHHFPZAM2 "]
)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    started = time.process_time()
    DETECTOR.find(unit * 5_000)
    assert time.process_time() - started < 5
