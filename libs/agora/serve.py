"""One service as a process: waits for what it needs, checks its database's revision, then works until told to stop.

``python -m agora.serve NAME`` is what a market starts: it carries neither the command line nor the migration tools.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

import asyncpg
import uvloop
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from agora import discovery
from agora.entrust import fault_of_database, fault_of_topic
from agora.identity import absence, identity_of
from agora.kafka import started
from agora.login import login, reach, why
from agora.logs import log_as_json
from agora.partition import HistoryLost
from agora.ports import Unavailable
from agora.postgres import PostgresStore
from agora.revision import RevisionError, check
from agora.rewound import check_offsets
from agora.run import Patience, Worker
from agora.service import Service
from agora.settings import PARTITIONS_MAX, Settings, SettingsError
from agora.shares import Share, group_of

if TYPE_CHECKING:
    from agora.watch import Watch

READY: Final = "ready"
INTERRUPTED: Final = 130
RETRY_SECONDS: Final = 1.0
STOP_SECONDS_MAX: Final = 10.0
READY_POLL_SECONDS: Final = 0.05
COLLECT_AFTER: Final = (50_000, 50, 100)
"""Allocations of the first generation, and collections of each until the next; Python's own are 700, 10 and 10."""

log = logging.getLogger("agora.service")

_ACCEPT_LOSS: Final = "DELETE FROM log_identity WHERE stream = '{stream}'; UPDATE partitions SET next_offset = 0"

AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.TooManyConnectionsError,
)
NO_ENTRY: Final = (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)


class ServeError(RuntimeError):
    """A service cannot work; the message says what happened and what to do next."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where one service works, and where it can be watched at it, if anywhere. Without a share it is all partitions."""

    kafka: str
    database: str
    namespace: str
    watch: str | None = None
    share: Share | None = None
    patience: Patience = Patience()  # noqa: RUF009 - it never changes


async def serve(service: Service, address: Address, *, attended: bool) -> int:
    """Run one service. Attended, it ends when its standard input closes: whoever started it is gone.

    Raises ``ServeError`` or ``RevisionError`` if it cannot work, with what to do next.
    """
    log_as_json(service.name)
    login()  # before anything is waited for
    if service.ingress and address.share:
        raise ServeError(f"AGORA_SHARE: '{service.name}' hears no stream, so it has no partitions to share. Unset it")
    _collect_seldom()
    if attended:
        threading.Thread(target=_await_the_starters_end, daemon=True).start()
    async with _watched(service, address.watch) as watch:
        return await _serve(service, address, watch)


@asynccontextmanager
async def _watched(service: Service, at: str | None) -> "AsyncGenerator[Watch | None]":
    if at is None:
        yield None
        return
    from agora.shown import WatchError  # noqa: PLC0415 - who is not watched does not carry it
    from agora.watch import open_watch  # noqa: PLC0415 - the same

    try:
        watch = await asyncio.to_thread(open_watch, service, at)
    except WatchError as error:
        raise ServeError(str(error)) from None
    async with watch:
        yield watch


async def _serve(service: Service, address: Address, watch: "Watch | None") -> int:
    folder = discovery.folders()[service.name] / "migrations"
    while True:
        _leave_when_told()
        await _await_database(address.database, folder)
        identity = await await_topic(address, service.stream.name)
        try:
            if service.front:
                return await import_module(service.front).work(service, address, watch)
            return await _work(service, address, identity, watch)
        except KafkaError as error:
            log.warning("waiting for Kafka at %s: %s", address.kafka, await why(error, address.kafka))
            await asyncio.sleep(RETRY_SECONDS)
        except Unavailable as away:
            log.warning("waiting for %s", away)
            await asyncio.sleep(RETRY_SECONDS)
        except HistoryLost as lost:
            raise ServeError(str(lost)) from None


