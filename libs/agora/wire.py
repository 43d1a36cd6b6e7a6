"""Events on the wire: what a service hears is opened, what it says is sealed."""

import re
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec
from pydantic import ValidationError

from agora.envelope import (
    EVENT_BYTES_MAX,
    REASON_CHARS_MAX,
    SPECVERSION,
    Envelope,
    Undecodable,
    envelope_of,
    number_of,
)
from agora.event import Event, fault_of
from agora.ports import Record
from agora.versions import Opener, Unread, openers, split

READABLE_VERSIONS_MAX: Final = 16
_TRACEPARENT: Final = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


class UnknownType(Undecodable):
    """An event nobody has told this code of, such as one of a service that joined later."""


class EventTooLarge(ValueError):
    """An event that Kafka would not take; refused before the commit, since it would block its outbox for ever."""


class Heard(NamedTuple):
    """A record that was read: the event for ``subject``, where it came from, and the story it belongs to.

    ``sequence`` is 0 for a producer that numbers nothing.
    """

    record: Record
    subject: str
    event: Event
    type: str
    source: str
    id: str
    sequence: int
    correlation: str
    causation: str
    traceparent: str


_encode: Final = msgspec.json.Encoder().encode


class Codec:
    """Reads the events a service knows, in every version there has been.

    ``consumes`` are opened; the rest of ``known`` is passed over.
    """

    def __init__(self, consumes: Iterable[type[Event]], known: Iterable[type[Event]]) -> None:
        heard = tuple(consumes)
        self._openers = openers(heard)
        self._heard = frozenset(event.__name__ for event in heard)
        self._known = frozenset(event.__name__ for event in (*heard, *known))

    def open(self, record: Record) -> Heard | None:
        """Read one record; ``None`` if it is a known event that this service does not consume.

        An event of a later version than this code knows is read as the version its producer says it can be read as,
        or else comes as ``Unread``. Raises ``Undecodable``, ``UnknownType`` where even the name is unknown.

        Both are for numbered records: a service knows what it says, a foreign producer may have got the name wrong.
        """
        envelope = envelope_of(record)
        wire_name = envelope.type
        opener = self._openers.get(wire_name)
        if opener is None:
            wire_name, opener = self._stand_in(envelope)
            if opener is None:
                return None
        return Heard(
            record,
            envelope.subject,
            open_data(opener, envelope),
            wire_name,
            envelope.source,
            envelope.id,
            number_of(envelope),
            envelope.correlationid or envelope.id,
            envelope.causationid,
            envelope.traceparent if is_traceparent(envelope.traceparent) else "",
        )

    def _stand_in(self, envelope: Envelope) -> tuple[str, Opener | None]:
        for readable in envelope.readableas.split(",", READABLE_VERSIONS_MAX):
            if opener := self._openers.get(readable):
                return readable, opener
        name, version = split(envelope.type)
        numbered = number_of(envelope) > 0
        if name not in self._known:
            fault = UnknownType if numbered else Undecodable
            raise fault(f"unknown type or version: {envelope.type[:100]}")
        if name not in self._heard:
            return envelope.type, None
        if not version or not numbered:
            raise Undecodable(f"unknown type or version: {envelope.type[:100]}")
        unread = Unread(reason=f"unknown version: {envelope.type[:100]}; run a release that knows it, then redrive")
        return envelope.type, lambda _: unread


def open_data(opener: Opener, envelope: Envelope) -> Event:
    """The event inside an envelope, ``Unread`` where an upcast fails. Raises ``Undecodable``."""
    try:
        return opener(bytes(envelope.data))
    except ValidationError as error:
        raise Undecodable(f"{envelope.type[:100]}: data.{fault_of(error)}"[:REASON_CHARS_MAX]) from None
    except Exception as error:  # noqa: BLE001 - an upcast is a decision's kin: whatever it raises stops one agent alone
        return Unread(
            reason=f"{envelope.type[:100]} cannot be upcast: {type(error).__name__}: {error}"[:REASON_CHARS_MAX]
        )


def data_of(event: Event) -> bytes:
    """The JSON of an event's own fields."""
    return event.__pydantic_serializer__.to_json(event)


class Cause(NamedTuple):
    """What every event of one turn has in common."""

    time: str
    correlation: str
    causation: str
    trace: str


def seal(
    cause: Cause, source: str, sequence: int, wire_name: str, subject: str, data: bytes, readable_as: str = ""
) -> bytes:
    """The record value of one event: number ``sequence`` of ``source``. Raises ``EventTooLarge``."""
    number = str(sequence)
    value = _encode(
        Envelope(
            SPECVERSION,
            number,
            source,
            wire_name,
            subject,
            cause.time,
            "application/json",
            _dataschema(wire_name),
            cause.correlation,
            cause.causation,
            f"00-{cause.trace}-{span_of(source, sequence)}-01",
            number,
            readable_as,
            msgspec.Raw(data),
        )
    )
    if len(value) > EVENT_BYTES_MAX:
        raise EventTooLarge(f"{wire_name} for {subject} is {len(value):,} bytes; Kafka takes {EVENT_BYTES_MAX:,}")
    return value


def renumbered(envelope: Envelope, sequence: int) -> bytes:
    """The record value of an event that was sealed under a number it must not have."""
    number = str(sequence)
    trace = trace_of(envelope.traceparent, envelope.correlationid)
    span = span_of(envelope.source, sequence)
    changes = {"id": number, "sequence": number, "traceparent": f"00-{trace}-{span}-01"}
    return _encode(msgspec.structs.replace(envelope, **changes))


def trace_of(traceparent: str, correlation: str) -> str:
    """The W3C trace id of a story: the one it came with, else one that follows from its correlation id."""
    return traceparent[3:35] if is_traceparent(traceparent) else _trace(correlation)


def is_traceparent(text: str) -> bool:
    """Whether it is a W3C trace context; an odd one is not passed on."""
    return _TRACEPARENT.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _trace(correlation: str) -> str:
    return blake2b(correlation.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=1024)
def _source_tag(source: str) -> int:
    return int.from_bytes(blake2b(source.encode(), digest_size=8).digest(), "big")


def span_of(source: str, sequence: int) -> str:
    """The span id of what a source says under a number."""
    # Distinct per record and never zero: the place it comes from, with its number folded in.
    return f"{(_source_tag(source) + sequence) % (2**64 - 1) + 1:016x}"


@lru_cache(maxsize=1024)
def _dataschema(wire_name: str) -> str:
    return f"urn:agora:{wire_name}"


def iso(moment: datetime) -> str:
    """RFC 3339 time, as CloudEvents asks."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
