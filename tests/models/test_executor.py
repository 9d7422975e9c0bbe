"""Answers are right, the same whatever is cached already, and never computed twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.models.tiny import chat, plain_logprobs, same_weights, weights, write_adapter

from tunegate.models import executor as module
from tunegate.models.executor import Executor, State
from tunegate.models.loading import Base
from tunegate.models.queries import (
    Candidates,
    CandidatesAnswer,
    Divergence,
    DivergenceAnswer,
    Generate,
    GenerateAnswer,
    Query,
    Score,
    ScoreAnswer,
)
from tunegate.models.template import encode, prompt_text

BASE = State("base", None)
QUERIES: list[Query] = [
    *(Score(turns=chat("Hi " * n, "Hello, " * n), spans=((1, 0, 5),)) for n in range(1, 22)),
    *(
        Candidates(turns=chat(f"Code {n}?"), prefix="", candidates=("1234", "1299", "7"))
        for n in range(3)
    ),
    *(Generate(turns=chat("Tell me " * n), max_new_tokens=6) for n in range(1, 5)),
]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "answers"


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The size of every batch that the model really processes."""
    sizes: list[int] = []
    compute = Executor._compute

    def spy(self: Executor, batch: list[object]) -> object:
        sizes.append(len(batch))
        return compute(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(Executor, "_compute", spy)
    yield sizes


def executor(base: Base, cache: Path, *, cutoff_len: int = 256) -> Executor:
    return Executor(base, cache=cache, template="chatml", cutoff_len=cutoff_len)


def files(cache: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(cache.rglob("*.json"))}


def test_scores_are_those_of_the_conversation_alone(base: Base, cache: Path) -> None:
    answers = executor(base, cache).run(QUERIES, state=BASE)
    for query in QUERIES[:21:5]:
        assert isinstance(query, Score)
        answer = answers[query]
        assert isinstance(answer, ScoreAnswer)
        one = encode(base.tokenizer, query.turns, template="chatml")
        logp = plain_logprobs(base, one.ids)
        at = [i for i, on in enumerate(one.target) if on]
        plain = [float(logp[i - 1][one.ids[i]]) for i in at]
        assert answer.target.logprob == pytest.approx(plain, abs=2e-5)
        assert answer.spans[0].logprob == answer.target.logprob[: len(answer.spans[0].logprob)]


@pytest.mark.parametrize("prefix", ["", "Code: "])
def test_candidates_are_scored_after_the_prompt(base: Base, cache: Path, prefix: str) -> None:
    query = Candidates(turns=chat("Code?"), prefix=prefix, candidates=("1234", "1239", "77", "x"))
    answer = executor(base, cache).run([query], state=BASE)[query]
    assert isinstance(answer, CandidatesAnswer)
    before = prompt_text(base.tokenizer, query.turns, template="chatml", prefix=prefix)
    start = len(base.tokenizer(before)["input_ids"])
    for candidate, value in zip(query.candidates, answer.logprobs, strict=True):
        ids = base.tokenizer(before + candidate)["input_ids"]
        logp = plain_logprobs(base, ids)
        plain = sum(float(logp[p - 1][ids[p]]) for p in range(start, len(ids)))
        assert value == pytest.approx(plain, abs=2e-5)


def test_greedy_answers_equal_a_loop_of_argmax(base: Base, cache: Path) -> None:
    queries = [Generate(turns=chat("Tell me " * n), max_new_tokens=8) for n in (1, 4, 9)]
    answers = executor(base, cache).run(queries, state=BASE)
    for query in queries:
        text = prompt_text(base.tokenizer, query.turns, template="chatml", prefix="")
        ids = base.tokenizer(text)["input_ids"]
        start = len(ids)
        while len(ids) < start + 8:
            ids.append(int(plain_logprobs(base, ids)[-1].argmax()))
            if ids[-1] == base.tokenizer.eos_token_id:
                break
        said = base.tokenizer.decode(ids[start:], skip_special_tokens=True)
        assert answers[query] == GenerateAnswer(text=said)


def test_sampling_depends_on_its_seed_alone(base: Base, tmp_path: Path) -> None:
    def sample(name: str, seed: int) -> object:
        query = Generate(turns=chat("Tell me"), max_new_tokens=12, temperature=1.0, seed=seed)
        return executor(base, tmp_path / name).run([query], state=BASE)[query]

    assert sample("one", 1) == sample("again", 1) != sample("other", 2)


def test_duplicates_are_priced_and_asked_once(base: Base, cache: Path, computed: list[int]) -> None:
    asks = executor(base, cache)
    assert asks.price(QUERIES * 3) == asks.price(QUERIES) > 0
    answers = asks.run(QUERIES * 3, state=BASE)
    assert sum(computed) == len(QUERIES) == len(answers)


def test_the_price_is_what_the_progress_runs_to(base: Base, cache: Path) -> None:
    asks = executor(base, cache)
    seen: list[tuple[int, int]] = []
    asks.run(QUERIES, state=BASE, progress=lambda done, total: seen.append((done, total)))
    assert {total for _, total in seen} == {asks.price(QUERIES)}
    done = [tokens for tokens, _ in seen]
    assert done == sorted(set(done))
    assert done[-1] == asks.price(QUERIES)


def test_candidates_that_begin_alike_are_cheaper_than_apart(base: Base, cache: Path) -> None:
    codes = tuple(f"{n:04d}" for n in range(0, 10_000, 500))
    asks = executor(base, cache)
    together = asks.price([Candidates(turns=chat("Code?"), prefix="", candidates=codes)])
    apart = sum(
        asks.price([Candidates(turns=chat("Code?"), prefix="", candidates=(c,))]) for c in codes
    )
    assert together < apart / 5


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.7])
def test_a_resumed_run_gives_the_same_bytes(
    base: Base, cache: Path, computed: list[int], kept: float
) -> None:
    undisturbed = executor(base, cache).run(QUERIES, state=BASE)
    whole = files(cache)
    assert len(whole) == len(computed) > 3
    rng = random.Random(5)
    lost = [path for path in whole if rng.random() >= kept]
    for path in lost:
        path.unlink()
    computed.clear()
    assert executor(base, cache).run(QUERIES, state=BASE) == undisturbed
    assert len(computed) == len(lost)
    assert files(cache) == whole


