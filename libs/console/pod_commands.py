"""The commands that prepare for a service: ``migrate`` makes its database what it needs, ``await`` waits for that."""

from typing import Annotated

import typer

from agora.serve import ServeError, address_of
from agora.settings import Settings
from console import keep as keeper
from console import pods, show
from console.cli import Json, run_command
from console.operate import service_named
from console.output import Failure, Out, Waiting


def migrate(
    service: Annotated[
        str | None,
        typer.Argument(help="One service alone: AGORA_DATABASE is its database's URL as its owner. Needs nobody else."),
    ] = None,
    *,
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Give roles whose passwords are not known here new ones.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make every service's database, roles and topics, and bring each database to this code's revision."""
    if service and rotate:
        raise typer.BadParameter("--rotate is the administrator's: leave out the service, or the option")

    async def work(settings: Settings, out: Out) -> int:
        revisions = (
            {service: await _migrate_one(service, settings, out)}
            if service
            else await keeper.migrate(settings, out, rotate=rotate)
        )
        out.result({"revisions": revisions}, lambda console: show.revisions(revisions, console))
        return 0

    run_command(work, as_json=as_json)


async def _migrate_one(service: str, settings: Settings, out: Out) -> str | None:
    service_named(service)
    if settings.database is None:
        raise Failure(f"set AGORA_DATABASE to the URL of the database of '{service}', as its owner")
    return await pods.migrate(service, settings.database, settings.namespace, out, Waiting(out))


def await_(
    service: Annotated[str, typer.Argument(help="The service: a folder of services/.")],
    *,
    as_json: Json = False,
) -> None:
    """Wait until a service can run: its database migrated for this code, its stream's topic there."""

    async def work(settings: Settings, out: Out) -> int:
        found = service_named(service)
        address = address_of(service, settings)
        if address is None:
            raise ServeError(f"set AGORA_KAFKA and AGORA_DATABASE, to await what '{service}' needs")
        at = await pods.await_needs(found, address, Waiting(out))
        out.result({"service": service, "revision": at}, lambda _: out.say(f"'{service}' can run"))
        return 0

    run_command(work, as_json=as_json)
