"""What the client makes of a gateway that is slow, busy, or breaks off. The gateway here only plays one."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from aiohttp import web
from pydantic import SecretStr

from agora.requests import asking
from console.event_stream import read_event_stream
from console.gateway_client import GatewayClient, header_key
from console.output import Failure
from console.reach import http_url
from market.ids import TransactionId
from market.transactions import ClearPayout

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
MISSED = b'event: coalesced\ndata: {"after": 2, "until": 5, "events": 3}\nid: 5\n\n'
CLEAR = asking("a key", ClearPayout(transaction=TransactionId("a/b"), reviewer="ada"))


@asynccontextmanager
async def played(handler: Handler) -> AsyncGenerator[GatewayClient]:
    """A client of a gateway that answers so."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        host, port = runner.addresses[0]
        async with GatewayClient(f"http://{host}:{port}", SecretStr("agora_key"), lambda _: None) as client:
            yield client
    finally:
        await runner.cleanup()


def told(seq: int) -> bytes:
    return f"event: OrderPlaced.v1\ndata: {json.dumps({'seq': seq, 'stream': 'buyers'})}\nid: {seq}\n\n".encode()


async def test_an_ask_is_sent_again_under_one_key_until_it_is_known_what_became_of_it() -> None:
    seen: list[tuple[str, str, bytes]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.raw_path, request.headers["Idempotency-Key"], await request.read()))
        if len(seen) == 1:
            return web.json_response({"detail": "away"}, status=503)
        if len(seen) == 2:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"status": "accepted", "story": "s"}, status=202)

    async with played(answer) as client:
        assert (await client.ask(CLEAR)).story == "s"
    assert seen == [("/v1/orders/a%2Fb/payout/clear", header_key("a key"), b"{}")] * 3


async def test_retry_after_is_heeded_by_everyone() -> None:
    at: list[float] = []

    async def answer(_: web.Request) -> web.StreamResponse:
        at.append(time.monotonic())
        if len(at) == 1:
            return web.json_response({}, status=429, headers={"Retry-After": "1"})
        return web.json_response({"shown": 1})

    async with played(answer) as client:
        first = asyncio.create_task(client.look("/v1/held"))
        while not at:
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        await client.look("/v1/held")
        await first
    assert at[1] - at[0] >= 1


async def test_what_is_refused_is_told_and_not_asked_again() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({"type": "/problems/key-reused", "detail": "used"}, status=409)

    async with played(answer) as client:
        reply = await client.ask(CLEAR)
    assert (reply.refusal, reply.kind) == ("used", "key-reused")


async def test_following_goes_on_where_it_broke_off_and_reads_what_it_was_too_slow_for() -> None:
    asked: list[str | None] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/v1/events":
            after = int(request.query["after"])
            return web.json_response({"events": [{"seq": seq} for seq in range(after + 1, 8)][:2], "next": 0})
        asked.append(request.headers.get("Last-Event-ID"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        if len(asked) == 1:
            await response.write(b": still here\n\n" + told(2))
            await response.write(
                b'event: coalesced\ndata: {"after": 2, "until": 5, "events": 3}\nid: 5\n\n' + told(6)[:9]
            )
        else:
            await response.write(told(6) + told(7))
        return response

    async with played(answer) as client, aclosing(client.follow()) as following, asyncio.timeout(20):
        heard = [(await anext(following)).seq for _ in range(6)]
    assert heard == [2, 3, 4, 5, 6, 7]
    assert asked == [None, "5"]


async def test_events_are_read_however_they_are_cut() -> None:
    whole = told(10**9) + b": still here\n\n" + told(2) + told(3)

    async def cut(size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(whole), size):
            yield whole[start : start + size]

    for size in range(1, len(whole) + 1):
        assert [event.seq async for event in read_event_stream(cut(size))] == [10**9, 2, 3]


async def test_what_is_no_event_stream_is_said_to_be_none() -> None:
    async def page() -> AsyncIterator[bytes]:
        yield b"id: 7\ndata: <html>\n\n"

    with pytest.raises(Failure, match="no event"):
        [event async for event in read_event_stream(page())]


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://here", "http://ann:key@here", "http://here/?key=1", "http://"]
)
def test_an_address_is_a_plain_url_without_secrets(url: str) -> None:
    with pytest.raises(ValueError, match="URL such as"):
        http_url(url)