def test_the_order_of_asking_changes_nothing(base: Base, cache: Path, computed: list[int]) -> None:
    answers = executor(base, cache).run(QUERIES, state=BASE)
    computed.clear()
    shuffled = random.Random(1).sample(QUERIES, len(QUERIES))
    assert executor(base, cache).run(shuffled, state=BASE) == answers
    assert computed == []


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"[]", b'{"a": 1}', b"[[1,2]]", b"null"])
def test_a_damaged_answer_is_computed_again(base: Base, cache: Path, damage: bytes) -> None:
    query = QUERIES[3]
    answers = executor(base, cache).run([query], state=BASE)
    [(path, sound)] = files(cache).items()
    path.write_bytes(damage)
    assert executor(base, cache).run([query], state=BASE) == answers
    assert path.read_bytes() == sound


def test_answers_of_another_state_or_setting_are_not_taken(
    base: Base, cache: Path, computed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    query = QUERIES[9]
    executor(base, cache).run([query], state=BASE)
    executor(base, cache).run([query], state=State("other", None))
    executor(base, cache, cutoff_len=255).run([query], state=BASE)
    monkeypatch.setattr(module, "_VERSION", 99)
    executor(base, cache).run([query], state=BASE)
    assert len(computed) == 4


def test_the_adapter_is_on_for_its_own_state_only(base: Base, cache: Path, tmp_path: Path) -> None:
    adapter = write_adapter(base, tmp_path / "adapter")
    model, before = base.model, weights(base)
    plain = executor(base, cache).run(QUERIES, state=BASE)
    tuned = executor(base, cache).run(QUERIES, state=State("tuned", adapter))
    assert all(plain[query] != tuned[query] for query in QUERIES if isinstance(query, Score))
    assert base.model is model
    assert same_weights(weights(base), before)
    again = executor(base, tmp_path / "fresh").run(QUERIES, state=BASE)
    assert again == plain


def test_divergence_is_nothing_for_an_adapter_that_does_nothing(
    base: Base, cache: Path, tmp_path: Path
) -> None:
    idle = write_adapter(base, tmp_path / "idle", scale=0.0)
    moved = write_adapter(base, tmp_path / "moved")
    query = Divergence(turns=chat("Hi", "Hello, how are you?"))
    asks = executor(base, cache)
    none = asks.run([query], state=State("idle", idle))[query]
    some = asks.run([query], state=State("moved", moved))[query]
    assert isinstance(none, DivergenceAnswer)
    assert isinstance(some, DivergenceAnswer)
    assert max(none.kl) < 1e-6
    assert not any(none.changed)
    assert min(some.kl) > 1e-4
    assert asks.price([query]) == 2 * asks.price([Score(turns=query.turns)])


def test_a_span_behind_the_cutoff_has_no_tokens(base: Base, cache: Path) -> None:
    query = Score(turns=chat("Hi", "one two three four five"), spans=((1, 0, 3), (1, 19, 23)))
    whole = encode(base.tokenizer, query.turns, template="chatml")
    cutoff = whole.tokens_of(1, 8, 13)[-1]
    answer = executor(base, cache, cutoff_len=cutoff).run([query], state=BASE)[query]
    assert isinstance(answer, ScoreAnswer)
    assert len(answer.spans[0].logprob) == len(whole.tokens_of(1, 0, 3))
    assert answer.spans[1].logprob == ()


def test_generations_lie_where_only_the_owner_looks(base: Base, cache: Path) -> None:
    executor(base, cache).run(QUERIES[-1:], state=BASE)
    [path] = files(cache)
    assert path.parent.stat().st_mode & 0o077 == 0
    assert not list(cache.rglob("*.[0-9]*"))


def test_a_masked_history_is_not_scored_and_is_cut_first(base: Base, cache: Path) -> None:
    query = Score(turns=chat("What? " * 30, "Tea. " * 30, "And that? " * 30, "Milk. " * 30))
    plain, masked = (
        Executor(base, cache=cache, template="chatml", cutoff_len=300, mask_history=on).run(
            [query], state=BASE
        )[query]
        for on in (False, True)
    )
    assert isinstance(plain, ScoreAnswer)
    assert isinstance(masked, ScoreAnswer)
    trained = encode(
        base.tokenizer, query.turns, template="chatml", cutoff_len=300, mask_history=True
    )
    assert len(masked.target.logprob) == sum(trained.target)
    assert plain.target.logprob != masked.target.logprob
