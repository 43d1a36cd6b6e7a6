"""One service as a FastStream application."""

import asyncio
from typing import Final

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

from agora.service import Service
from bench.textbook.handler import Handler
from bench.textbook.message import Message
from bench.textbook.relay import relay, remind

WORKERS: Final = 4


def connect(database: str) -> AsyncEngine:
    """A pool with a connection for each worker, the relay and the reminders."""
    url = database.replace("postgresql://", "postgresql+asyncpg://", 1)
    return create_async_engine(url, pool_size=WORKERS + 2, max_overflow=0)


def application(service: Service, bootstrap: str, database: str, prefix: str) -> FastStream:
    """The service, ready to run: ``prefix`` stands before every topic and consumer group."""
    engine = connect(database)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    handler = Handler(service, sessions)
    broker = KafkaBroker(bootstrap, acks="all", enable_idempotence=True, logger=None)
    app = FastStream(broker, logger=None)
    loops: list[asyncio.Task[None]] = []

    @broker.subscriber(
        prefix + service.stream.name,
        group_id=prefix + service.name,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        max_workers=WORKERS,
    )
    async def hear(message: Message) -> None:  # pyright: ignore[reportUnusedFunction] - the broker calls it
        await handler.handle(message)

    @app.after_startup
    async def start() -> None:  # pyright: ignore[reportUnusedFunction] - the application calls it
        loops.append(asyncio.create_task(relay(sessions, broker, prefix)))
        loops.append(asyncio.create_task(remind(sessions, service.stream.name)))

    @app.on_shutdown
    async def stop() -> None:  # pyright: ignore[reportUnusedFunction] - the application calls it
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)

    @app.after_shutdown
    async def close() -> None:  # pyright: ignore[reportUnusedFunction] - the application calls it
        await engine.dispose()

    return app
