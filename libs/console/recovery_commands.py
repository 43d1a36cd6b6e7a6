"""The command ``recover``."""

from dataclasses import asdict
from typing import Annotated

import typer

from agora.serve import Address, address_of
from agora.settings import Settings
from console import site as sites
from console.cli import Json, run_command
from console.operate import service_named
from console.output import Out
from console.recovering import recover as recover_database


def recover(
    service: Annotated[str, typer.Argument(help="The service whose database was restored: a folder of services/.")],
    *,
    as_json: Json = False,
) -> None:
    """Bring a database that was restored from a backup up to the log. Run it before its service starts again."""

    async def work(settings: Settings, out: Out) -> int:
        found = service_named(service)
        address = address_of(service, settings) or _address_here(service, settings)
        done = asdict(await recover_database(found, address, out.say))
        out.result(done, lambda console: console.print(_words(done)))
        return 0

    run_command(work, as_json=as_json)


def _words(done: dict[str, int]) -> str:
    return (
        f"{done['turns']:,} records heard again: {done['in_the_log']:,} events were in the log, {done['said_now']:,} "
        f"are said now; struck off: {done['reminders']:,} reminders, {done['activities']:,} activities; "
        f"{done['keys']:,} keys of requests returned. The service may start."
    )


def _address_here(service: str, settings: Settings) -> Address:
    site = sites.locate(settings)
    return Address(site.kafka, site.database(service), site.namespace)
