"""The polling relay: unsent outbox rows go to Kafka one by one, and are deleted once all of a batch have arrived."""

import asyncio
from datetime import UTC, datetime
from typing import Final

from faststream.kafka import KafkaBroker
from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from bench.textbook.tables import OutboxMessage, Reminder

BATCH_ROWS_MAX: Final = 100
IDLE_SECONDS: Final = 0.05
REMINDERS_SECONDS: Final = 0.5
HEADERS: Final = {"content-type": "application/json"}


async def relay(sessions: async_sessionmaker[AsyncSession], broker: KafkaBroker, prefix: str) -> None:
    """Publish for ever; look again at once when there was something."""
    while True:
        if not await _publish_batch(sessions, broker, prefix):
            await asyncio.sleep(IDLE_SECONDS)


async def remind(sessions: async_sessionmaker[AsyncSession], topic: str) -> None:
    """Move reminders that are due into the outbox, for ever."""
    while True:
        await _fire_batch(sessions, topic)
        await asyncio.sleep(REMINDERS_SECONDS)


async def _publish_batch(sessions: async_sessionmaker[AsyncSession], broker: KafkaBroker, prefix: str) -> int:
    unsent = (
        select(OutboxMessage.id, OutboxMessage.topic, OutboxMessage.key, OutboxMessage.payload)
        .order_by(OutboxMessage.id)
        .limit(BATCH_ROWS_MAX)
        .with_for_update(skip_locked=True)
    )
    async with sessions.begin() as session:
        rows = (await session.execute(unsent)).all()
        for _, topic, key, payload in rows:
            await broker.publish(payload, topic=prefix + topic, key=key.encode(), headers=HEADERS)
        if rows:
            sent = delete(OutboxMessage).where(OutboxMessage.id.in_([row.id for row in rows]))
            await session.execute(sent.execution_options(synchronize_session=False))
    return len(rows)


async def _fire_batch(sessions: async_sessionmaker[AsyncSession], topic: str) -> None:
    due = (
        select(Reminder.subject, Reminder.name, Reminder.payload)
        .where(Reminder.due <= datetime.now(UTC))
        .order_by(Reminder.due)
        .limit(BATCH_ROWS_MAX)
        .with_for_update(skip_locked=True)
    )
    async with sessions.begin() as session:
        rows = (await session.execute(due)).all()
        if rows:
            fired = [{"topic": topic, "key": row.subject, "payload": row.payload} for row in rows]
            await session.execute(insert(OutboxMessage), fired)
            keys = [(row.subject, row.name) for row in rows]
            gone = delete(Reminder).where(tuple_(Reminder.subject, Reminder.name).in_(keys))
            await session.execute(gone.execution_options(synchronize_session=False))
