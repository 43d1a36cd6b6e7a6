"""Events on the wire: CloudEvents 1.0 in structured JSON mode."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec
from pydantic import ValidationError

from agora.event import Event
from agora.ports import Record

CONTENT_TYPE: Final = "application/cloudevents+json"
EVENT_BYTES_MAX: Final = 900_000  # below Kafka's message.max.bytes (1 MiB) with room for the batch around it
ENVELOPE_BYTES_MAX: Final = 10_000  # what an event's attributes may take beside its data
ID_CHARS_MAX: Final = 256
REASON_CHARS_MAX: Final = 500


class Undecodable(Exception):
    """A record that cannot be read as an event; the message is the reason."""


class EventTooLarge(ValueError):
    """An event that Kafka would not take; refused before the commit, since it would block its outbox for ever."""


class Envelope(msgspec.Struct, omit_defaults=True):
    """The CloudEvents attributes of one record, with Agora's extensions."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str = ""
    time: str = ""
    datacontenttype: str = ""
    dataschema: str = ""
    correlationid: str = ""
    causationid: str = ""
    traceparent: str = ""
    sequence: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")


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


_envelopes: Final = msgspec.json.Decoder(Envelope)
_encode: Final = msgspec.json.Encoder().encode


class Codec:
    """Reads and writes the events a service knows.

    ``consumes`` are opened; the rest of ``known`` is passed over; anything else is undecodable.
    """

    def __init__(self, consumes: Iterable[type[Event]], known: Iterable[type[Event]]) -> None:
        self._validators = {event.wire_name: event.__pydantic_validator__.validate_json for event in consumes}
        self._known = frozenset(event.wire_name for event in known)

    def open(self, record: Record) -> Heard | None:
        """Read one record; ``None`` if it is a known event that this service does not consume.

        Raises ``Undecodable``.
        """
        envelope = _envelope(record)
        validate = self._validators.get(envelope.type)
        if validate is None:
            if envelope.type in self._known:
                return None
            raise Undecodable(f"unknown type or version: {envelope.type[:100]}")
        return Heard(
            record,
            envelope.subject,
            open_data(validate, envelope),
            envelope.type,
            envelope.source,
            envelope.id,
            _sequence(envelope.sequence),
            envelope.correlationid or envelope.id,
            envelope.causationid,
            envelope.traceparent,
        )


def open_data(validate: Any, envelope: Envelope) -> Event:
    """The event inside an envelope. Raises ``Undecodable``."""
    try:
        return validate(bytes(envelope.data))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise Undecodable(f"{envelope.type}: data.{place}: {first['msg']}"[:REASON_CHARS_MAX]) from None


def read_envelope(value: bytes) -> Envelope:
    """The CloudEvents envelope of a record's value. Raises ``Undecodable``."""
    try:
        envelope = _envelopes.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Undecodable(f"no CloudEvent: {error}"[:REASON_CHARS_MAX]) from None
    if envelope.specversion != "1.0":
        raise Undecodable(f"CloudEvents version {envelope.specversion[:20]!r}, not 1.0")
    name, source = envelope.id, envelope.source
    if not (0 < len(name) <= ID_CHARS_MAX and 0 < len(source) <= ID_CHARS_MAX and (source + name).isprintable()):
        raise Undecodable("the CloudEvents id or source is empty, too long or not printable")
    if len(envelope.correlationid) > ID_CHARS_MAX or "\x00" in envelope.correlationid:
        raise Undecodable("the correlation id is too long or holds a NUL")
    return envelope


def _envelope(record: Record) -> Envelope:
    if not record.key:
        raise Undecodable("no key")
    if not record.value:
        raise Undecodable("no value")
    if len(record.value) > EVENT_BYTES_MAX:
        raise Undecodable(f"oversized: {len(record.value):,} bytes, at most {EVENT_BYTES_MAX:,}")
    envelope = read_envelope(record.value)
    if envelope.subject.encode() != record.key:
        raise Undecodable(f"subject {envelope.subject[:100]!r} is not the record's key")
    if len(envelope.subject) > ID_CHARS_MAX or "\x00" in envelope.subject:
        raise Undecodable("the subject is too long or holds a NUL")
    return envelope


def _sequence(text: str) -> int:
    if not text:
        return 0
    if text.isascii() and text.isdigit() and 0 < len(text) <= len("9223372036854775807"):
        return int(text)
    raise Undecodable(f"sequence {text[:20]!r} is no positive number")


def data_of(event: Event) -> bytes:
    """The JSON of an event's own fields."""
    return event.__pydantic_serializer__.to_json(event)


class Cause(NamedTuple):
    """What every event of one turn has in common."""

    time: str
    correlation: str
    causation: str
    trace: str


def seal(cause: Cause, source: str, sequence: int, wire_name: str, subject: str, data: bytes) -> bytes:
    """The record value of one event: number ``sequence`` of ``source``. Raises ``EventTooLarge``."""
    number = str(sequence)
    value = _encode(
        Envelope(
            "1.0",
            number,
            source,
            wire_name,
            subject,
            cause.time,
            "application/json",
            _dataschema(wire_name),
            cause.correlation,
            cause.causation,
            f"00-{cause.trace}-{_span(source, sequence)}-01",
            number,
            msgspec.Raw(data),
        )
    )
    if len(value) > EVENT_BYTES_MAX:
        raise EventTooLarge(f"{wire_name} for {subject} is {len(value):,} bytes; Kafka takes {EVENT_BYTES_MAX:,}")
    return value


def trace_of(traceparent: str, correlation: str) -> str:
    """The W3C trace id of a story: the one it came with, else one that follows from its correlation id."""
    if len(traceparent) == len("00-") + 32 + len("-") + 16 + len("-01"):
        return traceparent[3:35]
    return _trace(correlation)


@lru_cache(maxsize=4096)
def _trace(correlation: str) -> str:
    return blake2b(correlation.encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=1024)
def _source_tag(source: str) -> int:
    return int.from_bytes(blake2b(source.encode(), digest_size=8).digest(), "big")


def _span(source: str, sequence: int) -> str:
    # Distinct per record and never zero: the place it comes from, with its number folded in.
    return f"{(_source_tag(source) + sequence) % (2**64 - 1) + 1:016x}"


@lru_cache(maxsize=1024)
def _dataschema(wire_name: str) -> str:
    return f"urn:agora:{wire_name}"


def iso(moment: datetime) -> str:
    """RFC 3339 time, as CloudEvents asks."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
