"""Internal returns: payloads of systems are told from harmless structure, by evidence."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunegate.keys import Key
from tunegate.scan.engine import Engine
from tunegate.scan.internal_return import VALIDATORS, InternalReturnDetector
from tunegate.scan.payloads import blocks, field_names, json_spans, xml_spans
from tunegate.scan.rules import load_rules
from tunegate.types import Finding, Record, Role, Segment, Source

RULES = load_rules("internal")
ENGINE = Engine(RULES, VALIDATORS)
DETECTOR = InternalReturnDetector(Key(b"0123456789abcdef"))
RETURN = (
    '{"code":0,"msg":"ok","data":{"order_id":"A10233","status":"REFUND_PENDING",'
    '"risk_score":0.82,"operator":"u1023"},"trace_id":"7f3a9c2e41b84d60"}'
)


def judge(text: str, role: Role = "assistant") -> list[Finding]:
    segment = Segment(pointer="/output", role=role, text=text)
    record = Record(id="r", source=Source(path="x"), raw={}, segments=(segment,))
    return list(DETECTOR.judge(record, None))


@pytest.mark.parametrize(
    ("rule", "example"), [(rule, example) for rule in RULES for example in rule.examples]
)
def test_each_rule_finds_its_examples(rule: object, example: str) -> None:
    assert rule in [match.rule for match in ENGINE.find(f"\n{example}")]


@pytest.mark.parametrize("example", [example for rule in RULES for example in rule.counterexamples])
def test_counterexamples_are_silent(example: str) -> None:
    assert ENGINE.find(example) == []


@pytest.mark.parametrize("before", ["", "查询结果如下：", 'Here is 5" of it:\n```json\n'])
@pytest.mark.parametrize("role", ["user", "assistant", "observation"])
def test_a_return_is_found_whole_in_any_role(before: str, role: Role) -> None:
    text = f"{before}{RETURN}\n```\n请处理"
    (found,) = judge(text, role)
    assert (found.kind, found.severity) == ("json_payload", "high")
    assert text[found.start : found.end] == RETURN


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (
            "json_payload",
            "{'user_id': 88231, 'is_blacklisted': False, 'last_login_ip': '10.1.2.3'}",
        ),
        ("json_payload", '{"orderId":"A1","riskLevel":"H","handlerId":"u7","updatedAt":"2024'),
        (
            "xml_payload",
            "<r><order><orderId>1</orderId><riskLevel>H</riskLevel>"
            "<operatorId>9</operatorId></order></r>",
        ),
        (
            "sql_rows",
            "+----+--------+------------+\n| id | status | risk_score |\n"
            "+----+--------+------------+\n|  1 | OPEN   |          3 |\n"
            "+----+--------+------------+\n1 row in set (0.00 sec)",
        ),
        ("sql_rows", " id | customer_id | balance\n----+----+----\n 1 | 22 | 100\n(1 row)"),
        (
            "table_payload",
            "| 工单号 | 操作员 | 状态 | 风险等级 |\n|---|---|---|---|\n| 1 | 李四 | 关 | 高 |",
        ),
        ("key_value_payload", "order_id: 123\nstatus: PENDING\nrisk_score: 0.8\noperator_id: u77"),
        ("key_value_payload", "订单号：123，状态：已发货，操作员：李四，风控结果：通过"),
        (
            "stack_trace",
            "Traceback (most recent call last):\n"
            '  File "/srv/app/refund.py", line 12, in run\n    pay()\nValueError: late',
        ),
        (
            "stack_trace",
            "java.lang.IllegalStateException: late\n"
            "\tat com.acme.pay.RefundService.run(RefundService.java:88)\n"
            "\tat com.acme.pay.Main.main(Main.java:8)\nCaused by: java.sql.SQLException: x",
        ),
        (
            "stack_trace",
            "TypeError: x\n    at Refund.run (/srv/app/refund.js:12:7)\n    at /srv/app/i.js:1:7",
        ),
        ("stack_trace", "goroutine 17 [running]:\nmain.run()\n\t/srv/app/refund.go:88 +0x1a5"),
        ("stack_trace", "panic: late\n\ngoroutine 1 [running]:\nmain.main()\n\t/srv/a.go:8 +0x1d"),
        (
            "stack_trace",
            'Exception in thread "main" java.lang.IllegalStateException: late\n'
            "\tat com.acme.pay.Main.main(Main.java:8)\n\t... 12 more",
        ),
        (
            "stack_trace",
            "Traceback (most recent call last):\n"
            '  File "/srv/a.py", line 1, in a\n    b()\n    ~^^\nKeyError: 1\n\n'
            "During handling of the above exception, another exception occurred:\n\n"
            "Traceback (most recent call last):\n"
            '  File "/srv/a.py", line 3, in a\n    c()\napp.errors.PaymentDeclined: late',
        ),
        ("stack_trace", "java.lang.Error: late\n\tat com.acme.Main.main(Main.java:8)"),
        (
            "log_line",
            "2024-05-01 12:30:01,123 [main] ERROR c.c.pay.RefundService - refund failed\n"
            "2024-05-01 12:30:02,123 [main] INFO c.c.pay.RefundService - retry",
        ),
        (
            "http_exchange",
            "POST /api/v1/refunds HTTP/1.1\nHost: pay.acme.internal\n"
            'Content-Type: application/json\n\n{"order_id":1,"amount":22}',
        ),
    ],
)
def test_every_form_of_return_is_found_with_its_span(kind: str, payload: str) -> None:
    text = f"客户问：\n{payload}"
    found = judge(text)
    assert [f.kind for f in found] == [kind]
    assert text[found[0].start : found[0].end] == payload
    assert found[0].severity in ("medium", "high")


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"Pancakes","ingredients":[{"item":"flour","amount":"2 cups"},{"item":"milk",'
        '"amount":"1 cup"}],"prep_time":"10 min","servings":4,"steps":["Mix","Fry"]}',
        'Parse it:\n```json\n{"name": "John Doe", "age": 30, "id": 1}\n```\nwith json.loads.',
        '{"title":"Dune","author":"Herbert","year":1965}',
        "| Feature | Plan A | Plan B |\n|---|---|---|\n| Price | 1 | 2 |",
        "<person><name>Ann</name><age>3</age></person>",
        "<div><p>status</p><span>operator</span></div>",
        "def f(x):\n    d = {'a': 1, 'b': [1, 2]}\n    return d[x]",
        "class A {\n  int status = 1;\n  void risk() { if (trace) { log(); } }\n}",
        "Note: do this. Second: that. Third: those. Answer: 42",
        "姓名：李四，电话：123，地址：北京，邮编：100000",
        "We open at 2024-05-01 12:30. INFO desk: hall 3.",
    ],
)
def test_harmless_structure_is_silent(text: str) -> None:
    assert judge(text) == []


@pytest.mark.parametrize(
    "before", ["客户问：", "2024-05-01 12:30:01,123 [main] ERROR a.B - failed\n"]
)
@pytest.mark.parametrize("after", ["", "\n请问NullPointerException怎么解决？", "\nWhat is wrong?"])
@pytest.mark.parametrize(
    "trace",
    [
        'Traceback (most recent call last):\n  File "/srv/a.py", line 1, in a\nValueError: late',
        "java.lang.IllegalStateException: late\n\tat com.acme.Main.main(Main.java:8)",
        'Exception in thread "main" a.B: late\n\tat com.acme.Main.main(Main.java:8)',
    ],
)
def test_a_trace_runs_from_its_own_first_word_to_its_last_line(
    before: str, trace: str, after: str
) -> None:
    text = before + trace + after
    found = [f for f in judge(text) if f.kind == "stack_trace"]
    assert [text[f.start : f.end] for f in found] == [trace]


def test_a_trace_named_in_prose_is_none() -> None:
    assert judge("It starts with Traceback (most recent call last): and goes on.\nThen read.") == []
    assert judge("Errors are wrapped.\nCaused by: java.io.IOException is printed.\nFine.") == []


def test_a_tool_turn_weighs_more_and_a_tool_description_nothing() -> None:
    small = '{"exchange_rate": 0.85}'
    assert [f.severity for f in judge(small, "observation")] == ["medium"]
    assert judge(small, "assistant") == []
    assert judge(RETURN, "tools") == [f for f in judge(RETURN, "tools") if f.kind == "trace_id"]
    assert judge("It is sunny.", "observation") == []


def test_single_marks_stand_alone_outside_payloads_only() -> None:
    text = "登录http://crm.corp/orders，网关10.23.8.14:8443，trace_id=7f3a9c2e41b84d60"
    assert [(f.kind, text[f.start : f.end]) for f in judge(text)] == [
        ("internal_host", "crm.corp"),
        ("private_address", "10.23.8.14:8443"),
        ("trace_id", "7f3a9c2e41b84d60"),
    ]
    assert [f.kind for f in judge(RETURN)] == ["json_payload"]


def test_findings_hold_evidence_classes_and_no_values() -> None:
    (found,) = judge(RETURN)
    assert set(str(found.reason.params["evidence"]).split(", ")) >= {"operator", "risk", "envelope"}
    assert not any(raw in repr(found) for raw in ("A10233", "u1023", "REFUND", "7f3a9c2e"))


def test_unbalanced_brackets_do_not_hide_a_payload() -> None:
    assert [f.kind for f in judge(f"see [1 and {{ then {RETURN} ]")] == ["json_payload"]
    text = f'{{"a": {RETURN}, "b": [1, 2}} {RETURN}'
    assert judge(text)


@given(st.text(alphabet='{}[]":,\\a1\n <>/|-', max_size=200))
def test_any_text_is_survived_and_spans_are_in_order(text: str) -> None:
    spans = json_spans(text)
    assert all(0 <= s.start < s.end <= len(text) for s in spans)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert all(0 <= s.start < s.end <= len(text) for s in xml_spans(text))
    for found in judge(text, "observation"):
        assert 0 <= found.start < found.end <= len(text)


def test_field_names_are_split_into_words() -> None:
    names = field_names('{"riskScore": 1, "order_id": 2, "HTTPStatus": 3, "操作员": 4}')
    assert names == {"risk score", "order id", "http status", "操作员"}


def test_blocks_join_lines_within_the_gap() -> None:
    text = "a\nb\nc\nd\ne"
    assert [(text[s.start : s.end], n) for s, n in blocks(text, [0, 4, 8], gap=1)] == [
        ("a\nb\nc\nd\ne", 3)
    ]
    assert [(text[s.start : s.end], n) for s, n in blocks(text, [0, 4, 8], gap=0)] == [
        ("a", 1), ("c", 1), ("e", 1),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "unit",
    ['{"a":', "[", "[{(]}", '{"', '{"\\', "<a1><b1>", "|a|b|\n|--|", "a: b, ", "|---", "{   "],
)
def test_hostile_text_takes_linear_time(unit: str) -> None:
    started = time.process_time()
    judge(unit * 20_000)
    assert time.process_time() - started < 5
