"""A served model gives the answers that it would give here, and none is asked for twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.models.stand_in import (
    StandIn,
    echoed,
    endpoint,
    properly,
    serve_model,
    server,
    serving,
    stall,
    status,
)
from tests.models.tiny import chat

from tunegate.errors import InputError
from tunegate.models import remote as module
from tunegate.models.endpoints import Client
from tunegate.models.executor import Executor, State
from tunegate.models.loading import Base
from tunegate.models.queries import (
    Answer,
    Candidates,
    Divergence,
    Generate,
    GenerateAnswer,
    Query,
    Score,
    ScoreAnswer,
)
from tunegate.models.remote import RemoteExecutor
from tunegate.models.template import encode
from tunegate.types import Turn

__all__ = ["server"]

GENERATES: list[Query] = [
    Generate(turns=chat("Tell me " * n), max_new_tokens=n + 3) for n in range(1, 5)
]
LONG = chat("How do I return a parcel? " * 4, "Use the form 😀 within 30 days, 请在三十天内。" * 3)
SCORES: list[Score] = [
    Score(turns=chat("Hi", "Hello, how are you?"), spans=((1, 0, 5), (0, 0, 2), (1, 7, 10))),
    Score(
        turns=chat("退货单号 👩\u200d👧?", "龘 139-0013, 😀"),
        spans=((1, 2, 10), (0, 5, 8), (1, 12, 13)),
    ),
    Score(turns=chat("One", "1", "Two", "2 \n", "Three", "\n 3"), spans=((5, 2, 3),)),
    Score(
        turns=(
            Turn(role="tools", text="[]"),
            Turn(role="system", text="Be brief."),
            Turn(role="user", text="Call it."),
            Turn(role="function_call", text='{"a": 1}'),
            Turn(role="observation", text="<|im_end|>"),
            Turn(role="assistant", text="Done."),
        ),
        spans=((3, 1, 4), (1, 0, 2)),
    ),
]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "vault" / "answers"


@pytest.fixture
def remote(server: StandIn, cache: Path) -> Iterator[Callable[..., RemoteExecutor]]:
    """An executor of the stand-in; settings of the endpoint by name, others for itself."""

    def make(*, tokenizer: Any = None, cutoff_len: int = 256, **settings: Any) -> RemoteExecutor:
        client = Client(endpoint(server, **settings), sleep=lambda _: None)
        clients.append(client)
        return RemoteExecutor(client, cache=cache, tokenizer=tokenizer, cutoff_len=cutoff_len)

    clients: list[Client] = []
    yield make
    for client in clients:
        client.close()


def local(base: Base, query: Query, cache: Path, *, cutoff_len: int = 256) -> Answer:
    """What the model answers in memory, asked alone."""
    asks = Executor(base, cache=cache / "local", template="chatml", cutoff_len=cutoff_len)
    return asks.run([query], state=State("base", None))[query]


def files(cache: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(cache.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    "turns",
    [
        chat("Tell me"),
        chat("Hi", "Hello.", "退货 😀?"),
        (
            Turn(role="tools", text="[]"),
            Turn(role="system", text="Be brief."),
            Turn(role="user", text="Call it."),
            Turn(role="function_call", text="{}"),
            Turn(role="observation", text="7"),
            Turn(role="user", text="And?"),
        ),
    ],
)
def test_generated_answers_are_those_of_the_model_in_memory(
    base: Base,
    server: StandIn,
    remote: Callable[..., RemoteExecutor],
    tmp_path: Path,
    turns: tuple[Turn, ...],
) -> None:
    serve_model(server, base)
    query = Generate(turns=turns, max_new_tokens=12)
    assert remote().run([query])[query] == local(base, query, tmp_path)


def test_decoding_is_as_the_query_says(
    server: StandIn, remote: Callable[..., RemoteExecutor]
) -> None:
    query = Generate(turns=chat("Hi"), max_new_tokens=3, temperature=0.7, seed=2**62)
    remote().run([query])
    [one] = server.asked()
    assert one.body["temperature"] == 0.7
    assert one.body["seed"] == 2**62
    assert one.body["max_tokens"] == 3


@pytest.mark.parametrize("query", SCORES)
def test_scores_are_those_of_the_model_in_memory(
    base: Base,
    server: StandIn,
    remote: Callable[..., RemoteExecutor],
    tmp_path: Path,
    query: Score,
) -> None:
    serve_model(server, base)
    assert_same(remote(tokenizer=base.tokenizer).run([query])[query], local(base, query, tmp_path))


def test_a_server_that_cuts_the_text_otherwise_is_read_by_characters(
    server: StandIn, base: Base, remote: Callable[..., RemoteExecutor]
) -> None:
    server.routes["/v1/completions"] = echoed
    query = Score(turns=chat("Hi", "Hello"), spans=((1, 1, 4), (0, 0, 1)))
    answer = remote(tokenizer=base.tokenizer).run([query])[query]
    assert isinstance(answer, ScoreAnswer)
    assert len(answer.target.logprob) == len("Hello<|im_end|>\n")
    assert [len(span.logprob) for span in answer.spans] == [3, 1]


@pytest.mark.parametrize("share", [1, 2, 3, 5, 8, 20])
def test_scores_of_what_truncation_leaves_are_the_same(
    base: Base,
    server: StandIn,
    remote: Callable[..., RemoteExecutor],
    tmp_path: Path,
    share: int,
) -> None:
    serve_model(server, base)
    query = Score(turns=LONG, spans=((1, 0, 3), (0, 0, 3), (1, 0, len(LONG[1].text))))
    cutoff = len(encode(base.tokenizer, LONG, template="chatml").ids) // share
    answer = remote(tokenizer=base.tokenizer, cutoff_len=cutoff).run([query])[query]
    assert_same(answer, local(base, query, tmp_path, cutoff_len=cutoff))


def assert_same(answer: Answer, reference: Answer) -> None:
    """The same numbers, as far as a server tells them."""
    assert isinstance(answer, ScoreAnswer)
    assert isinstance(reference, ScoreAnswer)
    assert len(answer.spans) == len(reference.spans)
    pairs = zip((answer.target, *answer.spans), (reference.target, *reference.spans), strict=True)
    for ours, theirs in pairs:
        assert ours.logprob == pytest.approx(theirs.logprob, abs=1e-6)
        assert ours.greedy == theirs.greedy
        assert ours.mean == ours.std == ours.top_k_logprob == ()


def test_nothing_is_asked_when_truncation_leaves_nothing(
    base: Base, server: StandIn, remote: Callable[..., RemoteExecutor]
) -> None:
    query = Score(turns=(Turn(role="user", text="Hi"),), spans=())
    answer = remote(tokenizer=base.tokenizer, model="m").run([query])[query]
    assert isinstance(answer, ScoreAnswer)
    assert answer.target.logprob == ()
    assert server.seen == []


def test_scores_take_a_tokenizer_and_a_server_that_echoes(
    base: Base, server: StandIn, remote: Callable[..., RemoteExecutor]
) -> None:
    assert remote(tokenizer=base.tokenizer).offered == {Generate}
    serve_model(server, base)
    assert remote().offered == {Generate}
    assert remote(tokenizer=base.tokenizer).offered == {Generate, Score}


@pytest.mark.parametrize(
    "query",
    [
        SCORES[0],
        Divergence(turns=SCORES[0].turns),
        Candidates(turns=chat("Code?"), candidates=("1", "2")),
    ],
)
def test_other_kinds_are_not_asked(
    server: StandIn, remote: Callable[..., RemoteExecutor], query: Query
) -> None:
    with pytest.raises(ValueError, match="not offered"):
        remote().run([*GENERATES, query])
    assert server.seen == []


def test_answers_are_kept_where_only_the_owner_looks(
    server: StandIn,
    remote: Callable[..., RemoteExecutor],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TUNEGATE_ENDPOINT_KEY", "sk-tests-only")
    answers = remote().run(GENERATES * 2)
    assert list(answers) == GENERATES
    assert len(server.asked()) == len(GENERATES) == len(files(cache))
    for path in [cache, *cache.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0
    assert not any(b"sk-tests-only" in content for content in files(cache).values())
    server.always = status(500)
    assert remote(model="stand-in").run(GENERATES[::-1]) == answers


def test_what_is_asked_otherwise_is_asked_again(
    remote: Callable[..., RemoteExecutor], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = GENERATES[0]
    remote().run([query])
    remote(model="another").run([query])
    remote(cutoff_len=255).run([query])
    with serving() as elsewhere, Client(endpoint(elsewhere)) as client:
        RemoteExecutor(client, cache=cache, cutoff_len=256).run([query])
        RemoteExecutor(client, cache=cache, cutoff_len=256, template="own").run([query])
    monkeypatch.setattr(module, "_VERSION", 99)
    remote().run([query])
    assert len(files(cache)) == 6


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"[]", b'{"a": 1}', b'{"text": "\xff"}'])
def test_a_damaged_answer_is_asked_again(
    remote: Callable[..., RemoteExecutor], cache: Path, damage: bytes
) -> None:
    answers = remote().run(GENERATES[:1])
    [(path, sound)] = files(cache).items()
    path.write_bytes(damage)
    assert remote().run(GENERATES[:1]) == answers
    assert path.read_bytes() == sound


@pytest.mark.parametrize(
    ("deed", "code"),
    [
        (status(500), "endpoint_status"),
        (status(401), "endpoint_refused"),
        (stall(b"{"), "endpoint_timed_out"),
    ],
)
def test_after_a_failure_only_what_is_missing_is_asked(
    server: StandIn,
    remote: Callable[..., RemoteExecutor],
    cache: Path,
    deed: Callable[[Any], None],
    code: str,
) -> None:
    queries = [Generate(turns=chat(f"Question {n}")) for n in range(12)]
    server.script += [properly] * 5
    server.always = deed
    with pytest.raises(InputError) as caught:
        remote(model="m", retries=0, timeout=1.0, concurrency=2).run(queries)
    assert caught.value.code == code
    assert "Question" not in str(caught.value)
    assert len(files(cache)) == 5
    server.always = None
    server.seen.clear()
    answers = remote(model="m").run(queries)
    assert len(server.asked()) == 7
    assert [a.text for a in answers.values() if isinstance(a, GenerateAnswer)] == [
        f"echo: Question {n}" for n in range(12)
    ]


def test_a_used_up_budget_stops_and_the_same_run_goes_on(
    server: StandIn, remote: Callable[..., RemoteExecutor], cache: Path
) -> None:
    queries = [Generate(turns=chat(f"Question {n}")) for n in range(10)]
    for done in (4, 8):
        with pytest.raises(InputError) as caught:
            remote(max_requests=4).run(queries)
        assert caught.value.code == "endpoint_budget_spent"
        assert len(files(cache)) == done
    assert len(remote(max_requests=4).run(queries)) == 10
    assert len(server.asked()) == 10
    assert len(remote(max_requests=0, max_tokens=0).run(queries)) == 10


def test_an_interrupted_run_keeps_what_was_answered(
    server: StandIn, remote: Callable[..., RemoteExecutor], cache: Path
) -> None:
    queries = [Generate(turns=chat(f"Question {n}")) for n in range(40)]

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        remote(concurrency=2).run(queries, progress=interrupt)
    kept = len(server.asked())
    assert 0 < kept == len(files(cache)) < 40
    assert len(remote().run(queries)) == len(server.asked()) == 40


def test_the_price_is_what_the_progress_runs_to(
    base: Base, server: StandIn, remote: Callable[..., RemoteExecutor]
) -> None:
    serve_model(server, base)
    queries: list[Query] = [*GENERATES, *SCORES]
    asks = remote(tokenizer=base.tokenizer, concurrency=2)
    asks.run(queries[:3])
    seen: list[tuple[int, int]] = []
    asks.run(queries * 2, progress=lambda done, total: seen.append((done, total)))
    assert {total for _, total in seen} == {asks.price(queries)} == {asks.price(queries * 2)}
    done = [tokens for tokens, _ in seen]
    assert done == sorted(set(done))
    assert len(done) == len(queries) - 3
    assert done[-1] == asks.price(queries)


def test_lone_surrogates_are_asked_about_as_unknown_characters(
    base: Base, server: StandIn, remote: Callable[..., RemoteExecutor], tmp_path: Path
) -> None:
    query = Generate(turns=chat("a\ud800b"))
    assert remote().run([query])[query] == GenerateAnswer(text="echo: a\ufffdb")
    serve_model(server, base)
    score = Score(turns=chat("a\ud800b", "\udfff yes"), spans=((1, 0, 1),))
    answer = remote(tokenizer=base.tokenizer).run([score])[score]
    plain = Score(turns=chat("a\ufffdb", "\ufffd yes"), spans=((1, 0, 1),))
    assert_same(answer, local(base, plain, tmp_path))
