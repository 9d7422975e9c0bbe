"""One HTTP request to the address in the settings, tried again where that may help.

Messages for people name addresses, settings and status numbers. They never hold what was asked,
what came back or the key: any of them may be personal or secret.
"""

from __future__ import annotations

import os
import re
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tunegate.errors import InputError

Sleep = Callable[[float], object]

_LARGEST_MB = 16  # of one answer
_LONGEST_PAUSE = 30.0  # seconds between tries, whatever the server asks for
_FIRST_PAUSE = 0.5
_RETRIED = frozenset({408, 409, 425, 429})
_NEVER_OFFERED = 501
_VERSIONED = re.compile(r"/v\d")  # most servers answer under /v1, some under /api/v3 and the like


def has_scheme(url: str) -> bool:
    """Whether it is an address of the web."""
    return url.lower().startswith(("http://", "https://"))


class Transport:
    """Sends JSON and gives back the bytes of an answer.

    No redirect is followed and no proxy is taken from the environment: what is asked goes to the
    address in the settings or nowhere. Threads may share it.

    Args:
        url: Of the API; `/v1` may be left out.
        key_variable: The environment variable that holds the bearer key, if there is one.
        connections: Most at a time.
        timeout: Seconds for a whole answer.
        retries: Further tries after a failure that may pass.
        sleep: Waits some seconds between two tries.

    Attributes:
        url: As it is asked, without a slash at its end.
        stopping: While set, nothing is tried again.

    Raises:
        InputError: The address or the key cannot be right, or the HTTP library is missing.
    """

    def __init__(
        self,
        url: str,
        *,
        key_variable: str,
        connections: int,
        timeout: float,
        retries: int,
        sleep: Sleep,
    ) -> None:
        try:
            import httpx2
        except ImportError as error:
            raise InputError("endpoint_extra_missing", library=str(error.name)) from error
        self.url = base_url(url, key_variable=key_variable)
        self.stopping = threading.Event()
        self._key_variable = key_variable
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep
        self._http = httpx2.Client(
            headers={
                "Accept-Encoding": "identity",  # packed answers could unpack to any size
                "Content-Type": "application/json",
                **_authorization(key_variable),
            },
            follow_redirects=False,
            trust_env=False,
            limits=httpx2.Limits(max_connections=connections),
        )

    def close(self) -> None:
        """Closes all connections."""
        self._http.close()

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bytes:
        """The body of an answer with status 200, after as many tries as are allowed.

        Raises:
            InputError: There is none.
        """
        import httpx2

        url = self.url + path
        content = msgspec.json.encode(body) if body else b""
        tries = 0
        while True:
            tries += 1
            last = tries > self._retries or self.stopping.is_set()
            pause = ""
            try:
                status, pause, answer = self._once(method, url, content)
            except httpx2.TransportError as error:
                if last:  # without its cause, which may quote the answer
                    raise self._silence(error, url, tries=tries) from None
            else:
                if status == 200:
                    return answer
                if last or not _may_pass(status):
                    raise self._fault(status, url, model=(body or {}).get("model", ""), tries=tries)
            self._sleep(_seconds(pause, tries=tries, content=content))

    def _once(self, method: str, url: str, content: bytes) -> tuple[int, str, bytes]:
        """Status, `Retry-After` and body of one try; the body only with status 200."""
        import httpx2

        left = _TimeLeft(self._timeout)
        answer = bytearray()
        with self._http.stream(
            method, url, content=content, extensions={"timeout": left}
        ) as response:
            pause = response.headers.get("Retry-After", "")
            if response.status_code != 200:
                return response.status_code, pause, b""
            for chunk in response.iter_raw():
                answer += chunk
                if len(answer) > _LARGEST_MB << 20:
                    raise InputError("endpoint_answer_large", url=url, megabytes=_LARGEST_MB)
                if left.is_over():
                    raise httpx2.ReadTimeout("")
        return 200, pause, bytes(answer)

    def _silence(self, error: Exception, url: str, *, tries: int) -> InputError:
        import httpx2

        if isinstance(error, httpx2.TimeoutException):
            return InputError("endpoint_timed_out", url=url, seconds=self._timeout, tries=tries)
        # Of protocol errors only the kind: their text quotes the answer.
        plain = isinstance(error, httpx2.ConnectError)
        why = str(error) if plain else type(error).__name__
        return InputError("endpoint_unreachable", url=url, why=why, tries=tries)

    def _fault(self, status: int, url: str, *, model: str, tries: int) -> InputError:
        if 300 <= status < 400:
            return InputError("endpoint_redirected", url=url, status=status)
        if status in {401, 403}:
            variable = self._key_variable
            return InputError("endpoint_refused", url=url, status=status, variable=variable)
        if status == 404:
            return InputError("endpoint_not_found", url=url, status=status, model=model)
        return InputError("endpoint_status", url=url, status=status, tries=tries)


class _TimeLeft(dict[str, float]):
    """httpx2's limits, looked up as each phase of a request begins: the rest of the whole time."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._end = time.monotonic() + seconds

    def get(self, _phase: str, _default: Any = None) -> Any:
        return max(self._end - time.monotonic(), 0.001)  # 0 would mean not to wait at all

    def is_over(self) -> bool:
        return time.monotonic() >= self._end


def base_url(url: str, *, key_variable: str) -> str:
    """The address without a slash at its end, with a version in it.

    Raises:
        InputError: It is none, or it holds credentials or a query.
    """
    if "@" in url:
        raise InputError("endpoint_url_credentials", variable=key_variable)
    shown = re.split("[?#]", url)[0]
    try:
        parts, parsed = urlsplit(url), _parsed(url)
        sound = shown == url and has_scheme(url) and parsed.host and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise InputError("endpoint_url_wrong", url=shown)
    base = str(parsed).rstrip("/")
    return base if _VERSIONED.search(parts.path) else f"{base}/v1"


def _parsed(url: str) -> Any:
    """The address as the HTTP library understands it.

    Raises:
        ValueError: It does not.
        InputError: The library is not installed.
    """
    try:
        import httpx2
    except ImportError as error:
        raise InputError("endpoint_extra_missing", library=str(error.name)) from error
    try:
        return httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise ValueError(url) from error


def _authorization(variable: str) -> dict[str, str]:
    key = os.environ.get(variable, "").strip()
    if not re.fullmatch("[!-~]*", key):
        raise InputError("endpoint_key_broken", variable=variable)
    return {"Authorization": f"Bearer {key}"} if key else {}


def _may_pass(status: int) -> bool:
    return status in _RETRIED or (status >= 500 and status != _NEVER_OFFERED)


def _seconds(asked: str, *, tries: int, content: bytes) -> float:
    """Until the next try: what the server asked for, or twice as long as the last time.

    The jitter comes from the request itself, so that the same run waits the same times.
    """
    if asked.isdecimal():
        return min(float(asked), _LONGEST_PAUSE)
    jitter = zlib.crc32(content, tries) / 2**32
    return min(_FIRST_PAUSE * 2.0 ** (tries - 1), _LONGEST_PAUSE) * (1 + jitter) / 2
