"""One message, one session, one commit: state, outbox, inbox, reminders and rows together."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import delete, insert
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from agora.decision import Append, Forget, Put, Remind, Row, RowChange
from agora.event import Event
from agora.service import Service
from agora.turns import members
from bench.textbook.message import Message, messages
from bench.textbook.tables import OWN_TABLES, AgentState, OutboxMessage, ProcessedMessage, Reminder


class Handler:
    """Takes a service's messages, one at a time for each of its agents, since an agent is a key of one partition."""

    def __init__(self, service: Service, sessions: async_sessionmaker[AsyncSession]) -> None:
        self._service = service
        self._sessions = sessions
        self._states: TypeAdapter[Any] = TypeAdapter(service.state)
        self._consumes = {event.wire_name: event for event in members(service.consumes)}

    async def handle(self, message: Message) -> None:
        """Decide one message and commit what it changes; a message that was taken before changes nothing."""
        consumed = self._consumes.get(message.type)
        if consumed is None:
            return
        event = consumed.model_validate(message.data, strict=False)  # it was JSON, where a date is a string
        async with self._sessions.begin() as session:
            if await _is_new(session, message):
                await self._decide(session, message, event)

    async def _decide(self, session: AsyncSession, message: Message, event: Event) -> None:
        agent = await session.get(AgentState, message.subject, with_for_update=True)
        state = self._service.initial if agent is None else self._states.validate_python(agent.state)
        decision = self._service.decide(state, event, datetime.now(UTC))
        if decision.state is not None:
            document = self._states.dump_python(decision.state, mode="json")
            if agent is None:
                session.add(AgentState(subject=message.subject, state=document))
            else:
                agent.state = document
        await _publish(session, message, decision.publishes)
        for reminder in decision.reminders:
            await _remind(session, message, reminder)
        await _write(session, decision.rows)


async def _is_new(session: AsyncSession, message: Message) -> bool:
    inbox = upsert(ProcessedMessage).values(id=message.id, type=message.type).on_conflict_do_nothing()
    return (await session.execute(inbox.returning(ProcessedMessage.id))).first() is not None


async def _publish(session: AsyncSession, cause: Message, events: Iterable[Event]) -> None:
    rows = [
        {"topic": topic, "key": message.subject, "payload": message.model_dump_json().encode()}
        for event in events
        for topic, message in messages(event, cause.correlation_id, cause.id)
    ]
    if rows:
        await session.execute(insert(OutboxMessage), rows)


async def _remind(session: AsyncSession, cause: Message, reminder: Remind | Forget) -> None:
    if isinstance(reminder, Forget):
        await session.execute(
            delete(Reminder)
            .where(Reminder.subject == cause.subject, Reminder.name == reminder.name)
            .execution_options(synchronize_session=False)
        )
        return
    ((_, message),) = messages(reminder.event, cause.correlation_id, cause.id)
    row = {"due": reminder.at, "payload": message.model_dump_json().encode()}
    set_anew = upsert(Reminder).values(subject=cause.subject, name=reminder.name, **row)
    await session.execute(set_anew.on_conflict_do_update(index_elements=["subject", "name"], set_=row))


async def _write(session: AsyncSession, changes: Iterable[RowChange]) -> None:
    appended: dict[type[Row], list[dict[str, Any]]] = {}
    for change in changes:
        if isinstance(change, Append):
            appended.setdefault(type(change.row), []).append(asdict(change.row))
        elif isinstance(change, Put):
            values = asdict(change.row)
            put = upsert(OWN_TABLES[change.row.table]).values(values)
            await session.execute(put.on_conflict_do_update(index_elements=change.row.key, set_=values))
        else:
            key = dict(zip(change.table.key, change.key, strict=True))
            await session.execute(delete(OWN_TABLES[change.table.table]).filter_by(**key))
    for row_type, rows in appended.items():
        await session.execute(insert(OWN_TABLES[row_type.table]), rows)
