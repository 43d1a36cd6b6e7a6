"""The pages of a watched process, as whoever asks for them sees them; and where they may be."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress

import pytest
from prometheus_client import Metric
from prometheus_client.registry import Collector

from agora.memory import MemoryLog, MemoryStore, VirtualClock
from agora.settings import Settings, SettingsError
from agora.shown import WatchError
from agora.turns import Engine
from agora.watch import Watch, open_watch
from agora.watch_http import VISITORS_MAX
from tests.runtime.counting import counting
from tests.runtime.scrape import ask, numbers

SECONDS_MAX = 30


@pytest.fixture
async def watch() -> AsyncGenerator[Watch]:
    async with Watch(counting(), "127.0.0.1", 0) as opened:
        yield opened


async def test_an_engine_without_a_worker_is_ready_while_it_is_followed(watch: Watch) -> None:
    clock = VirtualClock()
    engine = Engine(counting(), MemoryStore(), MemoryLog(clock), clock)
    assert (await ask(watch.url, "/readyz")).status == 503
    with watch.following(engine):
        assert (await ask(watch.url, "/readyz")).said == {"status": "ready"}
        assert numbers((await ask(watch.url, "/metrics")).body)["agora_partitions_owned"] == 0
    assert (await ask(watch.url, "/readyz")).status == 503
    assert "agora_partitions_owned" not in numbers((await ask(watch.url, "/metrics")).body)


def test_an_address_that_is_not_here_is_refused() -> None:
    with pytest.raises(WatchError, match="AGORA_WATCH: cannot listen at 192\\.0\\.2\\.1:1"):
        open_watch(counting(), "192.0.2.1:1")


@pytest.mark.parametrize(
    "value", ["9100", ":9100", "localhost", "localhost:70000", "a:1,b:2", "http://a:1", "::1:9100"]
)
def test_an_address_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AGORA_WATCH", value)
    with pytest.raises(SettingsError, match=r"^AGORA_WATCH: should be host:port"):
        Settings.read()


@pytest.mark.parametrize("value", ["127.0.0.1:9100", "0.0.0.0:0", "localhost:1", "[::1]:9100"])
def test_an_address_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("AGORA_WATCH", value)
    assert Settings.read().watch == value


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("GET", "/metrics/x", 404), ("POST", "/metrics", 405), ("NONSENSE", "/healthz", 405)],
)
async def test_whoever_asks_for_anything_else_is_refused(watch: Watch, method: str, path: str, status: int) -> None:
    page = await ask(watch.url, path, method)
    assert page.status == status
    assert page.headers.get("Allow") == ("GET, HEAD" if status == 405 else None)
    assert "Python" not in str(page)


async def test_a_head_is_a_page_without_its_body(watch: Watch) -> None:
    reader, writer = await entered(watch)
    writer.write(b"HEAD /healthz?of=me HTTP/1.0\r\n\r\n")
    head, _, body = (await asyncio.wait_for(reader.read(), SECONDS_MAX)).partition(b"\r\n\r\n")
    await leave(writer)
    assert (head.split(b"\r\n")[0], body) == (b"HTTP/1.0 200 OK", b"")
    assert b"Content-Length: 19" in head  # {"status": "alive"}


class Broken(Collector):
    def collect(self) -> Iterator[Metric]:
        raise RuntimeError("hush")


async def test_what_goes_wrong_inside_stays_inside(watch: Watch) -> None:
    watch.metrics.registry.register(Broken())
    page = await ask(watch.url, "/metrics")
    assert (page.status, page.body) == (500, '{"status": "failed"}')


async def test_those_who_say_nothing_leave_room_again(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agora.watch_http.VISIT_SECONDS_MAX", 2.0)
    idle = [await entered(watch) for _ in range(VISITORS_MAX)]
    leaving = [asyncio.create_task(left(reader)) for reader, _ in idle]
    reader, writer = await entered(watch)
    assert await asyncio.wait_for(left(reader), SECONDS_MAX)
    assert not any(task.done() for task in leaving)
    assert all(await asyncio.wait_for(asyncio.gather(*leaving), SECONDS_MAX))
    assert (await ask(watch.url, "/healthz")).status == 200
    for to in (writer, *(to for _, to in idle)):
        await leave(to)


async def test_whoever_keeps_saying_a_little_is_shown_out(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agora.watch_http.VISIT_SECONDS_MAX", 0.5)
    reader, writer = await entered(watch)
    leaving = asyncio.create_task(left(reader))
    async with asyncio.timeout(SECONDS_MAX):
        while not leaving.done():
            writer.write(b"G")
            await asyncio.wait([leaving], timeout=0.05)
    assert leaving.result()
    await leave(writer)


async def entered(watch: Watch) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which nothing was said yet."""
    host, port = watch.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def leave(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def left(reader: asyncio.StreamReader) -> bool:
    """Whether the other side has closed, having said nothing."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True
