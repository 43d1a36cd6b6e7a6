"""Databases are backed up in the middle of trading with PostgreSQL's own tools, lost, put back, and recovered."""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from agora.discovery import service
from agora.door import open_door
from agora.embedded.postgres import BINARIES, WHEEL
from agora.ingress import Ingress
from agora.provision import names_of
from agora.requests import Submitted, asking
from agora.rewound import Rewound
from agora.serve import Address
from agora.settings import Settings
from bench.checkouts import checkouts, setup_commands
from console.audit import run_audit
from console.gauge import Gauge
from console.output import Failure
from console.recovering import recover
from console.site import Site
from console.stack import market

LOST = ("transaction", "product", "fulfilment", "gateway")
PRODUCTS = 30
BUYERS = 10
FEW = 40
NOTHING = {"in the log": 0, "keys": 0}
SECONDS_MAX = 90
RULES = {"AGORA_DELIVERY_SECONDS": "0.5", "AGORA_RISK_THRESHOLD": "100"}


@dataclass
class Town:
    """A market that is brought up and stopped as a test likes, on servers that stay."""

    settings: Settings
    folder: Path

    @asynccontextmanager
    async def trading(self) -> AsyncGenerator[tuple[Site, Ingress]]:
        async with market("test", self.settings, quiet, RULES, fresh=False) as site, self.door(site) as door:
            yield site, door

    @asynccontextmanager
    async def door(self, site: Site) -> AsyncGenerator[Ingress]:
        url = site.database("gateway")
        async with open_door(service("gateway"), site.kafka, url, site.namespace, quiet) as door:
            yield door

    async def back_up(self, name: str) -> None:
        """A consistent copy of a database at work."""
        await tool("pg_dump", "--format=custom", f"--file={self.folder / name}", f"--dbname={self.url(name)}")

    async def put_back(self, name: str) -> None:
        names = names_of(name, self.settings.namespace)
        admin = await asyncpg.connect(self.settings.postgres)
        await admin.execute(f'DROP DATABASE "{names.database}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{names.database}" OWNER "{names.owner}"')
        await admin.close()
        await tool("pg_restore", "--exit-on-error", f"--dbname={self.url(name)}", str(self.folder / name))

    def url(self, name: str) -> str:
        """A service's database, as the administrator sees it."""
        database = names_of(name, self.settings.namespace).database
        return urlsplit(self.settings.postgres or "")._replace(path=f"/{database}").geturl()

    async def recover(self, site: Site, name: str) -> dict[str, int]:
        address = Address(site.kafka, site.database(name), site.namespace)
        done = await recover(service(name), address, quiet)
        return {"in the log": done.in_the_log, "keys": done.keys}


@pytest.fixture
def town_of_one_test(postgres: str, kafka: str, tmp_path: Path) -> Town:
    namespace = f"r{secrets.token_hex(4)}_"
    settings = Settings(home=tmp_path, postgres=postgres, kafka=kafka, namespace=namespace, partitions=4)
    return Town(settings, tmp_path)


async def test_a_market_whose_databases_were_restored_ends_with_nothing_lost_or_doubled(town_of_one_test: Town) -> None:
    town = town_of_one_test
    async with town.trading() as (site, door):
        async with Gauge(site, quiet) as gauge:
            await founded(gauge, door)
            await door.submit(orders(1))
            for name in LOST:
                await town.back_up(name)
            await door.submit(orders(2))
            with pytest.raises(Failure, match="Stop it first"):
                await town.recover(site, "product")
            await all_settled(gauge, 2 * FEW)
        await door.submit(orders(3))
    for name in LOST:
        await town.put_back(name)

    with pytest.raises(Failure, match="agora recover"):
        async with town.trading():
            pass
    with pytest.raises(Rewound, match="agora recover gateway"):
        async with town.door(site):
            pass

    done = {name: await town.recover(site, name) for name in LOST}
    assert {name: await town.recover(site, name) for name in LOST} == dict.fromkeys(LOST, NOTHING)
    assert all(done[name]["in the log"] > 0 for name in LOST if name != "gateway")
    assert done["gateway"]["keys"] >= FEW

    async with town.trading() as (site, door), Gauge(site, quiet) as gauge:
        for seed in (1, 2, 3, 4):  # whoever asked for the first three asks again, as it cannot know
            assert all(answer.refusal is None for answer in await door.submit(orders(seed)))
        await all_settled(gauge, 4 * FEW)
        found = await run_audit(site.databases, site.kafka, site.namespace)
    assert not any(found.values()), {check: count for check, count in found.items() if count}


async def founded(gauge: Gauge, door: Ingress) -> None:
    """Everyone is registered, and every product on sale."""
    setup = setup_commands(buyers=BUYERS, products=PRODUCTS)
    await door.submit([asking(f"setup-{place}", one) for place, one in enumerate(setup)])
    await at_rest(gauge)


async def all_settled(gauge: Gauge, orders_placed: int) -> None:
    """Until everything is over; then every order has settled."""
    count = "SELECT count(*) FROM agents"
    async with asyncio.timeout(SECONDS_MAX):
        while (await gauge.rows("transaction", count))[0][0] < orders_placed:
            await asyncio.sleep(0.2)
    await at_rest(gauge)
    ended = await gauge.rows("transaction", "SELECT state->>'status', count(*) FROM agents GROUP BY 1")
    assert [tuple(row) for row in ended] == [("settled", orders_placed)]


async def at_rest(gauge: Gauge) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not await gauge.is_quiet():
            await asyncio.sleep(0.2)


def orders(seed: int) -> list[Submitted]:
    return [asking(one.order, one) for one in checkouts(seed, FEW, buyers=BUYERS, products=PRODUCTS)]


async def tool(name: str, *arguments: str) -> None:
    """One of PostgreSQL's own, from the wheel that has the server."""
    found = find_spec(WHEEL)
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / BINARIES / name
    process = await asyncio.create_subprocess_exec(path, *arguments, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


def quiet(_: str) -> None:
    return
