"""``make load``: the gateway under as many requests as one core's worth of clients can send, and what became of each.

Needs ``wrk``. Requests are let in as fast as they come; then every one of them must have had exactly one outcome.
"""

import asyncio
import json
import secrets
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from socket import create_server
from typing import Annotated, Any, Final

import asyncpg
import psutil
import typer
import uvloop
from rich.console import Console

from agora.door import open_door
from agora.requests import asking
from agora.settings import Settings
from console.children import Child
from console.operate import door as entrance
from console.stack import market
from market.ids import ProductId, SellerId
from market.sellers import ListProduct, RegisterSeller

PRODUCTS: Final = 200
CONNECTIONS: Final = 64
SECONDS: Final = 20
OUTCOME_SECONDS_MAX: Final = 120
NO_WRK: Final = 2
SCRIPT: Final = Path(__file__).with_name("front.lua")

screen: Final = Console(stderr=True)

# Every request that was let in, and how many outcomes of it the log holds.
_OUTCOMES: Final = """
SELECT count(*) AS let_in, count(*) FILTER (WHERE outcomes = 1) AS once, count(*) FILTER (WHERE outcomes = 0) AS never,
    count(*) FILTER (WHERE outcomes > 1) AS often
FROM (
    SELECT key, (SELECT count(*) FROM feed WHERE story = key AND whole AND type = 'StockReplenished.v1') AS outcomes
    FROM requests WHERE kind = 'Replenish.v1' AND refusal IS NULL
) AS found
"""


@dataclass(frozen=True)
class Load:
    """What came of it. Latencies are of the answer ``202``, in milliseconds; memory is the gateway's, in megabytes."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    requests: int
    refused: int
    broken: int
    let_in: int
    once: int
    never: int
    often: int
    seconds_until_the_last_outcome: float
    rss_mb: float


async def measure(seconds: int) -> Load:
    """Bring a market and its gateway up, and put them under load."""
    async with market("bench", Settings(kafka=None, postgres=None), _say, {}, fresh=True) as site:
        await _stock(site.kafka, site.database(entrance().name))
        key, port = f"agora_{secrets.token_urlsafe(32)}", _free_port()
        environment = {
            "AGORA_KAFKA": site.kafka,
            "AGORA_DATABASE": site.database(entrance().name),
            "AGORA_HTTP": f"127.0.0.1:{port}",
            "AGORA_HTTP_RATE": "1000000",
            "AGORA_OPERATOR_KEY": key,
        }
        gateway = Child(entrance().name, environment, Path(site.directory) / "logs" / "gateway.log")
        gateway.start()
        try:
            await gateway.await_ready()
            connection = await asyncpg.connect(site.database(entrance().name))
            _say(f"load for {seconds} s")
            sent = await _send(f"http://127.0.0.1:{port}", key, seconds)
            ended = time.monotonic()
            counts = await _outcomes(connection)
            waited = time.monotonic() - ended
            await connection.close()
            rss = psutil.Process(gateway.pid).memory_info().rss / 2**20
        finally:
            await gateway.stop()
    rate = sent["requests"] / sent["seconds"]
    numbers = {name: sent[name] for name in ("p50_ms", "p99_ms", "requests", "refused", "broken")}
    return Load(rate, **numbers, **counts, seconds_until_the_last_outcome=waited, rss_mb=rss)


async def _stock(kafka: str, database: str) -> None:
    """One seller with some products."""
    seller = SellerId("s0")
    commands = [RegisterSeller(seller=seller, currency="GBP")] + [
        ListProduct(seller=seller, product=ProductId(f"p{number}"), prices_minor=(100,), stock=1)
        for number in range(PRODUCTS)
    ]
    async with open_door(entrance(), kafka, database, "", _say) as opened:
        await opened.submit([asking(f"setup {number}", command) for number, command in enumerate(commands)])


async def _send(url: str, key: str, seconds: int) -> dict[str, Any]:
    wrk = await asyncio.create_subprocess_exec(
        "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(SCRIPT), url, "--", "load-", key, str(PRODUCTS),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await wrk.communicate()
    return json.loads(output.decode().strip().rpartition("\n")[2])


async def _outcomes(connection: "asyncpg.Connection[asyncpg.Record]") -> dict[str, int]:
    """Wait until every request has its outcome, or nothing more comes."""
    deadline, counts, seen = time.monotonic() + OUTCOME_SECONDS_MAX, dict[str, int](), -1
    while time.monotonic() < deadline:
        counts = dict(await connection.fetchrow(_OUTCOMES) or {})
        if counts["never"] == 0 and counts["once"] == seen:
            break
        seen = counts["once"]
        await asyncio.sleep(0.5)
    return counts


def _free_port() -> int:
    with create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def _say(words: str) -> None:
    screen.print(words, style="dim")


def main(
    *,
    seconds: Annotated[int, typer.Option(help="How long.")] = SECONDS,
    as_json: Annotated[Path | None, typer.Option("--json", help="Where the figures go.")] = None,
) -> None:
    """Put the gateway under load and count what became of every request."""
    if shutil.which("wrk") is None:
        screen.print("This needs wrk, which sends the load. On Debian and Ubuntu: apt install wrk", style="red")
        sys.exit(NO_WRK)
    load = uvloop.run(measure(seconds))
    for name, value in asdict(load).items():
        Console().print(
            f"{name.replace('_', ' '):32} {value:>12,.1f}" if isinstance(value, float) else f"{name:32} {value:>12,}"
        )
    if as_json:
        as_json.write_text(json.dumps(asdict(load), indent=2))
    sys.exit(int(load.never + load.often + load.refused + load.broken > 0 or load.let_in < load.requests))


if __name__ == "__main__":
    typer.run(main)
