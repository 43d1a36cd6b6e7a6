"""What happened, as a value: events, the streams they travel on, and the subjects they concern."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True, slots=True)
class Stream:
    """The topic of one kind of subject, such as ``buyers``; the record key is the subject id."""

    name: str

    def __call__(self, subject: str) -> "Subject":
        """Name one subject of this stream."""
        return Subject(self, subject)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an event is about: one agent's address in one stream."""

    stream: Stream
    id: str


class Event(BaseModel):
    """A fact (past tense) or a command (imperative). Frozen, validated when made, strict about types.

    A subclass is one version of one event. Its wire name is ``<Class>.v<version>``; say
    ``class OrderPlaced(Event, version=2)`` for a later one, and ``command=True`` for what may be asked from outside.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    version: ClassVar[int] = 1
    wire_name: ClassVar[str] = "Event.v1"
    command: ClassVar[bool] = False

    def __init_subclass__(cls, version: int = 1, *, command: bool = False) -> None:
        super().__init_subclass__()
        cls.version = version
        cls.command = command
        cls.wire_name = f"{cls.__name__}.v{version}"

    def concerns(self) -> Iterable[Subject]:
        """Every subject this event is about; it is published once to each one's stream."""
        raise NotImplementedError(type(self).__name__)

    def seen_by(self, subject: Subject) -> Self:
        """The part of this event that concerns ``subject``: all of it unless a subclass narrows it."""
        del subject
        return self
