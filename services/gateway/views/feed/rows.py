"""The feed's one row."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row


@dataclass(frozen=True, slots=True)
class FeedRecord(Row):
    """One record of one stream; ``data`` is the event's JSON. The database numbers the rows as they are committed.

    An event is told once to every subject it concerns; ``whole`` marks the copy for the first, which sees all of it.
    """

    table: ClassVar[str] = "feed"
    key: ClassVar[tuple[str, ...]] = ("stream", "partition", "log_offset")
    append_only: ClassVar[bool] = True

    stream: str
    partition: int
    log_offset: int
    subject: str
    source: str
    id: str
    type: str
    story: str
    causation: str
    at: datetime
    whole: bool
    data: str
