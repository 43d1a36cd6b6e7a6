"""What happened, as a value: events, the streams they travel on, and the subjects they concern."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError


@dataclass(frozen=True, slots=True)
class Stream:
    """The topic of one kind of subject, such as ``buyers``; the record key is the subject id."""

    name: str

    def __call__(self, subject: str) -> "Subject":
        """Name one subject of this stream."""
        return Subject(self, subject)


class Subject(NamedTuple):
    """Whom an event is about: one agent's address in one stream."""

    stream: Stream
    id: str


class Event(BaseModel):
    """A fact (past tense) or a command (imperative). Frozen, validated when made, strict about types.

    A subclass is one version of one event. Its wire name is ``<Class>.v<version>``; ``command=True`` marks what may be
    asked from outside. A later version is a new class of the same name, ``class OrderPlaced(Event, version=2,
    replaces=before.OrderPlaced)``, with an ``upcast``; ``readable_since=1`` says that what it writes can still be read
    as any version from 1 on, so that services which do not know it yet go on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    version: ClassVar[int] = 1
    wire_name: ClassVar[str] = "Event.v1"
    command: ClassVar[bool] = False
    replaces: ClassVar["type[Event] | None"] = None
    readable_as: ClassVar[str] = ""
    """Wire names of the earlier versions as which this one can be read, latest first, comma-separated."""

    def __init_subclass__(
        cls,
        version: int = 1,
        *,
        command: bool = False,
        replaces: "type[Event] | None" = None,
        readable_since: int | None = None,
    ) -> None:
        super().__init_subclass__()
        name, previous = cls.__name__, replaces.version if replaces else 0
        if version != previous + 1 or (replaces and replaces.__name__ != name):
            raise TypeError(f"{name}, version {version}, must replace {name}, version {version - 1}")
        cls.version = version
        cls.command = command
        cls.wire_name = f"{name}.v{version}"
        cls.replaces = replaces
        cls.readable_as = ",".join(f"{name}.v{v}" for v in range(previous, (readable_since or version) - 1, -1))

    @classmethod
    def lineage(cls) -> "tuple[type[Event], ...]":
        """Itself and every version before it, latest first."""
        return (cls, *(cls.replaces.lineage() if cls.replaces else ()))

    @classmethod
    def upcast(cls, old: Any) -> Self:
        """Say what the version before said in the words of this one. Pure; every version but the first has one."""
        raise NotImplementedError(f"{cls.wire_name} does not say how {type(old).wire_name} becomes one")

    def concerns(self) -> Iterable[Subject]:
        """Every subject this event is about; it is published once to each one's stream."""
        raise NotImplementedError(type(self).__name__)

    def seen_by(self, subject: Subject) -> Self:
        """The part of this event that concerns ``subject``: all of it unless a subclass narrows it."""
        del subject
        return self


def fault_of(error: ValidationError) -> str:
    """The first thing wrong with an event's fields, such as ``lines.0.quantity: Field required``."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"
