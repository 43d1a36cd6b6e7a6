"""The marketplace in containers, tried for real from an empty engine to an empty engine: `make compose-test`.

Its name keeps it out of `make test`. The tests are steps of one story, in the order in which they stand here.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Generator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import pytest

from agora.discovery import folders
from tests.compose.composed import ROOT, containers, is_ours
from tests.compose.engine import Market, docker, eventually, memory_bytes, orders_file, said, service_of

JOBS: Final = {"secrets", "migrate", "topics", "welcome"}
READY_SECONDS_MAX: Final = 60
MEMORY_BYTES_MAX: Final = 2 * 2**30
PARTITIONS: Final = 8
CALM_ORDERS: Final = 100
STORMY_ORDERS: Final = 1_500
TRADE_SECONDS_MAX: Final = 600
REAL_ORDERS: Final = ROOT.parent / "shared" / "data" / "online_retail_2010_12.csv.gz"

TRY_TO_LOG_IN: Final = """
import asyncio, asyncpg, json
from pathlib import Path
url = Path("/run/secrets/agora_database").read_text()

async def attempt(database):
    try:
        connection = await asyncpg.connect(url, database=database)
    except asyncpg.PostgresError as error:
        return type(error).__name__
    try:
        await connection.execute("CREATE TABLE mine (n int)")
    except asyncpg.PostgresError as error:
        return "in; " + type(error).__name__
    return "in, and master"

async def main():
    print(json.dumps({{name: await attempt(f"agora_{{name}}") for name in {names}}}))

asyncio.run(main())
"""
LOOK_AROUND: Final = """
import json, os
from pathlib import Path
def writes(path):
    try:
        Path(path).write_text("x")
    except OSError as error:
        return error.strerror
    return "written"
