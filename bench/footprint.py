"""What one checkout of three lines costs, from its request over HTTP to its settlement: ``python -m bench.footprint``.

Processor time of every process, bytes of log, of tables and of write-ahead log. Unlike throughput, these hold on a
machine that is busy with other things as well. Some are asked for over HTTP first, for what the gateway takes; then two
thousand are under way at once, so that commits are as large as they are in a busy market. It brings up servers of its
own and takes some minutes.
"""

import asyncio
import json
import os
import platform
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from socket import create_server
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import asyncpg
import psutil
import typer
import uvloop
from pydantic import SecretStr

from agora.discovery import services, streams
from agora.door import open_door
from agora.requests import asking
from agora.settings import Settings
from agora.turns import members
from bench.checkouts import LINES, checkouts, setup_commands
from bench.driver import Progress, closed_loop, hearers, prepare, quiet, turns
from bench.turns import turns_of
from console.children import Child
from console.gateway_client import REQUESTS_AT_ONCE_MAX, GatewayClient
from console.log_reader import open_log
from console.operate import door as entrance
from console.site import Site
from console.stack import market
from market.transactions import TransactionSettled

WARM_CHECKOUTS: Final = 3_000
CHECKOUTS: Final = 8_000
HTTP_WARM_CHECKOUTS: Final = 500
HTTP_CHECKOUTS: Final = 2_000
IN_FLIGHT: Final = 2_000
CLIENTS: Final = 8
"""Of so many requests at once each as one may have, so that the gateway is as busy as it gets."""
SETTLE_SECONDS_MAX: Final = 300
POLL_SECONDS: Final = 0.1
RULES: Final = {"AGORA_DELIVERY_SECONDS": "0.05", "AGORA_TIME_LIMIT_SECONDS": "600", "AGORA_RISK_THRESHOLD": "100"}
FRONT: Final = "gateway"
PASSING: Final = ("outbox", "reminders", "activities", "partitions", "feed")
"""Tables whose rows come and go, or that are kept short."""
_SIZES: Final = """
SELECT relname, pg_total_relation_size(oid) AS bytes FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one checkout costs. ``table_bytes`` is what stays in each service's database, indexes and all.

    ``log_bytes`` is what stays in Kafka, of one replica; ``turns`` are all turns until its settlement.
    """

    checkouts: int
    turns: float
    cpu_ms: Mapping[str, float]
    log_bytes: float
    table_bytes: Mapping[str, float]
    wal_bytes: float
    hardware: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Footprint":
        """What ``--json`` has written. Raises ``ValueError``, ``TypeError`` or ``OSError``."""
        return cls(**json.loads(path.read_text()))


async def measure(count: int = CHECKOUTS) -> Footprint:
    """Trade checkouts until all are settled, and look what became more."""
    async with _market() as bench:
        await bench.trade_over_http(6, HTTP_WARM_CHECKOUTS)
        first = await bench.look()
        await bench.trade_over_http(7, HTTP_CHECKOUTS)
        gateway_s = (await bench.look()).cpu_s[FRONT] - first.cpu_s[FRONT]
        await bench.trade(8, WARM_CHECKOUTS)
        held = await bench.held()
        before = await bench.look()
        await bench.trade(9, count)
        after = await bench.look()
        kept = await bench.held()
    cpu_ms = {name: 1000 * (after.cpu_s[name] - spent) / count for name, spent in before.cpu_s.items()}
    return Footprint(
        count,
        (after.turns - before.turns) / count,
        {**cpu_ms, FRONT: 1000 * gateway_s / HTTP_CHECKOUTS},
        (after.log_bytes - before.log_bytes) / count,
        {name: (kept[name] - before_all) / count for name, before_all in held.items()},
        (after.wal_bytes - before.wal_bytes) / count,
        {
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "machine": platform.machine(),
            "python": platform.python_version(),
        },
    )


@dataclass(frozen=True, slots=True)
class _Look:
    cpu_s: Mapping[str, float]
    log_bytes: int
    wal_bytes: int
    turns: int