def _leave_when_told() -> None:
    """While servers are waited for, nothing is under way that would have to be ended first."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, os._exit, 0)


async def _work(service: Service, address: Address, identity: str, watch: "Watch | None") -> int:
    worker = Worker(service, address.kafka, address.database, address.namespace, address.share, address.patience)
    try:
        await _compare_shares(worker.store, service, address.share)
        await _compare_logs(worker.store, service, identity)
        await _compare_times(worker.store, service, address)
    except BaseException:
        await worker.store.close()
        raise
    told: list[int] = []

    @worker.app.after_startup
    async def _listen_for_the_end() -> None:
        loop = asyncio.get_running_loop()

        def stop(code: int) -> None:
            told.append(code)
            worker.app.exit()

        loop.add_signal_handler(signal.SIGINT, stop, INTERRUPTED)
        loop.add_signal_handler(signal.SIGTERM, stop, 0)

    ready = asyncio.create_task(_say_when_ready(worker))
    try:
        with watch.following(worker.engine, worker) if watch else nullcontext():
            await worker.run()
    finally:
        ready.cancel()
    log.info("stopped")
    return told[0] if told else 0


async def _compare_shares(store: PostgresStore, service: Service, share: Share | None) -> None:
    """No partition is served from two databases. Raises ``ServeError`` if this one was made for other partitions."""
    if fault := await fault_of_database(store, service.name, share):
        raise ServeError(fault)


async def _compare_logs(store: PostgresStore, service: Service, identity: str) -> None:
    """An offset means nothing in another log. Raises ``ServeError`` if the database follows another."""
    known = await store.identify(service.stream.name, identity)
    if known != identity:
        raise ServeError(
            f"the database of '{service.name}' follows the stream '{service.stream.name}' of {known}, but Kafka has "
            f"{identity}: the topic was made anew, or AGORA_KAFKA is another cluster. Go back to the one it follows; "
            "or, to accept that what it held is lost, in this database: "
            f"{_ACCEPT_LOSS.format(stream=service.stream.name)}"
        )


async def _compare_times(store: PostgresStore, service: Service, address: Address) -> None:
    """Raises ``HistoryLost`` if the database was restored, and is behind what it has said, or the log is behind it."""
    group = group_of(service.name, address.namespace, address.share)
    topic = address.namespace + service.stream.name
    await check_offsets(address.kafka, group, topic, service.name, await store.next_offsets())


async def _say_when_ready(worker: Worker) -> None:
    while not worker.engine.owned:
        await asyncio.sleep(READY_POLL_SECONDS)
    log.info(READY)


async def _await_database(url: str, folder: Path) -> None:
    """Wait for PostgreSQL. Raises ``RevisionError`` if this code may not run on the database as it is."""
    while True:
        try:
            await check(url, folder)
            return  # noqa: TRY300 - the handlers below go round again
        except NO_ENTRY as error:
            raise ServeError(f"{error}. Check AGORA_DATABASE, or make the databases with: agora migrate") from None
        except AWAY as error:
            log.warning("waiting for PostgreSQL: %s", error or type(error).__name__)
        await asyncio.sleep(RETRY_SECONDS)


async def await_topic(address: Address, stream: str) -> str:
    """Wait for Kafka, and for the stream's topic; return which log it is."""
    topic = address.namespace + stream
    while True:
        admin = AIOKafkaAdminClient(**reach(address.kafka))
        try:
            await started(admin)
            if topic in await admin.list_topics():
                if address.share and (fault := await fault_of_topic(admin, topic, address.share)):
                    raise ServeError(fault)
                return await identity_of(admin, topic)
            log.warning("waiting for the topic '%s': %s", topic, await absence(admin, topic))
        except (KafkaError, OSError) as error:
            log.warning("waiting for Kafka at %s: %s", address.kafka, await why(error, address.kafka))
        finally:
            await admin.close()
        await asyncio.sleep(RETRY_SECONDS)


def _await_the_starters_end() -> None:
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS_MAX)
    os._exit(1)


def _collect_seldom() -> None:
    """States and events hold no cycles: to look for some among all agents in memory cost a tenth of the throughput."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


def address_of(service: str, settings: Settings) -> Address | None:
    """Where the environment says that a service works; ``None`` if it says nothing. Raises ``ServeError`` at a half."""
    if settings.kafka and settings.database:
        return address_at(settings.kafka, settings.database, settings.namespace, settings)
    if settings.database or settings.kafka:
        missing = "AGORA_KAFKA (host:port)" if settings.database else "AGORA_DATABASE (the service's own database)"
        raise ServeError(f"set {missing} as well, to run '{service}' on its own")
    return None


def address_at(kafka: str, database: str, namespace: str, settings: Settings) -> Address:
    """The same where it is known from elsewhere."""
    patience = Patience(settings.turn_seconds, settings.stop_seconds)
    return Address(kafka, database, namespace, settings.watch, share_of(settings), patience)


def share_of(settings: Settings) -> Share | None:
    """The partitions that the environment says are served here; ``None`` for all."""
    return Share.parse(settings.share, PARTITIONS_MAX) if settings.share else None


def main() -> int:
    """Run the service named on the command line, attended by whoever started it; return the exit code."""
    log_as_json(sys.argv[1])
    try:
        service = discovery.service(sys.argv[1])
        address = address_of(service.name, Settings.read())
        if address is None:
            raise ServeError("set AGORA_KAFKA and AGORA_DATABASE")  # noqa: TRY301 - one place says what went wrong
        return uvloop.run(serve(service, address, attended=True))
    except (LookupError, SettingsError, ServeError, RevisionError) as error:
        log.error("%s", error)  # noqa: TRY400 - the message is for people, a traceback is not
        return 1


if __name__ == "__main__":
    sys.exit(main())
