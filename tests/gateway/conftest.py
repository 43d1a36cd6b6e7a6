"""A whole market on real parts, with the gateway's front as a process of its own."""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import aiohttp
import pytest

from agora.settings import Settings
from console.children import Child
from console.site import Site
from console.stack import market
from tests.gateway.client import Caller

OPERATOR = "agora_an-operator-of-the-tests-0123456789"
RATE = 300

As: TypeAlias = Callable[[str, str], Awaitable[Caller]]


@dataclass
class Gateway:
    """The gateway's process."""

    site: Site
    url: str
    child: Child

    @asynccontextmanager
    async def another(self, log: Path, **environment: str) -> AsyncGenerator["Gateway"]:
        """A second gateway of the same market, while it is needed."""
        port = free_port()
        told = {
            "AGORA_KAFKA": self.site.kafka,
            "AGORA_DATABASE": self.site.database("gateway"),
            "AGORA_NAMESPACE": self.site.namespace,
            "AGORA_HTTP": f"127.0.0.1:{port}",
            "AGORA_OPERATOR_KEY": OPERATOR,
        }
        second = Gateway(self.site, f"http://127.0.0.1:{port}", Child("gateway", told | environment, log))
        await second.restart()
        try:
            yield second
        finally:
            await second.child.stop()

    async def restart(self) -> None:
        """Start it again after it was killed."""
        self.child.start()
        await self.child.await_ready()

    async def kill(self) -> None:
        """End it at once, wherever it is."""
        os.kill(self.child.pid, signal.SIGKILL)
        while self.child.ended() is None:
            await asyncio.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
async def gateway(tmp_path_factory: pytest.TempPathFactory, postgres: str, kafka: str) -> AsyncGenerator[Gateway]:
    home = tmp_path_factory.mktemp("gateway")
    settings = Settings(home=home, postgres=postgres, kafka=kafka, namespace=f"g{secrets.token_hex(4)}_")
    async with market("test", settings, _quiet, {"AGORA_DELIVERY_SECONDS": "0.2"}, fresh=False) as site:
        port = free_port()
        environment = {
            "AGORA_KAFKA": site.kafka,
            "AGORA_DATABASE": site.database("gateway"),
            "AGORA_NAMESPACE": site.namespace,
            "AGORA_HTTP": f"127.0.0.1:{port}",
            "AGORA_HTTP_RATE": str(RATE),
            "AGORA_HTTP_STRANGERS": "1000",
            "AGORA_OPERATOR_KEY": OPERATOR,
        }
        child = Child("gateway", environment, Path(home) / "gateway.log")
        running = Gateway(site, f"http://127.0.0.1:{port}", child)
        await running.restart()
        try:
            yield running
        finally:
            await child.stop()


@pytest.fixture(scope="session")
async def session() -> AsyncGenerator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as opened:
        yield opened


@pytest.fixture
def operator(gateway: Gateway, session: aiohttp.ClientSession) -> Caller:
    return Caller(session, gateway.url, OPERATOR)


@pytest.fixture
def stranger(gateway: Gateway, session: aiohttp.ClientSession) -> Caller:
    return Caller(session, gateway.url, None)


@pytest.fixture
def as_(operator: Caller) -> As:
    """Let somebody have a key."""

    async def make(scope: str, agent: str) -> Caller:
        made = await operator.ask("POST", "/v1/keys", {"scope": scope, "agent": agent}, key=secrets.token_hex(8))
        assert made.status == 201, made
        return Caller(operator.session, operator.url, made.body["key"])

    return make


def _quiet(_: object) -> None:
    return
