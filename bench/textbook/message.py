"""What travels on the topics: one event for one subject, with what it takes to recognise and to trace it."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, Field

from agora.event import Event, Subject


class Message(BaseModel):
    """An event as one subject hears it."""

    id: str = Field(default_factory=lambda: str(uuid4()))
    type: str
    subject: str
    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    correlation_id: str
    causation_id: str
    data: dict[str, Any]


def messages(event: Event, correlation_id: str, causation_id: str) -> list[tuple[str, Message]]:
    """One message for each subject the event concerns, with the topic it goes to."""
    return [
        (concerned.stream.name, _message(event.seen_by(concerned), concerned, correlation_id, causation_id))
        for concerned in event.concerns()
    ]


def _message(event: Event, concerned: Subject, correlation_id: str, causation_id: str) -> Message:
    return Message(
        type=event.wire_name,
        subject=concerned.id,
        correlation_id=correlation_id,
        causation_id=causation_id,
        data=event.model_dump(mode="json"),
    )
