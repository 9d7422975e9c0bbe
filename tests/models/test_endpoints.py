"""Whatever a server does, the client ends in time, says what to do, and tells nobody's secrets."""

from __future__ import annotations

import builtins
import gzip
import json
import re
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.models.stand_in import (
    KEY,
    Deed,
    StandIn,
    answers,
    client,
    hang_up,
    properly,
    refused,
    said,
    server,
    serving,
    slept,
    stall,
    status,
    trickle,
)

from tunegate import models, yamlfile
from tunegate.errors import InputError
from tunegate.models.endpoints import Client, Endpoint, estimated_tokens, is_endpoint
from tunegate.present.catalogue import Catalogue

__all__ = ["client", "server", "slept"]

ASK = [{"role": "user", "content": "PERSONAL question"}]


def ask(client: Client, **settings: Any) -> str:
    with client:
        return client.chat(ASK, **{"max_tokens": 8, "temperature": 0.0, "seed": 1, **settings})


def test_an_answer_is_asked_for_greedily_and_alone(
    server: StandIn, client: Callable[..., Client]
) -> None:
    assert ask(client(), max_tokens=7, seed=5) == "echo: PERSONAL question"
    [one] = server.asked()
    assert one.body == {
        "model": "stand-in",
        "messages": ASK,
        "max_tokens": 7,
        "temperature": 0.0,
        "top_p": 1.0,
        "seed": 5,
        "stream": False,
        "n": 1,
    }
    assert one.headers["Accept-Encoding"] == "identity"
    assert "Authorization" not in one.headers


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("", "/v1"),
        ("/", "/v1"),
        ("/v1", "/v1"),
        ("/v1/", "/v1"),
        ("/behind/a/proxy", "/behind/a/proxy/v1"),
        ("/api/v3/", "/api/v3"),
        ("/v1beta/openai", "/v1beta/openai"),
    ],
)
def test_the_version_may_be_left_out(server: StandIn, given: str, asked: str) -> None:
    server.routes[f"{asked}/chat/completions"] = lambda _: said("here")
    assert ask(Client(Endpoint(url=server.url + given, model="m"))) == "here"


def test_a_model_that_is_named_is_not_looked_up(
    server: StandIn, client: Callable[..., Client]
) -> None:
    one = client(model="mine")
    ask(one)
    assert one.model == "mine"
    assert [seen.path for seen in server.seen] == ["/v1/chat/completions"]


@pytest.mark.parametrize("deed", [status(404), answers(b'{"data": []}')])
def test_a_server_that_lists_no_model_needs_one_named(
    server: StandIn, client: Callable[..., Client], deed: Deed
) -> None:
    server.script.append(deed)
    with refused("endpoint_model_unnamed") as params:
        ask(client())
    assert params["url"] == f"{server.url}/v1"


def test_a_server_that_lists_several_models_needs_one_named(
    server: StandIn, client: Callable[..., Client]
) -> None:
    """With adapters, servers list the base first: it must not be taken for the tuned one."""
    server.routes["/v1/models"] = lambda _: {"data": [{"id": "base"}, {"id": "tuned"}]}
    with refused("endpoint_model_several") as params:
        ask(client())
    assert params["names"] == "base, tuned"
    ask(client(model="tuned"))
    assert server.asked()[-1].body["model"] == "tuned"


def test_the_key_goes_into_the_header_and_nowhere_else(
    server: StandIn, client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_KEY", f" {KEY}\n")
    ask(client(key_variable="TEAM_KEY"))
    assert {one.headers["Authorization"] for one in server.seen} == {f"Bearer {KEY}"}
    server.always = status(401)
    with refused("endpoint_refused") as params:
        ask(client(key_variable="TEAM_KEY", model="m"))
    assert params["variable"] == "TEAM_KEY"
    monkeypatch.setenv("TEAM_KEY", f"{KEY}\r\nX-Other: 1")
    with refused("endpoint_key_broken"):
        client(key_variable="TEAM_KEY")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://host/v1", "endpoint_url_wrong"),
        ("host:8000/v1", "endpoint_url_wrong"),
        ("http://", "endpoint_url_wrong"),
        ("http://host:99999/v1", "endpoint_url_wrong"),
        ("http://host:port/v1", "endpoint_url_wrong"),
        ("http://[::1/v1", "endpoint_url_wrong"),
        ("http://ho\u202est/v1", "endpoint_url_wrong"),
        (f"http://host/v1?key={KEY}", "endpoint_url_wrong"),
        (f"http://host/v1#{KEY}", "endpoint_url_wrong"),
        (f"http://me:{KEY}@host/v1", "endpoint_url_credentials"),
        (f"http://me:{KEY}?@host/v1", "endpoint_url_credentials"),
    ],
)
def test_addresses_that_cannot_be_asked_are_refused(url: str, code: str) -> None:
    with refused(code):
        Client(Endpoint(url=url))


def test_names_of_models_and_addresses_are_told_apart() -> None:
    assert is_endpoint("HTTP://host") and is_endpoint("https://host/v1")
    assert not is_endpoint("Qwen/Qwen3-8B") and not is_endpoint("./http")


