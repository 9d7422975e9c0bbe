"""A real `llamafactory-cli api` server on loopback, asked as any endpoint is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.models.tiny import chat, write_adapter

from tunegate.errors import InputError
from tunegate.models.endpoints import Client, Endpoint
from tunegate.models.executor import Executor, State
from tunegate.models.loading import Base
from tunegate.models.queries import Generate, GenerateAnswer
from tunegate.models.remote import RemoteExecutor
from tunegate.tune import llamafactory

pytestmark = [
    pytest.mark.llamafactory,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        not os.environ.get(llamafactory.VARIABLE), reason="no environment of LLaMA-Factory's"
    ),
]

QUESTIONS = [
    Generate(turns=chat(text), max_new_tokens=12)
    for text in ("How do I return a parcel?", "怎么退货？", "Call me")
]
_PATIENCE = 240.0  # seconds; it imports for half a minute on a busy machine


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def adapter(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was tuned."""
    return write_adapter(base, tmp_path_factory.mktemp("tuned"), seed=5)


@pytest.fixture(scope="module")
def address(
    tiny_folder: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The server of the tuned model; it is stopped afterwards."""
    port = free_port()
    log = tmp_path_factory.mktemp("api") / "log.txt"
    words = [
        str(llamafactory.program("")),
        "api",
        *("--model_name_or_path", str(tiny_folder)),
        *("--adapter_name_or_path", str(adapter)),
        *("--template", "chatml"),
        *("--infer_dtype", "float32"),
    ]
    variables = {
        **llamafactory.environment(log.parent),
        "API_HOST": "127.0.0.1",
        "API_PORT": str(port),
        "API_KEY": "a-key-for-this-test",
        "DISABLE_VERSION_CHECK": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    with log.open("wb") as told:
        server = subprocess.Popen(
            words, stdout=told, stderr=subprocess.STDOUT, env=variables, start_new_session=True
        )
    try:
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end and server.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.5)
        assert server.poll() is None, log.read_text("utf-8", "replace")[-2000:]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def test_it_says_what_the_same_adapter_says_in_memory(
    base: Base, adapter: Path, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEGATE_ENDPOINT_KEY", "a-key-for-this-test")
    local = Executor(base, cache=tmp_path / "local", template="chatml", cutoff_len=256)
    ours = local.run(QUESTIONS, state=State("tuned", adapter))
    plain = local.run(QUESTIONS, state=State("base", None))
    with Client(Endpoint(url=address)) as client:
        remote = RemoteExecutor(
            client, cache=tmp_path / "remote", tokenizer=base.tokenizer, template="chatml"
        )
        assert remote.offered == {Generate}  # it tells no log-probabilities
        theirs = remote.run(QUESTIONS)
    for question in QUESTIONS:
        said, mine = theirs[question], ours[question]
        assert isinstance(said, GenerateAnswer)
        assert isinstance(mine, GenerateAnswer)
        assert said.text.strip() == mine.text.strip()
    assert ours != plain


def test_a_wrong_key_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEGATE_ENDPOINT_KEY", "another-key")
    with Client(Endpoint(url=address)) as client, pytest.raises(InputError) as caught:
        client.chat(({"role": "user", "content": "Hi"},), max_tokens=2, temperature=0.0, seed=0)
    assert caught.value.code == "endpoint_refused"
    assert "another-key" not in str(caught.value)
