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
from agora.identity import identity_of
from agora.logs import log_as_json
from agora.partition import HistoryLost
from agora.ports import Unavailable
from agora.postgres import PostgresStore
from agora.revision import RevisionError, check
from agora.run import Worker
from agora.service import Service
from agora.settings import Settings, SettingsError

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

_ACCEPT_LOSS: Final = "DELETE FROM log_identity; UPDATE partitions SET next_offset = 0"

_AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.TooManyConnectionsError,
)
_NO_ENTRY: Final = (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)


class ServeError(RuntimeError):
    """A service cannot work; the message says what happened and what to do next."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where one service works, and where it can be watched at it, if anywhere."""

    kafka: str
    database: str
    namespace: str
    watch: str | None = None


async def serve(service: Service, address: Address, *, attended: bool) -> int:
    """Run one service. Attended, it ends when its standard input closes: whoever started it is gone.

    Raises ``ServeError`` or ``RevisionError`` if it cannot work, with what to do next.
    """
    log_as_json(service.name)
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
    from agora.watch import WatchError, open_watch  # noqa: PLC0415 - who is not watched does not carry it

    try:
        watch = await asyncio.to_thread(open_watch, service, at)
    except WatchError as error:
        raise ServeError(str(error)) from None
    async with watch:
        yield watch


async def _serve(service: Service, address: Address, watch: "Watch | None") -> int:
    folder = discovery.folders()[service.name] / "migrations"
    while True:
        await _await_database(address.database, folder)
        identity = await _await_topic(address, service.stream.name)
        try:
            if service.front:
                return await import_module(service.front).work(service, address, watch)
            return await _work(service, address, identity, watch)
        except KafkaError as error:
            log.warning("waiting for Kafka at %s: %s", address.kafka, type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
        except Unavailable as away:
            log.warning("waiting for %s", away)
            await asyncio.sleep(RETRY_SECONDS)
        except HistoryLost as lost:
            raise ServeError(str(lost)) from None


async def _work(service: Service, address: Address, identity: str, watch: "Watch | None") -> int:
    worker = Worker(service, address.kafka, address.database, address.namespace)
    try:
        await _compare_logs(worker.store, service, identity)
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


async def _compare_logs(store: PostgresStore, service: Service, identity: str) -> None:
    """An offset means nothing in another log. Raises ``ServeError`` if the database follows another."""
    known = await store.identify(service.stream.name, identity)
    if known != identity:
        raise ServeError(
            f"the database of '{service.name}' follows the stream '{service.stream.name}' of {known}, but Kafka has "
            f"{identity}: the topic was made anew, or AGORA_KAFKA is another cluster. Go back to the one it follows; "
            f"or, to accept that what it held is lost, in this database: {_ACCEPT_LOSS}"
        )


async def _say_when_ready(worker: Worker) -> None:
    while not worker.engine.owned:
        await asyncio.sleep(READY_POLL_SECONDS)
    log.info(READY)


async def _await_database(url: str, folder: Path) -> None:
    """Wait for PostgreSQL. Raises ``RevisionError`` if the database is at another revision than this code."""
    while True:
        try:
            return await check(url, folder)
        except _NO_ENTRY as error:
            raise ServeError(f"{error}. Check AGORA_DATABASE, or make the databases with: agora migrate") from None
        except _AWAY as error:
            log.warning("waiting for PostgreSQL: %s", error or type(error).__name__)
        await asyncio.sleep(RETRY_SECONDS)


async def _await_topic(address: Address, stream: str) -> str:
    """Wait for Kafka, and for the stream's topic; return which log it is."""
    topic = address.namespace + stream
    while True:
        admin = AIOKafkaAdminClient(bootstrap_servers=address.kafka)
        try:
            await admin.start()
            if topic in await admin.list_topics():
                return await identity_of(admin, topic)
            log.warning("waiting for the topic '%s'; it is made by: agora migrate", topic)
        except (KafkaError, OSError) as error:
            log.warning("waiting for Kafka at %s: %s", address.kafka, type(error).__name__)
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
        return Address(settings.kafka, settings.database, settings.namespace, settings.watch)
    if settings.database or settings.kafka:
        missing = "AGORA_KAFKA (host:port)" if settings.database else "AGORA_DATABASE (the service's own database)"
        raise ServeError(f"set {missing} as well, to run '{service}' on its own")
    return None


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
