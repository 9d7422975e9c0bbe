"""Somebody else's server: speaks as much of OpenAI's protocol as TuneGate asks, and misbehaves."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from tunegate.errors import InputError
from tunegate.models import scoring
from tunegate.models.endpoints import Client, Endpoint
from tunegate.models.loading import Base
from tunegate.models.template import CHATML, Encoded
from tunegate.present.catalogue import LANGUAGES, Catalogue

KEY = "sk-tests-only"
SECRETS = ("PERSONAL", "SECRET", KEY)  # what no message may hold

Json = dict[str, Any]
Deed = Callable[["Handler"], None]  # answers one request in its own way


class Seen(NamedTuple):
    """One request that came in."""

    path: str
    headers: dict[str, str]
    body: Json


class StandIn(ThreadingHTTPServer):
    """Listens on a free port of this machine.

    Attributes:
        script: What to do about the next requests; when it is empty, they are answered properly.
        always: What to do about all of them.
        routes: Path → answer to a body.
        seen: All requests in order.
        most: Most that were answered at one time.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: deque[Deed] = deque()
        self.always: Deed | None = None
        self.routes: dict[str, Callable[[Json], Json]] = {
            "/v1/models": lambda _: {"data": [{"id": "stand-in"}]},
            "/v1/chat/completions": lambda body: said("echo: " + body["messages"][-1]["content"]),
        }
        self.seen: list[Seen] = []
        self.most = self.now = 0
        self.lock = threading.Lock()
        self.ended = threading.Event()

    def handle_error(self, *_: Any) -> None:
        """Clients hang up in the middle here, and tests print nothing."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def asked(self, path: str = "/v1/chat/completions") -> list[Seen]:
        return [one for one in self.seen if one.path == path]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: StandIn
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Tests print nothing."""

    def do_GET(self) -> None:
        self._do()

    def do_POST(self) -> None:
        self._do()

    def _do(self) -> None:
        server = self.server
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.one = Seen(self.path, dict(self.headers), json.loads(raw or b"{}"))
        with server.lock:
            server.seen.append(self.one)
            server.now += 1
            server.most = max(server.most, server.now)
            deed = server.script.popleft() if server.script else server.always or properly
        try:
            deed(self)
        except OSError:  # the client had enough
            self.close_connection = True
        finally:
            with server.lock:
                server.now -= 1

    def send(self, body: bytes, *, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


def properly(handler: Handler) -> None:
    route = handler.server.routes.get(handler.path)
    if route is None:
        handler.send(b'{"detail": "SECRET of the server"}', status=404)
    else:
        handler.send(json.dumps(route(handler.one.body)).encode())


def status(number: int, **headers: str) -> Deed:
    """An error whose body quotes what nobody may see."""
    return lambda handler: handler.send(b"SECRET of the server", status=number, **headers)


def answers(answer: bytes, **headers: str) -> Deed:
    return lambda handler: handler.send(answer, **headers)


def stall(before: bytes = b"") -> Deed:
    """Sends the beginning of a body (or not even headers), and then nothing until the end."""

    def deed(handler: Handler) -> None:
        if before:
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(before) + 100))
            handler.end_headers()
            handler.wfile.write(before)
        handler.server.ended.wait(20)
        handler.close_connection = True

    return deed


def trickle(handler: Handler) -> None:
    """A body that never stalls and never ends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    while not handler.server.ended.wait(0.02):
        handler.wfile.write(b" ")


def hang_up(handler: Handler) -> None:
    """Promises more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": ')
    handler.close_connection = True


def said(text: str, *, total: int | None = None) -> Json:
    usage = {} if total is None else {"usage": {"prompt_tokens": 1, "total_tokens": total}}
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}], **usage}


