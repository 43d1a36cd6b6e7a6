"""The CloudEvents 1.0 envelope of a record: structured JSON as we write it, binary mode as others may."""

from base64 import b64decode
from collections.abc import Sequence
from typing import Final

import msgspec

from agora.ports import Record

CONTENT_TYPE: Final = "application/cloudevents+json; charset=UTF-8"
HEADERS: Final[tuple[tuple[str, bytes], ...]] = (("content-type", CONTENT_TYPE.encode()),)
"""What the Kafka binding of CloudEvents asks of a record in structured mode."""
EVENT_BYTES_MAX: Final = 900_000  # below Kafka's message.max.bytes (1 MiB) with room for the batch around it
ENVELOPE_BYTES_MAX: Final = 10_000  # what an event's attributes may take beside its data
ID_CHARS_MAX: Final = 256
REASON_CHARS_MAX: Final = 500
SPECVERSION: Final = "1.0"


class Undecodable(Exception):
    """A record that cannot be read as an event; the message is the reason."""


class Envelope(msgspec.Struct, omit_defaults=True):
    """The CloudEvents attributes of one record, with Agora's extensions.

    ``readableas`` names the earlier versions as which a consumer may read the data, latest first, comma-separated.
    """

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
    readableas: str = ""
    data: msgspec.Raw = msgspec.Raw(b"")
    data_base64: str = ""  # as it was written; once the envelope is read, ``data`` holds what it stands for


_decode: Final = msgspec.json.Decoder(Envelope).decode
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode: Final = msgspec.json.Encoder().encode
_STRUCTURED: Final = HEADERS[0][1]
_MEDIA_TYPE: Final = b"application/cloudevents"  # what every content type of the structured mode begins with
_ATTRIBUTES: Final = frozenset(Envelope.__struct_fields__) - {"data", "data_base64"}


def envelope_of(record: Record) -> Envelope:
    """The envelope of a record, in either mode, whose subject is its key. Raises ``Undecodable``."""
    key, value, headers = record.key, record.value, record.headers
    if not key:
        raise Undecodable("no key")
    if not value:
        raise Undecodable("no value")
    if len(value) > EVENT_BYTES_MAX:
        raise Undecodable(f"oversized: {len(value):,} bytes, at most {EVENT_BYTES_MAX:,}")
    ours = not headers or headers[0][1] == _STRUCTURED  # nearly every record, told apart without a search
    envelope = read_envelope(value) if ours else _read(value, headers)
    subject = envelope.subject
    if subject.encode() != key:
        raise Undecodable(f"subject {subject[:100]!r} is not the record's key")
    if len(subject) > ID_CHARS_MAX or "\x00" in subject:
        raise Undecodable("the subject is too long or holds a NUL")
    return envelope


def read_envelope(value: bytes) -> Envelope:
    """The envelope of a value in structured mode. Raises ``Undecodable``."""
    try:
        envelope = _decoded(value)
        if envelope.data_base64:
            envelope.data = _from_base64(envelope)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Undecodable(f"no CloudEvent: {error}"[:REASON_CHARS_MAX]) from None
    return _sound(envelope)


def _decoded(value: bytes) -> Envelope:
    try:
        return _decode(value)
    except msgspec.ValidationError:
        # Null stands for an attribute that is not there. Hardly anyone writes it, so only who does pays for it.
        members = _members(value)
        said = {name: member for name, member in members.items() if bytes(member) != b"null"}
        if len(said) == len(members):
            raise
        return _decode(_encode(said))


def _from_base64(envelope: Envelope) -> msgspec.Raw:
    """The data of a producer that held it as bytes."""
    if bytes(envelope.data):
        raise ValueError("both data and data_base64")
    return msgspec.Raw(b64decode(envelope.data_base64, validate=True))


def _read(value: bytes, headers: Sequence[tuple[str, bytes]]) -> Envelope:
    """The envelope of a record with headers of its own, which say the mode."""
    named = {name.lower(): content or b"" for name, content in headers}  # Kafka knows headers without a value
    structured = named.get("content-type", b"").lower().startswith(_MEDIA_TYPE)
    if structured or "ce_specversion" not in named:
        return read_envelope(value)
    try:
        attributes = {
            name: named[f"ce_{name}"].decode() for name in _ATTRIBUTES if f"ce_{name}" in named
        }  # attributes we do not know are passed over, as in structured mode
        content_type = named.get("content-type", b"").decode()
    except UnicodeDecodeError as error:
        raise Undecodable(f"no CloudEvent: {error}"[:REASON_CHARS_MAX]) from None
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise Undecodable(f"the data is {content_type[:100]!r}, not JSON")
    if missing := {"id", "source", "type"} - attributes.keys():
        raise Undecodable(f"no CloudEvent: no header ce_{min(missing)}")
    attributes["datacontenttype"] = content_type
    return _sound(Envelope(**attributes, data=msgspec.Raw(value)))


def _sound(envelope: Envelope) -> Envelope:
    if envelope.specversion != SPECVERSION:
        raise Undecodable(f"CloudEvents version {envelope.specversion[:20]!r}, not {SPECVERSION}")
    name, source = envelope.id, envelope.source
    if not (0 < len(name) <= ID_CHARS_MAX and 0 < len(source) <= ID_CHARS_MAX and (source + name).isprintable()):
        raise Undecodable("the CloudEvents id or source is empty, too long or not printable")
    if len(envelope.correlationid) > ID_CHARS_MAX or "\x00" in envelope.correlationid:
        raise Undecodable("the correlation id is too long or holds a NUL")
    return envelope


def number_of(envelope: Envelope) -> int:
    """The sequence number of a record, 0 from a producer that numbers nothing. Raises ``Undecodable``."""
    text = envelope.sequence
    if not text:
        return 0
    if text.isascii() and text.isdigit() and len(text) <= len("9223372036854775807"):
        return int(text)
    raise Undecodable(f"sequence {text[:20]!r} is no positive number")
