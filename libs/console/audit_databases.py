"""Reads what each service's database can prove, all of one service's answers from one snapshot."""

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Final

import asyncpg

from agora import discovery
from agora.audit import RUNTIME_CHECKS, Check, Figure
from console.output import Failure

CONNECT_SECONDS_MAX: Final = 10
QUERY_SECONDS_MAX: Final = 600


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a service adds to the audit, from its ``audit.py``; nothing if it has none."""

    checks: tuple[Check, ...] = ()
    figures: tuple[Figure, ...] = ()

    @classmethod
    def of(cls, service: str) -> "Contribution":
        """Read the service's ``CHECKS`` and ``FIGURES``."""
        name = f"{discovery.PACKAGE}.{service}.audit"
        if find_spec(name) is None:
            return cls()
        module = import_module(name)
        return cls(module.CHECKS, module.FIGURES)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a partition stands: the next offset to hear, and the last number its outbox has given."""

    next_offset: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Answers:
    """One service's answers: the checks every service has, those of its own under its name, and its figures by key."""

    service: str
    runtime: Mapping[str, int]
    checks: Mapping[str, int]
    figures: Mapping[str, Mapping[str, int]]


def joined(answers: Sequence[Answers]) -> Answers:
    """What the databases of one service prove together: violations add up, and each figure is made of theirs."""
    service = answers[0].service
    return Answers(
        service,
        _added(one.runtime for one in answers),
        _added(one.checks for one in answers),
        {
            figure.name: figure.joined([one.figures[figure.name] for one in answers])
            for figure in Contribution.of(service).figures
        },
    )


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    summed = Counter[str]()
    for one in counts:
        summed.update(one)
    return dict(summed)


class Books:
    """One of a service's databases at one moment."""

    def __init__(self, service: str, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.service = service
        self._connection = connection
        self._contribution = Contribution.of(service)

    async def places(self) -> dict[int, Place]:
        """Where every partition stands."""
        rows = await self._connection.fetch("SELECT partition, next_offset, sequence FROM partitions")
        return {row["partition"]: Place(row["next_offset"], row["sequence"]) for row in rows}

    async def answers(self) -> "Answers":
        """Everything this database can prove."""
        own = await self._count(self._contribution.checks)
        return Answers(
            self.service,
            await self._count(RUNTIME_CHECKS),
            {f"{self.service}: {name}": count for name, count in own.items()},
            {figure.name: await self._read(figure) for figure in self._contribution.figures},
        )

    async def _count(self, checks: Iterable[Check]) -> dict[str, int]:
        return {check.name: int(await self._connection.fetchval(check.sql)) for check in checks}

    async def _read(self, figure: Figure) -> dict[str, int]:
        return {str(key): int(value) for key, value in await self._connection.fetch(figure.sql)}


@asynccontextmanager
async def open_books(service: str, url: str) -> AsyncGenerator[Books]:
    """Open a service's database for reading; nothing that happens from now on is seen."""
    try:
        connection = await asyncpg.connect(
            url,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=QUERY_SECONDS_MAX,
            server_settings={
                "application_name": "agora audit",
                "jit": "off",
                # All books stay open while one after the other is read; a service's role would be thrown out meanwhile.
                "idle_in_transaction_session_timeout": f"{QUERY_SECONDS_MAX}s",
            },
        )
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise Failure(f"the database of the service '{service}' cannot be reached: {error}") from error
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield Books(service, connection)
    except asyncpg.UndefinedTableError as error:
        raise Failure(
            f"the database of the service '{service}' is not migrated: {error}. Run: agora migrate"
        ) from error
    finally:
        await connection.close()