@pytest.mark.parametrize(
    "setting", ["concurrency: 0", "timeout: 0", "retries: -1", "max_tokens: -1", "speed: 1"]
)
def test_settings_out_of_range_are_refused(setting: str) -> None:
    text = f"url: http://host\n{setting}\n"
    with pytest.raises(InputError):
        yamlfile.parse(text, Endpoint, path="tunegate.yaml")
    assert yamlfile.parse("url: http://host\n", Endpoint, path="") == Endpoint(url="http://host")


def test_the_library_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "httpx2":
            raise ImportError(name=name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError) as caught:
        Client(Endpoint(url="http://127.0.0.1:1"))
    assert caught.value.code == "endpoint_extra_missing"


@pytest.mark.parametrize("number", [408, 409, 425, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again(
    server: StandIn, client: Callable[..., Client], slept: list[float], number: int
) -> None:
    server.script += [status(number), status(number)]
    assert ask(client(model="m")) == "echo: PERSONAL question"
    assert len(server.asked()) == 3
    assert 0.25 <= slept[0] < 0.5 <= slept[1] < 1.0


@pytest.mark.parametrize(
    ("asked", "waited"), [("7", 7.0), ("0", 0.0), ("86400", 30.0), ("9" * 5000, 30.0)]
)
def test_the_server_says_how_long_to_wait_within_bounds(
    server: StandIn, client: Callable[..., Client], slept: list[float], asked: str, waited: float
) -> None:
    server.script.append(status(429, Retry_After=asked))
    ask(client(model="m"))
    assert slept == [waited]


@pytest.mark.parametrize("asked", ["soon", "-1", "nan", "Wed, 21 Oct 2065 07:28:00 GMT"])
def test_a_pause_that_is_no_number_is_our_own(
    server: StandIn, client: Callable[..., Client], slept: list[float], asked: str
) -> None:
    server.script.append(status(503, Retry_After=asked))
    ask(client(model="m"))
    assert 0.25 <= slept[0] < 0.5


def test_pauses_are_the_same_every_time(
    server: StandIn, client: Callable[..., Client], slept: list[float]
) -> None:
    for _ in range(2):
        server.script += [status(500), status(500), status(500)]
        ask(client(model="m"))
    assert slept[:3] == slept[3:]
    assert len(set(slept)) == 3


def test_five_hundred_for_ever_ends(
    server: StandIn, client: Callable[..., Client], slept: list[float]
) -> None:
    server.always = status(500)
    with refused("endpoint_status") as params:
        ask(client(model="m", retries=9))
    url = f"{server.url}/v1/chat/completions"
    assert params == {"url": url, "status": 500, "tries": 10}
    assert len(server.asked()) == 10
    assert max(slept) <= 30.0


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (400, "endpoint_status"),
        (401, "endpoint_refused"),
        (403, "endpoint_refused"),
        (404, "endpoint_not_found"),
        (422, "endpoint_status"),
        (501, "endpoint_status"),
        (204, "endpoint_status"),
    ],
)
def test_what_will_not_pass_is_not_tried_again(
    server: StandIn, client: Callable[..., Client], slept: list[float], number: int, code: str
) -> None:
    server.always = status(number)
    with refused(code) as params:
        ask(client(model="mine"))
    assert params["status"] == number
    assert params.get("model", "mine") == "mine"
    assert len(server.asked()) == 1
    assert slept == []


@pytest.mark.parametrize("number", [301, 302, 307, 308])
def test_nobody_is_sent_elsewhere(
    server: StandIn, client: Callable[..., Client], number: int
) -> None:
    with serving() as elsewhere:
        server.always = status(number, Location=f"{elsewhere.url}/v1/chat/completions?{KEY}")
        with refused("endpoint_redirected") as params:
            ask(client(model="m"))
    assert params["url"] == f"{server.url}/v1/chat/completions"
    assert elsewhere.seen == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_is_taken_from_the_environment(
    client: Callable[..., Client], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with serving() as proxy:
        monkeypatch.setenv(name, proxy.url)
        assert ask(client()) == "echo: PERSONAL question"
    assert proxy.seen == []


@pytest.mark.parametrize("deed", [stall(), stall(b'{"choices": [{"SECRET'), trickle])
def test_an_answer_that_does_not_come_whole_in_time_is_given_up(
    server: StandIn, client: Callable[..., Client], deed: Deed
) -> None:
    server.always = deed
    began = time.monotonic()
    with refused("endpoint_timed_out") as params:
        ask(client(model="m", timeout=0.2, retries=1))
    assert params["tries"] == 2
    assert params["seconds"] == 0.2
    assert 0.4 <= time.monotonic() - began < 5.0


def test_a_stall_may_pass(server: StandIn, client: Callable[..., Client]) -> None:
    server.script += [stall(b"{"), hang_up]
    assert ask(client(model="m", timeout=0.3)) == "echo: PERSONAL question"


def test_nobody_at_the_address(slept: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with refused("endpoint_unreachable") as params:
        ask(Client(Endpoint(url=url, model="m"), sleep=slept.append))
    assert "refused" in params["why"]
    assert params["tries"] == 5 == len(slept) + 1


def test_something_else_than_http(server: StandIn, client: Callable[..., Client]) -> None:
    server.always = lambda handler: handler.wfile.write(b"SECRET SECRET\r\n\r\n") and None
    with refused("endpoint_unreachable") as params:
        ask(client(model="m", timeout=1.0))
    assert params["why"] == "RemoteProtocolError"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SECRET, no JSON",
        b"<html>SECRET</html>",
        json.dumps(said("SECRET")).encode()[:-3],
        b'{"choices": [{"message": {"content": "SECRET\xff"}}]}',
        b'{"error": {"message": "SECRET"}}',
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": null, "reasoning": "SECRET"}}]}',
        b'{"choices": [{"text": "SECRET"}]}',
        b'{"choices": [{"message": {"content": "x"}}], "usage": {"total_tokens": -5}}',
        b'["SECRET"]',
        b"null",
        b'{"x": ' + b"[" * 200_000,
    ],
)
def test_answers_of_another_shape_are_refused(
    server: StandIn, client: Callable[..., Client], answer: bytes
) -> None:
    server.always = answers(answer)
    with refused("endpoint_answer_broken") as params:
        ask(client(model="m"))
    assert params["url"] == f"{server.url}/v1/chat/completions"
    assert len(server.asked()) == 1


