"""The commands that a marketplace in containers needs: ``secrets``, ``topics``, ``welcome``, ``access`` and ``key``."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from agora import discovery
from agora.settings import SECRETS_FOLDER, SECRETS_FOLDER_DEFAULT, Settings
from console.cli import Json, run_command
from console.container_secrets import make_secrets, read_key
from console.output import Failure, Out

OUTSIDE_KAFKA: Final = "AGORA_OUTSIDE_KAFKA"
OUTSIDE_POSTGRES: Final = "AGORA_OUTSIDE_POSTGRES"
OUTSIDE_HTTP: Final = "AGORA_OUTSIDE_HTTP"


def secrets(
    folder: Annotated[Path, typer.Argument(help="Where to keep them: each reader has a folder of its own in it.")],
    server: Annotated[str, typer.Option("--server", help="Where PostgreSQL is, as services reach it: host:port.")],
    *,
    as_json: Json = False,
) -> None:
    """Make every secret of a marketplace in containers at random; what is there is kept."""

    async def work(_: Settings, out: Out) -> int:
        made = make_secrets(folder, discovery.folders(), server)
        words = f"made {len(made)} secrets" if made else "every secret is there"
        out.result({"made": made}, lambda console: console.print(words))
        return 0

    run_command(work, as_json=as_json)


def topics(*, as_json: Json = False) -> None:
    """Make every stream's topic in the Kafka that AGORA_KAFKA names."""

    async def work(settings: Settings, out: Out) -> int:
        from console.provide import make_topics  # noqa: PLC0415 - it brings in every service

        if settings.kafka is None:
            raise Failure("set AGORA_KAFKA (host:port); a Kafka of our own has its topics made by: agora migrate")
        await make_topics(settings, settings.kafka)
        out.result({"kafka": settings.kafka}, lambda console: console.print("every topic is there"))
        return 0

    run_command(work, as_json=as_json)


def welcome(*, as_json: Json = False) -> None:
    """Say where the marketplace is, and how to get in. It shows no secret: what a container says is kept in a log."""

    async def work(_: Settings, out: Out) -> int:
        url = f"http://{_outside(OUTSIDE_HTTP)}"
        show = "docker compose run --rm cli key"
        words = f"The marketplace is open: {url}\nThe operator's key is shown by: {show}"
        out.result({"url": url, "key": show}, lambda console: _plain(console, words))
        return 0

    run_command(work, as_json=as_json)


def key(*, as_json: Json = False) -> None:
    """Show the operator's key of the gateway."""

    async def work(_: Settings, out: Out) -> int:
        found = read_key(Path(os.environ.get(SECRETS_FOLDER) or SECRETS_FOLDER_DEFAULT))
        if found is None:
            raise Failure("no operator's key is here. It is in the containers: docker compose run --rm cli key")
        out.result({"key": found}, lambda console: _plain(console, found))
        return 0

    run_command(work, as_json=as_json)


def access(*, as_json: Json = False) -> None:
    """Print what lets an `agora` outside the containers reach this marketplace, as lines for a shell."""

    async def work(settings: Settings, out: Out) -> int:
        if settings.postgres is None:
            raise Failure("this is for the containers: docker compose run --rm cli access")
        login = settings.postgres.rpartition("@")[0]
        database = settings.postgres.rpartition("/")[2]
        found = {
            "AGORA_KAFKA": _outside(OUTSIDE_KAFKA),
            "AGORA_POSTGRES": f"{login}@{_outside(OUTSIDE_POSTGRES)}/{database}",
        }
        lines = "\n".join(f"export {name}='{value}'" for name, value in found.items())
        out.result(found, lambda console: _plain(console, lines))
        return 0

    run_command(work, as_json=as_json)


def _plain(console: Console, words: str) -> None:
    console.print(words, soft_wrap=True, markup=False)


def _outside(variable: str) -> str:
    address = os.environ.get(variable)
    if not address:
        raise Failure(f"set {variable} to the host:port that is seen from outside the containers")
    return address
