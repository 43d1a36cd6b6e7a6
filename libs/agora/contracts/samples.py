"""Golden samples: records as they are published, kept as text to be read for ever."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from agora.contracts import extremes
from agora.envelope import HEADERS
from agora.event import Event, Stream, Subject
from agora.requests import Submitted
from agora.wire import Cause, data_of, iso, seal, trace_of

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOURCE: Final = "contracts-0"
REQUESTS: Final = Stream("requests")


@dataclass(frozen=True, slots=True)
class Sample:
    """One record: its stream, its key, its headers, and its value, all of them UTF-8 text."""

    stream: str
    key: str
    headers: tuple[tuple[str, str], ...]
    value: str

    @classmethod
    def of(cls, kept: dict[str, Any]) -> "Sample":
        """A sample from its JSON. Raises ``KeyError``, ``TypeError`` or ``ValueError`` if it is none."""
        headers = tuple((str(name), str(text)) for name, text in kept["headers"])
        return cls(str(kept["stream"]), str(kept["key"]), headers, str(kept["value"]))

    def json(self) -> dict[str, Any]:
        """As it is kept in a file."""
        return asdict(self)

    @property
    def record(self) -> "SampleRecord":
        """The record as the log would deliver it."""
        headers = tuple((name, text.encode()) for name, text in self.headers)
        return SampleRecord(self.key.encode(), self.value.encode(), headers)


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """A sample as a record of the log."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    partition: int = 0
    offset: int = 0
    timestamp: int = int(NOON.timestamp() * 1000)


def samples_of(event: type[Event]) -> tuple[Sample, ...]:
    """The least that can be said, and everything, as each stream concerned hears it.

    They follow from the class alone. Raises ``extremes.NothingSound``.
    """
    least, most = extremes.least(event), extremes.most(event)
    told = [(least, next(_concerned(least))), *((most, subject) for subject in _concerned(most))]
    return tuple(_sealed(event, subject, number + 1) for number, (event, subject) in enumerate(told))


def _concerned(event: Event) -> Iterator[Subject]:
    """The first subject of each stream, in the event's own order."""
    # A request is no fact about anybody yet: it stands under its own key.
    subjects = (REQUESTS(event.key),) if isinstance(event, Submitted) else event.concerns()
    firsts: dict[Stream, Subject] = {}
    for subject in subjects:
        firsts.setdefault(subject.stream, subject)
    return iter(firsts.values())


def _sealed(event: Event, subject: Subject, number: int) -> Sample:
    """Exactly what the runtime would publish."""
    seen = event if isinstance(event, Submitted) else event.seen_by(subject)
    cause = Cause(iso(NOON), "story-1", "contracts-1/1", trace_of("", "story-1"))
    value = seal(cause, SOURCE, number, event.wire_name, subject.id, data_of(seen), event.readable_as)
    return Sample(
        subject.stream.name, subject.id, tuple((name, text.decode()) for name, text in HEADERS), value.decode()
    )