def echoed(body: Json) -> Json:
    """One token a character, each likely; and one behind the prompt."""
    text = body["prompt"]
    size = len(text)
    logprobs = {
        "tokens": [*text, "x"],
        "token_logprobs": [None, *[-0.5] * size],
        "text_offset": list(range(size + 1)),
        "top_logprobs": [None, *({c: -0.5} for c in text[1:]), {"x": -0.5}],
    }
    return {"choices": [{"text": text + "x", "logprobs": logprobs}], "usage": {"total_tokens": 9}}


@contextmanager
def serving() -> Iterator[StandIn]:
    server = StandIn()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server() -> Iterator[StandIn]:
    with serving() as one:
        yield one


def endpoint(server: StandIn, **settings: Any) -> Endpoint:
    return Endpoint(url=server.url, **{"timeout": 5.0, **settings})


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def client(server: StandIn, slept: list[float]) -> Callable[..., Client]:
    """A client of the stand-in with some settings, which notes its pauses and takes none."""
    return lambda **settings: Client(endpoint(server, **settings), sleep=slept.append)


@contextmanager
def refused(code: str) -> Iterator[dict[str, Any]]:
    """The block raises `code`, in words that name the remedy and no secret."""
    params: dict[str, Any] = {}
    with pytest.raises(InputError) as caught:
        yield params
    error = caught.value
    assert error.code == code
    params.update(error.params)
    for lang in LANGUAGES:
        words = Catalogue.load(lang).text(code, error.params)
        assert "⟨" not in words and "{" not in words
        assert not any(secret in words + str(error) for secret in SECRETS)
    assert error.__suppress_context__ or error.__cause__ is None


class Model:
    """The routes of a server that runs the tiny model, one request at a time."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.lock = threading.Lock()

    def chat(self, body: Json) -> Json:
        """Greedy, token by token."""
        import torch

        tokenizer = self.base.tokenizer
        text = tokenizer.apply_chat_template(
            body["messages"], tokenize=False, add_generation_prompt=True, chat_template=CHATML
        )
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        start = len(ids)
        with self.lock, torch.inference_mode():
            while len(ids) < start + body["max_tokens"]:
                logits = self.base.model(input_ids=torch.tensor([ids])).logits[0, -1]
                ids.append(int(logits.argmax()))
                if ids[-1] == tokenizer.eos_token_id:
                    break
        return said(tokenizer.decode(ids[start:], skip_special_tokens=True), total=len(ids))

    def completions(self, body: Json) -> Json:
        """Echoes the prompt with log-probabilities, as vLLM does, and one token behind it."""
        text = body["prompt"]
        coded = self.base.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids = tuple(coded["input_ids"])
        whole = Encoded(ids, (True,) * len(ids), tuple(coded["offset_mapping"]), ())
        with self.lock:
            [answer] = scoring.score(
                self.base, [scoring.ScoreRow(whole, (tuple(range(1, len(ids))),))]
            )
        scores = answer.target
        # Where each token's text ends; of a character in several tokens it is all in the last.
        after = [*(start for start, _ in whole.offsets[1:]), len(text)]
        ends = [min(end, later) for (_, end), later in zip(whole.offsets, after, strict=True)]
        starts = [0, *ends]
        pieces = [text[a:b] for a, b in zip(starts, ends, strict=False)]
        tops = [
            {piece: own} if greedy else {piece: own, "likelier": own / 2}
            for piece, own, greedy in zip(pieces[1:], scores.logprob, scores.greedy, strict=True)
        ]
        logprobs = {
            "tokens": [*pieces, "!"],
            "token_logprobs": [None, *scores.logprob, -1.0],
            "top_logprobs": [None, *tops, {"!": -1.0}],
            "text_offset": starts,
        }
        usage = {"total_tokens": len(ids) + 1}
        return {"choices": [{"text": text + "!", "logprobs": logprobs}], "usage": usage}


def serve_model(server: StandIn, base: Base) -> None:
    model = Model(base)
    server.routes["/v1/chat/completions"] = model.chat
    server.routes["/v1/completions"] = model.completions
