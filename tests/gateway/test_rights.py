"""Keys and rights: a buyer or a seller sees and moves only its own, whatever there is to see and to move."""

import asyncio
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest

from services.gateway.http.api import create_app
from services.gateway.http.asks import ASKS, Ask
from services.gateway.http.keys import Keyring, Pool, Principal
from tests.gateway.client import Caller
from tests.gateway.conftest import As
from tests.views.database import made

NAMES = {
    "buyer": "ann",
    "seller": "sam",
    "product": "mug",
    "transaction": "order-1",
    "account": "buyer:ann",
    "stream": "buyers",
}
DOCUMENT = create_app(1_000_000).openapi()
LOOKS = sorted(path for path, methods in DOCUMENT["paths"].items() if "get" in methods and path.startswith("/v1/"))
FOR_ALL = {"/v1/products", "/v1/products/{product}", "/v1/requests/{key}", "/v1/live", "/v1/events"}
"""Looks that show anybody with a key what it may see; all others show one agent's own, or are for operators."""


def path_of(template: str) -> str:
    return re.sub(
        r"\{(\w+)\}", lambda match: NAMES.get(match[1], "buyers" if match[1] == "stream" else "ann"), template
    )


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.command.__name__)
async def test_nobody_asks_in_anothers_name(ask: Ask, as_: As) -> None:
    for scope in ("buyer", "seller"):
        other = await as_(scope, "mallory")
        answer = await other.ask(ask.method, path_of(ask.path), dict(ask.example))
        assert (answer.status, answer.problem) == (403, "not-yours")


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.command.__name__)
async def test_a_key_of_the_same_name_in_another_scope_opens_nothing(ask: Ask, as_: As) -> None:
    scope, name = ("seller", "ann") if ask.scope == "buyer" else ("buyer", "sam")
    answer = await (await as_(scope, name)).ask(ask.method, path_of(ask.path), dict(ask.example))
    assert (answer.status, answer.problem) == (403, "not-yours")


@pytest.mark.parametrize("look", [look for look in LOOKS if look not in FOR_ALL])
async def test_nobody_looks_at_what_is_anothers(look: str, as_: As) -> None:
    for scope in ("buyer", "seller"):
        answer = await (await as_(scope, "mallory")).call("GET", path_of(look))
        assert (answer.status, answer.problem) == (403, "not-yours")


@pytest.mark.parametrize("query", ["agent=buyers/ann", "agent=sellers/mallory", "agent=transactions/x"])
@pytest.mark.parametrize("path", ["/v1/live", "/v1/events"])
async def test_nobody_follows_another_agent(path: str, query: str, as_: As) -> None:
    answer = await (await as_("buyer", "mallory")).call("GET", f"{path}?{query}")
    assert (answer.status, answer.problem) == (403, "not-yours")


async def test_of_a_story_an_agent_sees_what_it_was_told_itself(operator: Caller, as_: As) -> None:
    await operator.done("POST", "/v1/sellers", {"seller": "eve", "currency": "GBP"})
    registered = await operator.ask("POST", "/v1/sellers", {"seller": "eve", "currency": "GBP"})
    story = registered.body["story"]
    own, others = await as_("seller", "eve"), await as_("seller", "mallory")
    seen = (await own.call("GET", f"/v1/events?story={story}")).body["events"]
    assert {(event["stream"], event["subject"]) for event in seen} == {("sellers", "eve")}
    assert (await others.call("GET", f"/v1/events?story={story}")).body["events"] == []


@pytest.mark.parametrize("look", LOOKS)
async def test_without_a_key_there_is_nothing_to_see(look: str, stranger: Caller) -> None:
    answer = await stranger.call("GET", path_of(look))
    assert (answer.status, answer.problem, answer.headers["www-authenticate"]) == (401, "no-key", "Bearer")


async def test_a_key_made_up_opens_nothing(stranger: Caller) -> None:
    answer = await stranger.call("GET", "/v1/products", Authorization="Bearer agora_made-up")
    assert (answer.status, answer.problem) == (401, "no-key")


