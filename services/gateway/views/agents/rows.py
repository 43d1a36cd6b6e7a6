"""The row of the view of agents."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row


@dataclass(frozen=True, slots=True)
class AgentCard(Row):
    """A subject of a stream: how many records concern it, and the last of them."""

    table: ClassVar[str] = "agent_cards"
    key: ClassVar[tuple[str, ...]] = ("stream", "subject")

    stream: str
    subject: str
    records: int = 0
    last_type: str = ""
    last_at: datetime | None = None
    registered_at: datetime | None = None
    refused_at: datetime | None = None
