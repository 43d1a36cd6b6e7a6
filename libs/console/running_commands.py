"""The commands ``up``, ``down``, ``status`` and ``run``."""

from typing import Annotated

import typer

from agora.serve import Address, address_at, address_of, serve
from agora.settings import Settings
from console import keep as keeper
from console import operate, show
from console import site as sites
from console.cli import Json, run_command
from console.output import Failure, Out, Waiting


def up(*, as_json: Json = False) -> None:
    """Bring a market up and leave it running; its data is kept."""

    async def work(settings: Settings, out: Out) -> int:
        site = await keeper.up(settings, out)
        out.result(
            {"pid": site.pid, "kafka": site.kafka, "directory": site.directory, "services": dict(site.services)},
            lambda console: console.print(f"The market runs (process {site.pid}). Stop it with: agora down"),
        )
        return 0

    run_command(work, as_json=as_json)


def down(*, as_json: Json = False) -> None:
    """Stop the market that `agora up` left running."""

    async def work(settings: Settings, out: Out) -> int:
        stopped = await keeper.down(settings)
        out.result({"stopped": stopped}, lambda console: console.print("Stopped." if stopped else "Nothing runs here."))
        return 0

    run_command(work, as_json=as_json)


def status(*, as_json: Json = False) -> None:
    """Show servers and services: processes, memory, turns, lag, outbox, parked agents, dead letters."""

    async def work(settings: Settings, out: Out) -> int:
        values = await operate.status(sites.locate(settings), Waiting(out))
        out.result(values, lambda console: show.status(values, console))
        return 0

    run_command(work, as_json=as_json)


def run(
    service: Annotated[str, typer.Argument(help="The service: a folder of services/.")],
    *,
    as_json: Json = False,
) -> None:
    """Run one service in the foreground; it logs JSON lines on standard error."""

    async def work(settings: Settings, out: Out) -> int:
        found = operate.service_named(service)
        code = await serve(found, address_of(service, settings) or _address_here(service, settings), attended=False)
        out.result({"service": service, "ran": True}, lambda _: None)
        return code

    run_command(work, as_json=as_json, told=0)


def _address_here(service: str, settings: Settings) -> Address:
    """Where the market that is running here has a service."""
    site = sites.running(settings.home)
    if site is None or not site.databases:
        raise Failure(
            f"'{service}' needs AGORA_KAFKA (host:port) and AGORA_DATABASE (its own database's URL), or a market that "
            "runs here. Start one with: agora up"
        )
    return address_at(site.kafka, site.database(service), site.namespace, settings)


def keep() -> None:
    """Keep a market until told to stop; `agora up` starts this."""
    run_command(keeper.keep, as_json=False)
