"""One service as a process: waits for what it needs, checks its database's revision, then works until told to stop."""

import asyncio
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from agora import discovery, migrations
from agora.run import Worker
from agora.service import Service
from agora.settings import Settings
from agora.turns import HistoryLost
from console import site as sites
from console.children import READY
from console.output import INTERRUPTED, Failure

RETRY_SECONDS: Final = 1.0
READY_POLL_SECONDS: Final = 0.05

log = logging.getLogger("agora.service")

_AWAY: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InterfaceError,
    asyncpg.TooManyConnectionsError,
)
_NO_ENTRY: Final = (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)


@dataclass(frozen=True, slots=True)
class Address:
    """Where one service works."""

    kafka: str
    database: str
    namespace: str


async def serve(service: Service, settings: Settings, *, attended: bool) -> int:
    """Run one service. Attended, it ends when its standard input closes: whoever started it is gone."""
    if attended:
        threading.Thread(target=_await_the_starters_end, daemon=True).start()
    address = find(service.name, settings)
    folder = discovery.folders()[service.name] / "migrations"
    while True:
        await _await_database(address.database, folder)
        await _await_topic(address, service.stream.name)
        try:
            return await _work(service, address)
        except KafkaError as error:
            log.warning("waiting for Kafka at %s: %s", address.kafka, type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
        except HistoryLost as lost:
            raise Failure(str(lost)) from None


def find(service: str, settings: Settings) -> Address:
    """From the environment, or from the market that is running here."""
    if settings.kafka and settings.database:
        return Address(settings.kafka, settings.database, settings.namespace)
    if settings.database or settings.kafka:
        missing = "AGORA_KAFKA (host:port)" if settings.database else "AGORA_DATABASE (the service's own database)"
        raise Failure(f"set {missing} as well, to run '{service}' on its own")
    site = sites.running(settings.home)
    if site is None or not site.databases:
        raise Failure(
            f"'{service}' needs AGORA_KAFKA (host:port) and AGORA_DATABASE (its own database's URL), or a market that "
            "runs here. Start one with: agora up"
        )
    return Address(site.kafka, site.database(service), site.namespace)


def log_as_json() -> None:
    """One JSON object per line on standard error, whichever library speaks."""
    chain: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
    ]
    last = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name, level in (("aiokafka", logging.ERROR), ("faststream", logging.ERROR), ("alembic", logging.WARNING)):
        logging.getLogger(name).setLevel(level)


async def _work(service: Service, address: Address) -> int:
    worker = Worker(service, address.kafka, address.database, address.namespace)
    told: list[int] = []

    @worker.app.after_startup
    async def _listen_for_the_end() -> None:
        loop = asyncio.get_running_loop()

        def stop(code: int) -> None:
            told.append(code)
            worker.app.exit()

        loop.add_signal_handler(signal.SIGINT, stop, INTERRUPTED)
        loop.add_signal_handler(signal.SIGTERM, stop, 0)

    ready = asyncio.create_task(_say_when_ready(worker, service.name))
    try:
        await worker.run()
    finally:
        ready.cancel()
    log.info("stopped")
    return told[0] if told else 0


async def _say_when_ready(worker: Worker, name: str) -> None:
    while not worker.engine.owned:
        await asyncio.sleep(READY_POLL_SECONDS)
    log.info(READY, extra={"service": name})


async def _await_database(url: str, folder: Path) -> None:
    """Wait for PostgreSQL. Raises ``MigrationError`` if the database is at another revision than this code."""
    while True:
        try:
            return await migrations.check(url, folder)
        except _NO_ENTRY as error:
            raise Failure(f"{error}. Check AGORA_DATABASE, or make the databases with: agora migrate") from None
        except _AWAY as error:
            log.warning("waiting for PostgreSQL: %s", error or type(error).__name__)
        await asyncio.sleep(RETRY_SECONDS)


async def _await_topic(address: Address, stream: str) -> None:
    """Wait for Kafka, and for the stream's topic."""
    topic = address.namespace + stream
    while True:
        admin = AIOKafkaAdminClient(bootstrap_servers=address.kafka)
        try:
            await admin.start()
            if topic in await admin.list_topics():
                return
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