async def test_only_operators_say_when_an_order_was_placed(operator: Caller, as_: As) -> None:
    order = next(dict(ask.example) for ask in ASKS if ask.command.__name__ == "CheckOut")
    order |= {"ordered_at": "2010-12-01T08:26:00Z"}
    answer = await (await as_("buyer", "ann")).ask("POST", "/v1/buyers/ann/orders", order)
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (403, "/ordered_at")
    assert (await operator.ask("POST", "/v1/buyers/ann/orders", order, wait=0)).status == HTTPStatus.ACCEPTED


async def key_of(operator: Caller, agent: str) -> dict[str, Any]:
    keys = (await operator.call("GET", "/v1/keys")).body
    return next(key for key in keys if key["agent"] == agent)


async def test_a_revoked_key_opens_nothing_from_then_on(operator: Caller, as_: As) -> None:
    buyer = await as_("buyer", "bob")
    assert (await buyer.call("GET", "/v1/buyers/bob/cart")).status == 200
    newest = await key_of(operator, "bob")
    assert "key" not in newest
    assert (await operator.ask("DELETE", f"/v1/keys/{newest['id']}")).status == 204
    assert (await buyer.call("GET", "/v1/buyers/bob/cart")).status == 401
    assert (await operator.ask("DELETE", "/v1/keys/none")).status == 404


async def test_a_revocation_counts_once_under_its_idempotency_key(operator: Caller, as_: As) -> None:
    first, second = await as_("buyer", "one-k"), await as_("buyer", "two-k")
    one, two = [f"/v1/keys/{(await key_of(operator, agent))['id']}" for agent in ("one-k", "two-k")]
    keyless = await operator.call("DELETE", one)
    assert (keyless.status, keyless.body["errors"][0]["pointer"]) == (422, "/header/Idempotency-Key")
    assert (await first.call("GET", "/v1/buyers/one-k/cart")).status == 200

    assert (await operator.ask("DELETE", one, key="revoke-1")).status == 204
    revoked_at = (await key_of(operator, "one-k"))["revoked_at"]
    assert (await operator.ask("DELETE", one, key="revoke-1")).status == 204
    assert (await operator.ask("DELETE", one, key="revoke-2")).status == 204
    assert (await key_of(operator, "one-k"))["revoked_at"] == revoked_at

    other = await operator.ask("DELETE", two, key="revoke-1")
    assert (other.status, other.problem) == (409, "key-reused")
    assert (await second.call("GET", "/v1/buyers/two-k/cart")).status == 200


class SlowAnswers:
    """A database whose answers come when they are let through."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.asked, self.let_through = asyncio.Event(), asyncio.Event()

    async def fetchrow(self, query: str, *values: object) -> asyncpg.Record | None:
        row = await self._pool.fetchrow(query, *values)
        self.asked.set()
        await self.let_through.wait()
        return row

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)


async def test_a_key_that_is_revoked_while_it_is_looked_up_is_not_believed_any_longer(
    postgres: str, tmp_path: Path
) -> None:
    access = await made(postgres, tmp_path)
    async with asyncpg.create_pool(access.url, min_size=1, max_size=2) as pool:
        slow = SlowAnswers(pool)
        keyring = Keyring(cast("Pool", slow), None)
        _, secret = await keyring.make("a name", "buyer", "ann")
        looking = asyncio.create_task(keyring.whose(secret))
        await slow.asked.wait()
        assert await keyring.revoke("a name", "a request")
        slow.let_through.set()
        assert await looking == Principal("buyer", "ann")
        assert await keyring.whose(secret) is None


async def test_a_key_is_shown_once(operator: Caller) -> None:
    asked = {"scope": "seller", "agent": "sue"}
    first, again = [await operator.ask("POST", "/v1/keys", asked, key="once") for _ in range(2)]
    assert (first.status, first.body["key"][:6]) == (201, "agora_")
    assert (again.status, again.problem) == (409, "key-made")