def test_an_answer_beyond_the_bound_is_not_read_to_its_end(
    server: StandIn, client: Callable[..., Client]
) -> None:
    sent: list[int] = []

    def endless(handler: Any) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while len(sent) < 200:
            handler.wfile.write(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
            sent.append(1 << 20)

    server.always = endless
    with refused("endpoint_answer_large") as params:
        ask(client(model="m"))
    assert params["megabytes"] == 16
    assert sum(sent) < 32 << 20


def test_a_packed_answer_is_not_unpacked(server: StandIn, client: Callable[..., Client]) -> None:
    packed = gzip.compress(json.dumps(said("hello")).encode())
    server.always = answers(packed, Content_Encoding="gzip")
    with refused("endpoint_answer_broken"):
        ask(client(model="m"))


def test_no_more_are_asked_at_a_time_than_allowed(
    server: StandIn, client: Callable[..., Client]
) -> None:
    def slowly(handler: Any) -> None:
        time.sleep(0.02)
        properly(handler)

    server.always = slowly
    with client(model="m", concurrency=3) as one:

        def work(number: int) -> str:
            asked = [{"role": "user", "content": str(number)}]
            return one.chat(asked, max_tokens=1, temperature=0.0, seed=0)

        found = dict(one.each(work, range(24)))
    assert found == {number: f"echo: {number}" for number in range(24)}
    assert server.most == 3


def test_after_an_error_nothing_new_is_begun(
    server: StandIn, client: Callable[..., Client]
) -> None:
    server.script += [properly, properly, status(401)]
    with client(model="m", concurrency=2) as one, refused("endpoint_refused"):
        for _ in one.each(lambda _: ask_again(one), range(50)):
            pass
    assert len(server.asked()) < 10


def test_who_goes_away_early_leaves_nothing_running(
    server: StandIn, client: Callable[..., Client]
) -> None:
    with client(model="m", concurrency=1) as one:
        found = one.each(lambda _: ask_again(one), range(50))
        next(found)
        found.close()
        asked = len(server.asked())
        assert asked < 10
        assert ask_again(one)
    assert len(server.asked()) == asked + 1


def ask_again(client: Client) -> str:
    return client.chat(ASK, max_tokens=1, temperature=0.0, seed=0)


def test_requests_are_counted_once_however_often_they_are_tried(
    server: StandIn, client: Callable[..., Client]
) -> None:
    server.script += [status(500), status(500)]
    with client(model="m", max_requests=2) as one:
        ask_again(one)
        ask_again(one)
        with refused("endpoint_budget_spent") as params:
            ask_again(one)
    assert params == {"setting": "max_requests", "limit": 2}
    assert len(server.asked()) == 4


@pytest.mark.parametrize(("told", "answered"), [(None, 3), (0, 3), (10, 7), (50, 2)])
def test_tokens_are_estimated_until_the_server_tells(
    server: StandIn, client: Callable[..., Client], told: int | None, answered: int
) -> None:
    server.routes["/v1/chat/completions"] = lambda _: said("yes", total=told)
    assert estimated_tokens(len(ASK[0]["content"]), 28) == 32
    with (
        client(model="m", max_tokens=100) as one,
        refused("endpoint_budget_spent") as params,
    ):
        while True:
            one.chat(ASK, max_tokens=28, temperature=0.0, seed=0)
    assert params == {"setting": "max_tokens", "limit": 100}
    assert len(server.asked()) == answered


def test_every_code_here_has_words() -> None:
    folder = Path(models.__file__).parent
    source = "".join((folder / f"{n}.py").read_text() for n in ("endpoints", "transport"))
    words = {code for code in Catalogue.load("zh").codes() if code.startswith("endpoint_")}
    assert words == set(re.findall(r'InputError\(\s*"(endpoint_\w+)"', source))
