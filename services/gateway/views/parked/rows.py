"""The rows of the view of failed turns."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from agora.decision import Row


@dataclass(frozen=True, slots=True)
class Failure(Row):
    """A turn or an activity of an agent that failed."""

    table: ClassVar[str] = "failures"
    key: ClassVar[tuple[str, ...]] = ("partition", "log_offset")
    append_only: ClassVar[bool] = True

    partition: int
    log_offset: int
    service: str
    agent: str
    cause_type: str
    cause: str
    error: str
    story: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class OperatorWord(Row):
    """What an operator said of a parked agent: ``redrive`` it, or ``skip`` the first of its events."""

    table: ClassVar[str] = "operator_words"
    key: ClassVar[tuple[str, ...]] = ("stream", "partition", "log_offset")
    append_only: ClassVar[bool] = True

    stream: str
    partition: int
    log_offset: int
    service: str
    agent: str
    word: str
    said_at: datetime
