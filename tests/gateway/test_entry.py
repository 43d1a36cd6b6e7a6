"""How often somebody may ask is counted by who asks, however they come in, and by address for everybody else."""

import json
from collections.abc import Awaitable
from typing import cast

import pytest
from starlette.requests import Request

from services.gateway.http.entry import Entry
from services.gateway.http.issuer import IssuerKeys
from services.gateway.http.keys import Keyring, Pool
from services.gateway.http.problems import Problem
from services.gateway.http.tokens import Tokens
from tests.gateway.conftest import OPERATOR
from tests.gateway.issuer import AUDIENCE, Issuer

ISSUER = Issuer(443)
TOKEN = ISSUER.token(agora_role="operator", sub="operator")
"""Of the same operator as the key that the process was started with."""


def entry(per_second: int = 1_000, strangers_per_second: int = 1_000) -> Entry:
    async def fetch() -> bytes:
        return json.dumps(ISSUER.key_set()).encode()

    tokens = Tokens(IssuerKeys(fetch), ISSUER.url, AUDIENCE, "agora_role", ("sub",))
    keyring = Keyring(cast("Pool", None), OPERATOR)  # neither that key nor a token is looked up
    return Entry(keyring, per_second, strangers_per_second, tokens)


def holding(text: str) -> Request:
    headers = [(b"authorization", f"Bearer {text}".encode())]
    return Request({"type": "http", "headers": headers, "client": ("192.0.2.1", 1)})


async def status_of(asked: Awaitable[object]) -> int:
    try:
        await asked
    except Problem as problem:
        return problem.status
    return 200


async def test_a_key_and_a_token_of_one_principal_have_one_rate() -> None:
    gateway = entry(per_second=3)
    asked = [await status_of(gateway.let_in(holding(text))) for text in (OPERATOR, TOKEN, OPERATOR, TOKEN, OPERATOR)]
    assert asked == [200, 200, 200, 429, 429]
    other = ISSUER.token(agora_role="buyer", sub="operator")
    assert await status_of(gateway.let_in(holding(other))) == 200


async def test_whoever_tries_tokens_is_slowed_down_like_whoever_tries_keys() -> None:
    gateway = entry(strangers_per_second=2)
    assert [await status_of(gateway.let_in(holding("a.b.c"))) for _ in range(4)] == [401, 401, 429, 429]
    assert await status_of(gateway.let_in(holding(TOKEN))) == 200


async def test_a_key_that_looks_like_a_token_is_a_key_all_the_same() -> None:
    key = "an-operators-key.with-two.dots-in-it-0123456789"
    keyring = Keyring(cast("Pool", None), key)
    gateway = Entry(keyring, 10, 10, Tokens(IssuerKeys(nothing), ISSUER.url, AUDIENCE, "agora_role", ("sub",)))
    assert (await gateway.let_in(holding(key))).is_operator


async def test_who_was_let_in_stays_until_that_is_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = entry()
    request = holding(TOKEN)
    may_stay = gateway.staying(request, await gateway.let_in(request))
    assert await may_stay()
    monkeypatch.setattr("services.gateway.http.tokens.LEEWAY_SECONDS", -7_200)  # as if two hours had gone by
    assert not await may_stay()


async def nothing() -> bytes:
    raise AssertionError
