"""The command ``grants``: what each process may do in Kafka and PostgreSQL, for whoever gives it to them."""

import re
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from agora import discovery
from agora.grants import RELEASE, Rights, kafka_lines, rights, sql
from agora.settings import Settings
from console.cli import Json, run_command
from console.docs import market
from console.output import Failure, Out

RELEASE_LENGTH_MAX: Final = 53
"""As long as the name of a release in a cluster may be."""


def grants(
    *,
    kafka: Annotated[bool, typer.Option("--kafka", help="As lines for kafka-acls.sh.")] = False,
    as_sql: Annotated[bool, typer.Option("--sql", help="As SQL for psql: databases and roles, no passwords.")] = False,
    release: Annotated[str, typer.Option("--release", help="What Kafka's users are called after.")] = RELEASE,
    as_json: Json = False,
) -> None:
    """Show what each process has to be allowed in Kafka and PostgreSQL, and that is all it may do."""

    async def work(settings: Settings, out: Out) -> int:
        if kafka and as_sql:
            raise Failure("choose one of --kafka and --sql")
        if len(release) > RELEASE_LENGTH_MAX or not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", release):
            raise Failure(f"--release should be {RELEASE_LENGTH_MAX} of a to z, 0 to 9 and - at most")
        found = known()
        values = _values(found, release, settings.namespace)
        if kafka:
            out.result(values, lambda console: _plain(console, kafka_page(found, release, settings.namespace)))
        elif as_sql:
            out.result(values, lambda console: _plain(console, sql_page(found, settings.namespace)))
        else:
            out.result(values, lambda console: console.print(_table(found, release, settings.namespace)))
        return 0

    run_command(work, as_json=as_json)


def known() -> tuple[Rights, ...]:
    """The rights of every process of this marketplace."""
    return rights(market(), {name: discovery.views(name) for name in discovery.folders()})


def kafka_page(found: Sequence[Rights], release: str, namespace: str) -> str:
    """Everybody's rights in Kafka, as a shell script."""
    return "\n".join(line for one in found for line in kafka_lines(one.grants(release, namespace)))


def sql_page(found: Sequence[Rights], namespace: str) -> str:
    """Every database and role, as a script for psql."""
    names = [names for one in found if (names := one.postgres(namespace))]
    passwords = [f'--   \\password "{role}"' for one in names for role in (one.owner, one.role)]
    return "\n".join(
        (
            "\\set ON_ERROR_STOP on",
            *map(sql, names),
            "-- Nobody can log in before each role has its password:",
            *passwords,
        )
    )


def _values(found: Sequence[Rights], release: str, namespace: str) -> dict[str, Any]:
    return {
        "kafka": [grant._asdict() for one in found for grant in one.grants(release, namespace)],
        "postgres": [
            {"service": one.name, "database": names.database, "role": names.role, "owner": names.owner}
            for one in found
            if (names := one.postgres(namespace))
        ],
    }


def _table(found: Sequence[Rights], release: str, namespace: str) -> Table:
    table = Table("Process", "In Kafka may", "In PostgreSQL has", show_lines=True)
    for one in found:
        names = one.postgres(namespace)
        groups = [name for group in one.groups for name in (group, f"{group}.*" if one.shares else "") if name]
        does = {"read": one.reads, "write": one.writes, "make": one.makes, "join": groups}
        may = [f"{verb} {' '.join(namespace + name for name in those)}" for verb, those in does.items() if those]
        has = f"{names.database}\nworks as {names.role}\nmigrates as {names.owner}" if names else ""
        table.add_row(f"{one.name}\n{one.user(release)}", "\n".join(may), has)
    return table


def _plain(console: Console, words: str) -> None:
    console.print(words, soft_wrap=True, markup=False)
