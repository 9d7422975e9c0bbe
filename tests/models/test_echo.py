"""Echoed log-probabilities are taken only where they add up, token by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.models.stand_in import (
    Json,
    StandIn,
    client,
    echoed,
    refused,
    said,
    server,
    slept,
    status,
)

from tunegate.models.endpoints import Client

__all__ = ["client", "server", "slept"]


def changed(**changes: Callable[[list[Any]], list[Any]]) -> Callable[[Json], Json]:
    """The echo with some of its lists changed."""

    def route(body: Json) -> Json:
        reply = echoed(body)
        logprobs = reply["choices"][0]["logprobs"]
        for name, change in changes.items():
            logprobs[name] = change(logprobs[name])
        return reply

    return route


def test_log_probabilities_come_with_their_characters(
    server: StandIn, client: Callable[..., Client]
) -> None:
    server.routes["/v1/completions"] = changed(
        token_logprobs=lambda values: [None, -0.5, -0.7, *values[3:]]
    )
    with client() as one:
        assert one.offers_logprobs()
        tokens = one.prompt_logprobs("abc")
        assert one.offers_logprobs()
    assert [tuple(token) for token in tokens] == [
        (0, 1, None, False),
        (1, 2, -0.5, True),
        (2, 3, -0.7, False),
    ]
    known, asked = server.asked("/v1/completions")
    assert asked.body == {
        "model": "stand-in",
        "prompt": "abc",
        "max_tokens": 1,
        "temperature": 0.0,
        "echo": True,
        "logprobs": 1,
        "add_special_tokens": False,
        "stream": False,
        "n": 1,
    }
    assert "好" in known.body["prompt"]


@pytest.mark.parametrize(
    ("tokens", "starts", "spans"),
    [
        (["a", "", "", "😀", "b"], [0, 1, 1, 1, 2, 3], [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)]),
        (["a", "bytes:\\xf0\\x9f", "bytes:\\x98\\x80", "b"], [0, 1, 1, 2, 3], None),
        (["a", "\ufffd", "\ufffd", "b"], [0, 1, 1, 2, 3], [(0, 1), (1, 2), (1, 2), (2, 3)]),
        (["a", "\ufffd", "\ufffd", "b"], [0, 1, 2, 3, 4], "unfit"),  # counted twice
        (["\ufffd"], [0, 3], "unfit"),
        (["a", "\ufffd", "\ufffdb"], [0, 1, 1, 3], [(0, 1), (1, 3), (1, 3)]),
        (["a", "", "😀", "\ufffd"], [0, 1, 1, 2, 3], "unfit"),  # a letter is no part of one
        (["a", "c", "😀", "b"], [0, 1, 1, 2, 3], "unfit"),
        (["a", "😀", "b", "c"], [0, 1, 2, 3, 4], "unfit"),  # two behind the text
        (["a", "😀", "\ufffd\ufffd"], [0, 1, 2, 4], "unfit"),  # reaches beyond it
    ],
)
def test_parts_of_a_character_share_it(
    server: StandIn,
    client: Callable[..., Client],
    tokens: list[str],
    starts: list[int],
    spans: Any,
) -> None:
    server.routes["/v1/completions"] = changed(
        tokens=lambda _: [*tokens, "x"],
        text_offset=lambda _: starts,
        token_logprobs=lambda _: [None, *[-1.0] * len(tokens)],
        top_logprobs=lambda _: [None, *[{"y": -1.0}] * len(tokens)],
    )
    with client() as one:
        if spans == "unfit":
            with refused("endpoint_logprobs_unfit"):
                one.prompt_logprobs("a😀b")
        else:
            found = [(token.start, token.end) for token in one.prompt_logprobs("a😀b")]
            assert found == (spans or [(0, 1), (1, 2), (1, 2), (2, 3)])


@pytest.mark.parametrize(
    "route",
    [
        lambda _: said("no completion"),
        lambda body: {"choices": [{"text": body["prompt"], "logprobs": None}]},
        lambda _: {"choices": [{"text": "", "logprobs": {"content": []}}]},
        changed(tokens=lambda values: ["<s>", *values[1:]]),
        changed(tokens=lambda values: values[:-1]),
        changed(tokens=lambda values: [f"token_id:{i}" for i, _ in enumerate(values)]),
        changed(text_offset=lambda values: [v + 3 for v in values]),
        changed(text_offset=lambda values: values[::-1]),
        changed(token_logprobs=lambda values: [None] * len(values)),
        changed(token_logprobs=lambda values: [0.5] * len(values)),
        changed(token_logprobs=lambda values: ["-0.5"] * len(values)),
        changed(top_logprobs=lambda _: []),
        changed(top_logprobs=lambda values: [{}] * len(values)),
        changed(
            **{
                name: lambda values: values[-1:]
                for name in ("tokens", "text_offset", "token_logprobs", "top_logprobs")
            }
        ),
        changed(
            **{
                name: lambda _: []
                for name in ("tokens", "text_offset", "token_logprobs", "top_logprobs")
            }
        ),
    ],
)
def test_log_probabilities_that_do_not_add_up_are_not_offered(
    server: StandIn, client: Callable[..., Client], route: Callable[[Json], Json]
) -> None:
    server.routes["/v1/completions"] = route
    with client() as one:
        assert not one.offers_logprobs()
        assert not one.offers_logprobs()
    assert len(server.asked("/v1/completions")) == 1


@pytest.mark.parametrize("number", [400, 404, 405, 422, 501])
def test_a_server_without_completions_offers_none(
    server: StandIn, client: Callable[..., Client], number: int
) -> None:
    server.always = status(number)
    with client(model="m") as one:
        assert not one.offers_logprobs()


@pytest.mark.parametrize(("number", "code"), [(401, "endpoint_refused"), (500, "endpoint_status")])
def test_a_server_that_fails_is_not_taken_for_one_without(
    server: StandIn, client: Callable[..., Client], number: int, code: str
) -> None:
    server.always = status(number)
    with client(model="m") as one, refused(code):
        one.offers_logprobs()