print(json.dumps({
    "secrets": sorted(os.listdir("/run/secrets")),
    "user": os.getuid(),
    "environment": sorted(os.environ.values()),
    "writes": [writes("/opt/agora/x"), writes("/run/secrets/x"), writes("/tmp/x")],
}))
"""
SCRAPE: Final = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9090/metrics').read().decode())"


@pytest.fixture(scope="module")
def market() -> Generator[Market]:
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:  # noqa: S607
        pytest.exit("no docker compose is here, so the marketplace in containers cannot be tried", returncode=2)
    market = Market()
    market.compose("build")
    try:
        yield market
    finally:
        market.attempt("down", "--volumes", "--remove-orphans", "--timeout", "30")


def test_every_container_is_ready_within_a_minute(market: Market) -> None:
    seconds = market.up()
    said(f"ready after {seconds:.1f} s")
    assert seconds < READY_SECONDS_MAX
    found = {service_of(container): container["State"] for container in market.containers()}
    assert {name: found.pop(name)["ExitCode"] for name in JOBS} == dict.fromkeys(JOBS, 0)
    assert found.pop("trader")["Status"] == "running"
    assert found.keys() == folders().keys() | {"postgres", "kafka"}
    assert {name: state["Health"]["Status"] for name, state in found.items()} == dict.fromkeys(found, "healthy")


def test_the_welcome_names_one_address_and_the_key_opens_it(market: Market) -> None:
    words = market.compose("logs", "--no-log-prefix", "welcome")
    assert re.findall(r"http://\S+", words) == [f"http://localhost:{market.ports['HTTP']}"]
    key = key_of(market)
    assert (status_of(market, "/v1/keys"), status_of(market, "/v1/keys", key)) == (401, 200)
    assert key not in market.compose("logs", "--no-log-prefix")


def test_a_small_market_is_already_trading(market: Market) -> None:
    """Whoever opens the address finds orders that are paid and settled, without having asked for any."""
    types = eventually(lambda: types_told(market), lambda told: "TransactionSettled.v1" in told)
    assert {"BuyerRegistered.v1", "ProductListed.v1", "PaymentSucceeded.v1"} <= types


def test_it_all_takes_less_than_two_gigabytes(market: Market) -> None:
    measured = memory_of(market)
    assert sum(measured.values()) < MEMORY_BYTES_MAX


def test_a_container_of_ours_holds_its_own_secrets_and_cannot_be_changed(market: Market) -> None:
    for name in folders():
        seen = json.loads(market.python(name, LOOK_AROUND))
        own = ["agora_database", *(["agora_operator_key"] if name == "gateway" else [])]
        assert seen["secrets"] == own
        assert seen["user"] == 10_001
        assert seen["writes"] == ["Read-only file system", "Read-only file system", "written"]
        assert not any("postgresql://" in value for value in seen["environment"])


def test_a_service_logs_in_to_its_own_database_alone_and_cannot_change_its_tables(market: Market) -> None:
    for name in folders():
        seen = json.loads(market.python(name, TRY_TO_LOG_IN.format(names=list(folders()))))
        assert seen.pop(name) == "in; InsufficientPrivilegeError"
        assert set(seen.values()) == {"InsufficientPrivilegeError"}


def test_the_command_line_outside_reaches_the_market_but_locks_nobody_out(market: Market, tmp_path: Path) -> None:
    access = market.cli("access")
    assert access["AGORA_KAFKA"] == f"localhost:{market.ports['KAFKA']}"
    done = outside(access, tmp_path, "status", "--json")
    assert json.loads(done.stdout)["services"].keys() == folders().keys()
    refused = outside(access, tmp_path, "migrate")
    assert refused.returncode == 1
    assert "--rotate" in refused.stderr
    assert "Traceback" not in refused.stderr
    restarted = market.up("--force-recreate", "buyer")  # with the password it always had
    assert restarted < READY_SECONDS_MAX


def test_a_shops_real_orders_are_traded_over_http_and_nothing_is_amiss(market: Market, tmp_path: Path) -> None:
    orders = REAL_ORDERS if REAL_ORDERS.exists() else orders_file(tmp_path / "orders.csv", CALM_ORDERS, first=500_000)
    report = ended(trading(market, orders, tmp_path))
    said(f"{settled(report)} orders of {orders.name} settled in {report['seconds']:.0f} s")
    assert settled(report) == report["orders"]["read"] >= CALM_ORDERS
    assert_nothing_amiss(market)


def test_three_processes_of_a_service_share_its_partitions(market: Market) -> None:
    market.up("--scale", "product=3")
    dealt = eventually(lambda: shares(market, "product", 3), lambda found: min(found) > 0 and sum(found) == PARTITIONS)
    assert max(dealt) - min(dealt) <= 1


def test_a_service_killed_in_the_middle_of_trading_loses_nothing(market: Market, tmp_path: Path) -> None:
    orders = orders_file(tmp_path / "orders.csv", STORMY_ORDERS, first=600_000)
    before = turns(market, "transaction")
    trade = trading(market, orders, tmp_path)
    eventually(lambda: turns(market, "transaction"), lambda now: now > before + STORMY_ORDERS)
    market.compose("kill", "transaction")
    assert trade.poll() is None, "it was over before the kill: trade more orders"
    market.compose("up", "--detach", "--scale", "product=3")
    assert settled(ended(trade)) == STORMY_ORDERS
    assert_nothing_amiss(market)
    memory_of(market)


def test_services_end_in_order_when_told_to_and_go_on_where_they_were(market: Market) -> None:
    before = market.cli("status")["services"]
    market.compose("stop")
    ours = {name for name, container in containers().items() if is_ours(container)}
    codes = {service_of(one): one["State"]["ExitCode"] for one in market.containers() if service_of(one) in ours}
    assert set(codes.values()) == {0}, codes
    market.up()
    after = market.cli("status")["services"]
    forgotten = {name for name, found in before.items() if after[name]["agents"] < found["agents"]}
    assert forgotten == set()  # there are more by now: the small market is trading again
    assert_nothing_amiss(market)


def test_down_with_its_volumes_forgets_everything(market: Market) -> None:
    market.compose("down", "--volumes", "--timeout", "30")
    mine = f"label=com.docker.compose.project={market.project}"
    for kind in ("volume", "network"):
        assert docker(kind, "ls", "--quiet", "--filter", mine) == ""
    assert docker("ps", "--all", "--quiet", "--filter", mine) == ""


def status_of(market: Market, path: str, key: str | None = None) -> int:
    """What the gateway answers from outside."""
    connection = HTTPConnection("127.0.0.1", market.ports["HTTP"], timeout=10)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        return connection.getresponse().status
    finally:
        connection.close()


def key_of(market: Market) -> str:
    return market.compose("run", "--rm", "--no-TTY", "cli", "key").strip()


def types_told(market: Market) -> set[str]:
    """The types of the latest events that the gateway tells of."""
    connection, told = HTTPConnection("127.0.0.1", market.ports["HTTP"], timeout=10), set[str]()
    headers, after = {"Authorization": f"Bearer {key_of(market)}"}, 0
    while True:
        connection.request("GET", f"/v1/events?limit=1000&after={after}", headers=headers)
        page = json.loads(connection.getresponse().read())
        if not page["events"]:
            connection.close()
            return told
        told |= {event["type"] for event in page["events"]}
        after = page["next"]


def trading(market: Market, orders: Path, home: Path) -> "subprocess.Popen[str]":
    """Let a file of orders be traded over HTTP from this machine, as anybody would."""
    url = f"http://localhost:{market.ports['HTTP']}"
    return subprocess.Popen(
        [sys.executable, "-m", "console", "trade", str(orders), "--url", url, "--json"],
        env=here(home) | {"AGORA_KEY": key_of(market)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(trade: "subprocess.Popen[str]") -> dict[str, Any]:
    output, error = trade.communicate(timeout=TRADE_SECONDS_MAX)
    assert trade.returncode == 0, error + output
    return json.loads(output)


def settled(report: dict[str, Any]) -> int:
    return report["orders"]["settled"]


def assert_nothing_amiss(market: Market) -> None:
    """Nothing is, once everybody has come to rest; a small market begins to trade again with the next `up`."""
    market.compose("stop", "trader")
    for held in market.cli("flagged")["flagged"]:  # the trader clears what is its own, but only while it runs
        market.cli("clear", held["transaction"])
    assert eventually(lambda: audited(market), lambda found: not any(found.values()))


def audited(market: Market) -> dict[str, int]:
    """What the audit counts; with something amiss, it ends with another code than 0."""
    done = market.attempt("run", "--rm", "--no-TTY", "cli", "audit", "--json")
    return json.loads(done.stdout)["audit"]


def turns(market: Market, service: str) -> int:
    return market.cli("status")["services"][service]["turns"]


def shares(market: Market, service: str, processes: int) -> list[int]:
    """How many partitions each process of a service says it owns."""
    pages = [market.python(service, SCRAPE, index) for index in range(1, processes + 1)]
    owned = [re.search(r"^agora_partitions_owned\S* (\S+)$", page, re.MULTILINE) for page in pages]
    return [int(float(found[1])) if found else 0 for found in owned]


def memory_of(market: Market) -> dict[str, int]:
    measured = memory_bytes([one["Id"] for one in market.containers() if one["State"]["Running"]])
    said(*(f"{name}: {taken / 2**20:.0f} MiB" for name, taken in sorted(measured.items())))
    said(f"in all: {sum(measured.values()) / 2**20:.0f} MiB")
    return measured


def outside(access: dict[str, str], home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command line on this machine."""
    return subprocess.run(
        [sys.executable, "-m", "console", *arguments],
        env={**here(home), **access},
        capture_output=True,
        text=True,
        check=False,
    )


def here(home: Path) -> dict[str, str]:
    """This machine's environment, for a command line that knows of no other market."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("AGORA_")}
    return {**others, "AGORA_HOME": str(home), "PYTHONPATH": f"{ROOT / 'libs'}{os.pathsep}{ROOT}"}
