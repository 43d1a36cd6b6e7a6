"""The command line ``agora``. Standard output holds the result alone; everything else goes to standard error."""

import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from agora import discovery
from agora.settings import Settings, SettingsError
from console import demo as demos
from console import keep as keeper
from console import operate, serve, show
from console import site as sites
from console.generator import ORDERS_MAX, REAL_ORDERS
from console.output import Out, carry_out
from console.trade import IN_FLIGHT_DEFAULT, IN_FLIGHT_MAX, Terms

app = typer.Typer(
    name="agora",
    help="A marketplace of agents that trade by reacting to events, on a real Kafka and a real PostgreSQL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
StockFactor: TypeAlias = Annotated[
    float,
    typer.Option("--stock-factor", min=0.0, max=1_000.0, help="Units in stock per unit ordered; 0.5 makes scarcity."),
]
InFlight: TypeAlias = Annotated[
    int, typer.Option("--in-flight", min=1, max=IN_FLIGHT_MAX, help="Orders that may be unpaid at once.")
]
Agent: TypeAlias = Annotated[str, typer.Argument(help="The agent: service/subject, such as transaction/536365.")]


@app.command()
def demo(
    file: Annotated[Path | None, typer.Option("--file", help="Trade this file instead of a made-up month.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the made-up month.")] = 7,
    orders: Annotated[int, typer.Option(min=1, max=ORDERS_MAX, help="Orders to make up.")] = REAL_ORDERS,
    stock_factor: StockFactor = 1.0,
    in_flight: InFlight = IN_FLIGHT_DEFAULT,
    as_json: Json = False,
) -> None:
    """Bring a market up from nothing, trade a file of orders, audit, print a summary, and take it all down."""
    out = Out(as_json)

    async def work() -> int:
        settings = Settings.read()
        book = demos.book_of(file, seed, orders, out)
        return await demos.demo(book, Terms(stock_factor, in_flight), settings, out)

    carry_out(out, work)


@app.command()
def up(as_json: Json = False) -> None:
    """Bring a market up and leave it running; its data is kept."""

    async def work(settings: Settings, out: Out) -> int:
        site = await keeper.up(settings, out)
        out.result(
            {"pid": site.pid, "kafka": site.kafka, "directory": site.directory, "services": dict(site.services)},
            lambda console: console.print(f"The market runs (process {site.pid}). Stop it with: agora down"),
        )
        return 0

    _run(as_json, work)


@app.command()
def down(as_json: Json = False) -> None:
    """Stop the market that `agora up` left running."""

    async def work(settings: Settings, out: Out) -> int:
        stopped = await keeper.down(settings)
        out.result({"stopped": stopped}, lambda console: console.print("Stopped." if stopped else "Nothing runs here."))
        return 0

    _run(as_json, work)


@app.command()
def status(as_json: Json = False) -> None:
    """Show servers and services: processes, memory, turns, lag, outbox, parked agents, dead letters."""

    async def work(settings: Settings, out: Out) -> int:
        values = await operate.status(sites.locate(settings), demos.Waiting(out))
        out.result(values, lambda console: show.status(values, console))
        return 0

    _run(as_json, work)


@app.command()
def run(
    service: Annotated[str, typer.Argument(help="The service, a folder of services/.")],
    as_json: Json = False,
    attended: Annotated[bool, typer.Option("--attended", hidden=True)] = False,
) -> None:
    """Run one service in the foreground; it logs JSON lines on standard error."""
    out = Out(as_json)
    if service not in discovery.folders():
        raise out.fail(f"no service '{service}'; there are {', '.join(discovery.folders())}")
    found = discovery.service(service)
    if found.ingress:
        words = f"'{service}' hears no stream: what it does is done by whoever opens its door, so nothing is to run yet."
        out.result({"service": service, "ran": False}, lambda console: console.print(words))
        return

    async def work() -> int:
        serve.log_as_json()
        code = await serve.serve(found, Settings.read(), attended=attended)
        out.result({"service": service, "ran": True}, lambda _: None)
        return code

    carry_out(out, work)


@app.command()
def migrate(as_json: Json = False) -> None:
    """Make every service's database, roles and topics, and bring each database to this code's revision."""

    async def work(settings: Settings, out: Out) -> int:
        revisions = await keeper.migrate(settings, out)
        out.result({"revisions": revisions}, lambda console: show.revisions(revisions, console))
        return 0

    _run(as_json, work)


@app.command()
def trade(
    file: Annotated[Path, typer.Argument(help="A file of Online Retail as published: CSV or CSV.gz.")],
    stock_factor: StockFactor = 1.0,
    in_flight: InFlight = IN_FLIGHT_DEFAULT,
    as_json: Json = False,
) -> None:
    """Trade a file of orders in the market that is running, then audit. What was traded before is not traded again."""

    async def work(settings: Settings, out: Out) -> int:
        started = time.monotonic()
        site = sites.locate(settings)
        book = demos.book_of(file, 0, 0, out)
        report = await demos.run_trade(book, Terms(stock_factor, in_flight), site, out, started)
        return demos.finish(report, out)

    _run(as_json, work)


@app.command()
def parked(as_json: Json = False) -> None:
    """List agents whose turn failed, with what waits behind the failure, and count dead letters."""

    async def work(settings: Settings, out: Out) -> int:
        values = await operate.parked(sites.locate(settings), demos.Waiting(out))
        out.result(values, lambda console: show.parked(values, console))
        return 0

    _run(as_json, work)


@app.command()
def redrive(agent: Agent, as_json: Json = False) -> None:
    """Take an agent's parked events again, in order."""

    async def work(settings: Settings, out: Out) -> int:
        values = await operate.redrive(sites.locate(settings), agent, demos.Waiting(out))
        out.result(values, lambda console: show.word(values, console))
        return 0 if not values["parked"] else 1

    _run(as_json, work)


@app.command()
def skip(agent: Agent, as_json: Json = False) -> None:
    """Drop the first of an agent's parked events; it is kept as a dead letter."""

    async def work(settings: Settings, out: Out) -> int:
        values = await operate.skip(sites.locate(settings), agent, demos.Waiting(out))
        out.result(values, lambda console: show.word(values, console))
        return 0

    _run(as_json, work)


@app.command(hidden=True)
def keep() -> None:
    """Keep a market until told to stop; `agora up` starts this."""
    _run(False, keeper.keep)  # noqa: FBT003 - it has no result


Work: TypeAlias = Callable[[Settings, Out], Coroutine[Any, Any, int]]


def _run(as_json: bool, work: Work) -> None:  # noqa: FBT001 - every command has it
    out = Out(as_json)
    try:
        settings = Settings.read()
    except SettingsError as error:
        raise out.fail(str(error)) from None
    carry_out(out, lambda: work(settings, out))


def main() -> None:
    """Run the command line."""
    app(prog_name="agora")
