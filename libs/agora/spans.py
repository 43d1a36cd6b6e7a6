"""Traces made of the log: every record is one span of its story, since the log says all there is to know of it.

A span is one step as the log saw it: from when its cause was appended until the record itself was. In between the
cause was heard, decided, committed and relayed. Its ids are those of the record's ``traceparent``, so that whoever
reads that header elsewhere finds the span, and an outside caller's own trace goes on in ours.

An event that concerns several subjects is several records, and so several spans: each copy has an id, a place in the
log and a moment of its own, it is the copy that is heard, and what follows from it names the copy as its cause.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from typing import Final, NamedTuple

from agora.control import ErrorOccurred
from agora.envelope import Envelope, Undecodable, envelope_of
from agora.ports import Record
from agora.versions import split
from agora.wire import is_traceparent, span_of, trace_of

REMEMBERED_RECORDS_MAX: Final = 200_000
ATTRIBUTE_CHARS_MAX: Final = 256
SERVICE_PREFIX: Final = "agora-"
SEQUENCE_DIGITS_MAX: Final = 19
TIMESTAMP_MS_MAX: Final = 9_000_000_000_000  # in the year 2255; OTLP has nanoseconds in 64 bits
DOOR: Final = "-door"
"""What the sources of requests end with. They are in their door's database, never in the log."""


class Span(NamedTuple):
    """One record as a span. Ids are hexadecimal, ``parent`` is empty at the root; times are in ms since 1970.

    ``said_ms`` is when the event was given its time: when its cause was appended or, where a reminder, an outcome or
    an operator brought it about, then. What comes after it was the way through the turn and the outbox.
    """

    trace: str
    id: str
    parent: str
    name: str
    service: str
    started_ms: int
    said_ms: int
    ended_ms: int
    attributes: tuple[tuple[str, str | int], ...]
    is_failure: bool


class Unreadable(NamedTuple):
    """A record that is no event, and why."""

    stream: str
    record: Record
    reason: str


class Made(NamedTuple):
    """The spans of some records. ``repeated`` counts those left out, since they were made before."""

    spans: list[Span]
    repeated: int
    unreadable: list[Unreadable]


class SpanMaker:
    """Makes spans, and remembers when the latest records were appended, since what follows from them begins then.

    Of a cause that is forgotten, or not read yet, the event's own time is the next best: for all but reminders,
    outcomes and redriven events it is the same.
    """

    def __init__(self, remembered_max: int = REMEMBERED_RECORDS_MAX) -> None:
        self._remembered_max = remembered_max
        self._appended_ms: dict[str, int] = {}

    def spans(self, records: Iterable[tuple[str, Record]]) -> Made:
        """The spans of records, each given with its stream."""
        read: list[tuple[str, Record, Envelope, str]] = []
        unreadable: list[Unreadable] = []
        repeated = 0
        for stream, record in records:
            try:
                envelope = envelope_of(record)
            except Undecodable as error:
                unreadable.append(Unreadable(stream, record, str(error)))
                continue
            span = span_id(place_of(envelope))
            if self._remember(span, _in_range(record.timestamp)):
                read.append((stream, record, envelope, span))
            else:
                repeated += 1
        spans = [self._span(*one) for one in read]
        self._forget()
        return Made(spans, repeated, unreadable)

    def _remember(self, span: str, appended_ms: int) -> bool:
        """Whether it is new; a relay that starts again, and Kafka itself, may bring a record twice."""
        if span in self._appended_ms:
            return False
        self._appended_ms[span] = appended_ms
        return True

    def _span(self, stream: str, record: Record, envelope: Envelope, span: str) -> Span:
        correlation = envelope.correlationid or envelope.id
        ended = _in_range(record.timestamp)
        time = _milliseconds(envelope.time)
        said = ended if time is None else min(time, ended)
        started = min(self._appended_ms.get(span_id(envelope.causationid), said), ended)
        said = max(said, started)
        name, _ = split(envelope.type)
        return Span(
            trace_of(envelope.traceparent, correlation),
            span,
            _parent(envelope, span),
            name[:ATTRIBUTE_CHARS_MAX],
            service_of(envelope.source),
            started,
            said,
            ended,
            (
                ("cloudevents.event_type", envelope.type[:ATTRIBUTE_CHARS_MAX]),
                ("cloudevents.event_source", envelope.source),
                ("cloudevents.event_id", envelope.id),
                ("cloudevents.event_subject", envelope.subject),
                ("messaging.destination.name", stream),
                ("messaging.destination.partition.id", str(record.partition)),
                ("messaging.kafka.offset", record.offset),
                ("agora.story", correlation),
                ("agora.cause", envelope.causationid[:ATTRIBUTE_CHARS_MAX]),
                ("agora.outbox_ms_max", ended - said),
            ),
            name == ErrorOccurred.__name__,
        )

    def _forget(self) -> None:
        surplus = len(self._appended_ms) - self._remembered_max
        if surplus > 0:
            for span in list(islice(self._appended_ms, surplus)):
                del self._appended_ms[span]


def place_of(envelope: Envelope) -> str:
    """What a record is called in the causation of those that follow from it."""
    return f"{envelope.source}/{envelope.id}"


def span_id(place: str) -> str:
    """The span id of a record: the one of its ``traceparent``, if a service of ours has said it."""
    source, _, name = place.rpartition("/")
    if name.isascii() and name.isdigit() and name[0] != "0" and len(name) <= SEQUENCE_DIGITS_MAX:
        return span_of(source, int(name))
    return blake2b(place.encode(), digest_size=8, person=b"span").hexdigest()


@lru_cache(maxsize=1024)
def service_of(source: str) -> str:
    """Who said it: ``transaction-3`` is the service ``agora-transaction``; a foreign source goes by its own name."""
    name, _, partition = source.rpartition("-")
    return f"{SERVICE_PREFIX}{name}" if name and partition.isascii() and partition.isdigit() else source


def _parent(envelope: Envelope, own: str) -> str:
    """The span a record follows from, be it in somebody else's trace; empty where a story begins."""
    if is_traceparent(envelope.traceparent):
        given = envelope.traceparent[36:52]
        if given != own:
            return given  # a foreign producer names its own span there, which is not the record's
    cause = envelope.causationid
    if not cause or cause.rpartition("/")[0].endswith(DOOR):
        return ""
    return span_id(cause)


@lru_cache(maxsize=1024)
def _milliseconds(time: str) -> int | None:
    """RFC 3339 time in ms since 1970; ``None`` if it is none."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    return _in_range(round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000))


def _in_range(timestamp_ms: int) -> int:
    """What a span can hold: foreign clocks say anything."""
    return min(max(timestamp_ms, 0), TIMESTAMP_MS_MAX)