class _Bench:
    """A market with its gateway, and somebody who trades there."""

    def __init__(
        self,
        site: Site,
        gateway: Child,
        clients: Sequence[GatewayClient],
        connections: "Mapping[str, asyncpg.Connection[asyncpg.Record]]",
        admin: "asyncpg.Connection[asyncpg.Record]",
    ) -> None:
        self._site = site
        self._clients = clients
        self._connections = connections
        self._admin = admin
        self._progress = Progress(connections)
        self._processes = {name: psutil.Process(pid) for name, pid in site.services.items()}
        self._processes["gateway"] = psutil.Process(gateway.pid)
        self._servers = {name: psutil.Process(pid) for name, pid in site.servers.items()}

    async def trade(self, seed: int, count: int) -> None:
        """Keep checkouts under way until so many are settled and everyone has heard it. The gateway shows them."""
        what, copies = f"heard {TransactionSettled.wire_name}", _copies()
        url = self._site.database(FRONT)
        async with open_door(entrance(), self._site.kafka, url, "", _say) as door:
            await closed_loop(
                door, self._progress, checkouts(seed, count), count=count, in_flight=IN_FLIGHT, what=what, copies=copies
            )
        await self._shown()

    async def trade_over_http(self, seed: int, count: int) -> None:
        """Ask for so many checkouts over HTTP, and wait until all are settled and everyone has heard it."""
        what, copies = f"heard {TransactionSettled.wire_name}", _copies()
        before = hearers(await self._progress.counts(), what, copies)
        orders = checkouts(seed, count)

        async def ask(client: GatewayClient) -> None:
            for order in orders:
                reply = await client.ask(asking(order.order, order))
                if reply.refusal:
                    raise RuntimeError(reply.refusal)

        await asyncio.gather(*(ask(client) for client in self._clients for _ in range(REQUESTS_AT_ONCE_MAX)))
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
            while hearers(await self._progress.counts(), what, copies) < before + count:
                await asyncio.sleep(POLL_SECONDS)
        await self._shown()

    async def _shown(self) -> None:
        """Until nobody has anything more to do, the views among them."""
        await quiet(self._progress)
        async with open_log(self._site.kafka, "", streams()) as log:
            ends = log.ends
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
            while any(next_offset < ends[place] for place, next_offset in await self._positions()):
                await asyncio.sleep(POLL_SECONDS)

    async def _positions(self) -> list[tuple[tuple[str, int], int]]:
        """How far each view has come in each partition."""
        rows = await self._connections[FRONT].fetch("SELECT stream, partition, next_offset FROM view_positions")
        return [((row["stream"], row["partition"]), row["next_offset"]) for row in rows]

    async def look(self) -> _Look:
        """How much of everything there was by now."""
        return _Look(
            {**{name: _cpu_s(one) for name, one in self._processes.items()}, **self._servers_cpu_s()},
            self._log_bytes(),
            await self._admin.fetchval("SELECT wal_bytes::bigint FROM pg_stat_wal"),
            turns(await self._progress.counts()),
        )

    async def held(self) -> dict[str, int]:
        """The bytes of the tables whose rows stay, by service, once they are packed."""
        found: dict[str, int] = {}
        for name in self._site.databases:
            database = urlsplit(self._site.database(name)).path
            admin = await asyncpg.connect(urlsplit(self._site.postgres)._replace(path=database).geturl())
            await admin.execute("VACUUM FULL")
            sizes = {row["relname"]: row["bytes"] for row in await admin.fetch(_SIZES)}
            await admin.close()
            found[name] = sum(size for table, size in sizes.items() if table not in PASSING)
        return found

    def _log_bytes(self) -> int:
        return sum(path.stat().st_size for path in Path(self._site.directory).glob("kafka/**/*.log"))

    def _servers_cpu_s(self) -> dict[str, float]:
        """The time of servers with all their processes."""
        return {
            name: sum(_cpu_s(one) for one in (server, *server.children(recursive=True)))
            for name, server in self._servers.items()
        }


@asynccontextmanager
async def _market() -> AsyncGenerator[_Bench]:
    key = f"agora_{secrets.token_urlsafe(32)}"
    async with (
        market("bench", Settings(kafka=None, postgres=None), _say, RULES, fresh=True) as site,
        AsyncExitStack() as stack,
    ):
        connections = {name: await asyncpg.connect(site.database(name)) for name in site.databases}
        for connection in connections.values():
            stack.push_async_callback(connection.close)
        admin = await asyncpg.connect(site.postgres)
        stack.push_async_callback(admin.close)
        async with open_door(entrance(), site.kafka, site.database(entrance().name), "", _say) as door:
            await prepare(door, Progress(connections), setup_commands(), "setup")
        gateway, url = _gateway(site, key)
        gateway.start()
        stack.push_async_callback(gateway.stop)
        await gateway.await_ready()
        secret = SecretStr(key)
        clients = [await stack.enter_async_context(GatewayClient(url, secret, _say)) for _ in range(CLIENTS)]
        yield _Bench(site, gateway, clients, connections, admin)


def _gateway(site: Site, key: str) -> tuple[Child, str]:
    with create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = {
        "AGORA_KAFKA": site.kafka,
        "AGORA_DATABASE": site.database(entrance().name),
        "AGORA_HTTP": address,
        "AGORA_HTTP_RATE": "1000000",
        "AGORA_OPERATOR_KEY": key,
    }
    return Child(entrance().name, environment, Path(site.directory) / "logs" / "gateway.log"), f"http://{address}"


def _copies() -> dict[str, int]:
    """How many copies of a settlement each service hears."""
    hearing = (service for service in services() if TransactionSettled in members(service.consumes))
    return {service.name: LINES if service.stream.name in ("products", "sellers") else 1 for service in hearing}


def _cpu_s(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return spent.user + spent.system


def _say(message: str) -> None:
    typer.echo(message, err=True)


def main(
    json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")] = None,
) -> None:
    """Measure what one checkout costs."""
    found = asdict(uvloop.run(measure()))
    expected = sum(turns_of(LINES, LINES).values())
    _say(f"{found['turns']:.1f} turns a checkout, {expected} expected")
    typer.echo(json.dumps(found, indent=2))
    if json_path is not None:
        json_path.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
