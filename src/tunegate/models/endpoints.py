"""A model behind an OpenAI-compatible HTTP endpoint, and the one client that asks it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cached_property
from typing import Annotated, Any, Self, TypeVar

import msgspec

from tunegate.errors import InputError
from tunegate.models.echo import Echoed, PromptToken, aligned
from tunegate.models.transport import Sleep, Transport, base_url, has_scheme
from tunegate.types import Noun

Message = Mapping[str, str]  # {"role": …, "content": …}

_NOT_OFFERED = frozenset({400, 404, 405, 422, 501})
# Every tokenizer cuts some of these characters into bytes, where servers get offsets wrong.
_KNOWN_TEXT = "Hello, 你好 龘😀.\n"

T = TypeVar("T")
R = TypeVar("R")


class Endpoint(Noun, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False):
    """Where a served model answers, and how hard it may be asked.

    Attributes:
        url: Of the API, such as `http://127.0.0.1:8000/v1`; `/v1` may be left out. In the settings
            it stands under `model` or `tuned`, and is left out here.
        model: Its name there; empty takes the only one that the server lists.
        key_variable: The environment variable that holds the bearer key, if one is needed.
        concurrency: Most requests at a time.
        timeout: Seconds for a whole answer, from connecting to the last byte.
        retries: Further tries after a failure that may pass.
        max_requests: Most questions of one run; further tries of the same one are not counted.
        max_tokens: Most tokens of one run, asked and answered. Four characters count as a token
            until the server says how many there were.
    """

    url: str = ""
    model: str = ""
    key_variable: str = "TUNEGATE_ENDPOINT_KEY"
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=256)] = 4
    timeout: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    retries: Annotated[int, msgspec.Meta(ge=0)] = 4
    max_requests: Annotated[int, msgspec.Meta(ge=0)] = 5000
    max_tokens: Annotated[int, msgspec.Meta(ge=0)] = 1_000_000


def check_address(address: str) -> None:
    """Makes sure that an address can be asked and holds no credentials, before it is kept.

    Raises:
        InputError: It cannot, or it does.
    """
    base_url(address.partition("#")[0], key_variable=Endpoint().key_variable)


def is_endpoint(name: str) -> bool:
    """Whether a model is named by an address."""
    return has_scheme(name)


def addressed(limits: Endpoint, address: str) -> Endpoint:
    """`http://HOST/v1#NAME` names a model there; without a name the only one that it lists."""
    url, _, model = address.partition("#")
    return msgspec.structs.replace(limits, url=url, model=model or limits.model)


def estimated_tokens(characters: int, new: int) -> int:
    """What a question counts before the server tells: its characters by four, and `new` to come."""
    return characters // 4 + new


class _Usage(msgspec.Struct):
    total_tokens: Annotated[int, msgspec.Meta(ge=0)] = 0


class _Reply(msgspec.Struct, kw_only=True):
    usage: _Usage | None = None


class _Said(msgspec.Struct):
    content: str


class _ChatChoice(msgspec.Struct):
    message: _Said


class _Chat(_Reply):
    choices: Annotated[list[_ChatChoice], msgspec.Meta(min_length=1)]


class _EchoChoice(msgspec.Struct):
    logprobs: Echoed


class _Echo(_Reply):
    choices: Annotated[list[_EchoChoice], msgspec.Meta(min_length=1)]


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


A = TypeVar("A", bound=_Reply)


class Client:
    """Asks one endpoint, several questions at a time, within its budget.

    Use it as a context, or close it.

    Args:
        endpoint: Where to ask, and how hard.
        sleep: Waits some seconds between two tries.

    Attributes:
        url: The address that is asked, without key, user or query.

    Raises:
        InputError: The address or the key cannot be right, or the HTTP library is missing.
    """

    def __init__(self, endpoint: Endpoint, *, sleep: Sleep = time.sleep) -> None:
        self._endpoint = endpoint
        self._transport = Transport(
            endpoint.url,
            key_variable=endpoint.key_variable,
            connections=endpoint.concurrency,
            timeout=endpoint.timeout,
            retries=endpoint.retries,
            sleep=sleep,
        )
        self._budget = _Budget(endpoint.max_requests, endpoint.max_tokens)
        self.url = self._transport.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes all connections."""
        self._transport.close()

    @cached_property
    def model(self) -> str:
        """The model that is asked.

        Raises:
            InputError: None is named and the server lists none or several, or it doesn't answer.
        """
        if self._endpoint.model:
            return self._endpoint.model
        try:
            listed = self._read(self._transport.request("GET", "/models"), "/models", _Models).data
        except InputError as error:
            if error.code != "endpoint_not_found":
                raise
            listed = []
        if not listed:
            raise InputError("endpoint_model_unnamed", url=self.url)
        if len(listed) > 1:  # with adapters, servers list the base first
            names = ", ".join(one.id for one in listed)[:400]
            raise InputError("endpoint_model_several", url=self.url, names=names)
        return listed[0].id

    def chat(
        self, messages: Sequence[Message], *, max_tokens: int, temperature: float, seed: int
    ) -> str:
        """The model's answer to a conversation; greedy when `temperature` is 0.

        Raises:
            InputError: The server doesn't give one, or the budget is used up.
        """
        body = {
            "messages": messages,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "top_p": 1.0,  # else servers take what the model's maker recommends
            "seed": seed,
        }
        characters = sum(len(message["content"]) for message in messages)
        tokens = estimated_tokens(characters, max_tokens)
        reply = self._ask("/chat/completions", body, _Chat, tokens=tokens)
        return reply.choices[0].message.content

    def prompt_logprobs(self, text: str) -> list[PromptToken]:
        """Log-probabilities of the tokens of `text`, in order, as the server cuts it.

        Raises:
            InputError: The server doesn't give them, they don't fit the text, or the budget is
                used up.
        """
        body = {
            "prompt": text,
            "max_tokens": 1,  # some servers refuse 0; what they add behind the text is left out
            "temperature": 0.0,
            "echo": True,
            "logprobs": 1,
            "add_special_tokens": False,  # a rendered conversation holds its own
        }
        tokens = estimated_tokens(len(text), 1)
        reply = self._ask("/completions", body, _Echo, tokens=tokens)
        found = aligned(reply.choices[0].logprobs, text)
        if found is None:
            raise InputError("endpoint_logprobs_unfit", url=f"{self.url}/completions")
        return found

    def offers_logprobs(self) -> bool:
        """Whether log-probabilities of a prompt can be had here; the server is asked once.

        Raises:
            InputError: The server fails in another way than by not offering them.
        """
        return self._offers_logprobs

    @cached_property
    def _offers_logprobs(self) -> bool:
        try:
            return bool(self.prompt_logprobs(_KNOWN_TEXT))
        except InputError as error:
            unfit = error.code in {"endpoint_answer_broken", "endpoint_logprobs_unfit"}
            if unfit or error.params.get("status") in _NOT_OFFERED:
                return False
            raise

    def each(self, work: Callable[[T], R], items: Sequence[T]) -> Iterator[tuple[T, R]]:
        """Does `work` for all items, `concurrency` at a time, and gives them as they get done.

        After an error, or when the caller goes away, nothing new is begun and nothing is tried
        again; what is under way ends first.
        """
        with ThreadPoolExecutor(self._endpoint.concurrency) as pool:
            waiting = {pool.submit(work, item): item for item in items}
            try:
                for done in as_completed(waiting):
                    yield waiting[done], done.result()
            finally:
                self._transport.stopping.set()
                pool.shutdown(cancel_futures=True)
                self._transport.stopping.clear()

    def _ask(self, path: str, body: Mapping[str, Any], kind: type[A], *, tokens: int) -> A:
        whole = {"model": self.model, **body, "stream": False, "n": 1}
        self._budget.reserve(tokens)
        reply = self._read(self._transport.request("POST", path, whole), path, kind)
        if reply.usage and reply.usage.total_tokens:
            self._budget.settle(tokens, reply.usage.total_tokens)
        return reply

    def _read(self, answer: bytes, path: str, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(answer, type=kind)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            # Without its cause, which may quote the answer.
            raise InputError("endpoint_answer_broken", url=self.url + path) from None


class _Budget:
    """Counts what one run asks for, before it is asked."""

    def __init__(self, requests: int, tokens: int) -> None:
        self._most = {"max_requests": requests, "max_tokens": tokens}
        self._asked = {"max_requests": 0, "max_tokens": 0}
        self._lock = threading.Lock()

    def reserve(self, tokens: int) -> None:
        more = {"max_requests": 1, "max_tokens": tokens}
        with self._lock:
            for setting, most in self._most.items():
                if self._asked[setting] + more[setting] > most:
                    raise InputError("endpoint_budget_spent", setting=setting, limit=most)
            for setting, number in more.items():
                self._asked[setting] += number

    def settle(self, reserved: int, used: int) -> None:
        with self._lock:
            self._asked["max_tokens"] += used - reserved
