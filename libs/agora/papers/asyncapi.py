"""The AsyncAPI 3.0 document of all events, from the same code that runs.

FastStream can generate one, but it sees a single subscriber of raw batches per service and no publisher at all, so
neither events nor keys nor who says what would be in it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from agora.contracts.schema import JsonSchema
from agora.control import EVENTS as RUNTIME_EVENTS
from agora.envelope import HEADERS
from agora.event import Event
from agora.papers.asyncapi_schemas import ENVELOPE, HEADER_SCHEMA, KEY, data_schemas, envelope, payload
from agora.papers.choreography import Choreography, Part
from agora.papers.words import example_of
from agora.topics import CONFIG
from agora.wire import Cause, data_of, seal, trace_of

Json: TypeAlias = dict[str, Any]

BINDING: Final = "0.5.0"
MEDIA_TYPE: Final = "application/cloudevents+json"
_TIME: Final = "2010-12-01T08:26:00.000Z"
_NUMBERS: Final = frozenset({"retention.ms", "retention.bytes", "max.message.bytes"})


def document(market: Choreography, words: Mapping[str, Any], info: Json) -> Json:
    """The whole document. ``info`` is its Info Object. Raises ``NoExample``.

    One channel per stream, one message per version of an event, one operation for what a service hears, and one for
    what it says in each stream.
    """
    versions = sorted(_versions(market), key=lambda event: event.wire_name)
    return {
        "asyncapi": "3.0.0",
        "info": info,
        "defaultContentType": MEDIA_TYPE,
        "servers": {"kafka": _SERVER},
        "channels": {stream: _channel(stream, market, versions) for stream in _streams(market)},
        "operations": dict(_operation for part in market.parts for _operation in _operations(part, market)),
        "components": {
            "messages": {event.wire_name: _message(event, market, words) for event in versions},
            "schemas": {ENVELOPE: envelope(), **data_schemas(versions)},
            "correlationIds": {"story": _STORY},
        },
    }


def as_text(document: Json) -> str:
    """The document as it is kept in a file: in its own order, indented, with a newline at the end."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


_SERVER: Final[Json] = {
    "host": "{kafka}",
    "protocol": "kafka",
    "description": "The broker that `AGORA_KAFKA` names. `AGORA_NAMESPACE`, if set, precedes every topic and group.",
    "variables": {"kafka": {"default": "localhost:9092", "description": "host:port"}},
}
_STORY: Final[Json] = {"description": "Every event of one story has it.", "location": "$message.payload#/correlationid"}


def _versions(market: Choreography) -> Iterator[type[Event]]:
    """Every version of what is said in any stream: earlier ones stay in the log, and are read for ever."""
    return (version for event in market.events() if market.streams[event] for version in event.lineage())


def _streams(market: Choreography) -> list[str]:
    return sorted({stream for streams in market.streams.values() for stream in streams})


def _in(stream: str, event: type[Event], market: Choreography) -> bool:
    return any(event in latest.lineage() for latest, streams in market.streams.items() if stream in streams)


def _channel(stream: str, market: Choreography, versions: list[type[Event]]) -> Json:
    hearers = [part.name for part in market.parts if part.stream == stream and not part.ingress]
    heard = f"Heard by {' and '.join(hearers)}." if hearers else "No service hears it: it is for people."
    return {
        "address": stream,
        "title": stream,
        "description": f"The stream of one kind of subject; the record key is the subject's id. {heard}",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {
            event.wire_name: {"$ref": f"#/components/messages/{event.wire_name}"}
            for event in versions
            if _in(stream, event, market)
        },
        "bindings": {"kafka": {"topic": stream, "topicConfiguration": _TOPIC, "bindingVersion": BINDING}},
    }


_TOPIC: Final[Json] = {
    "cleanup.policy": CONFIG["cleanup.policy"].split(","),
    **{name: int(value) for name, value in CONFIG.items() if name in _NUMBERS},
}


def _operations(part: Part, market: Choreography) -> Iterator[tuple[str, Json]]:
    if not part.ingress:
        heard = [version for event in part.hears for version in event.lineage()]
        yield f"{part.name}.hears", _operation(part, "receive", part.stream, heard)
    for stream in _streams(market):
        own = (event for event in part.hears if event in market.own)
        if said := [event for event in (*part.says, *own) if stream in market.streams[event]]:
            yield f"{part.name}.says.{stream}", _operation(part, "send", stream, said)


def _operation(part: Part, action: str, stream: str, events: list[type[Event]]) -> Json:
    binding: Json = {"clientId": _exactly(f"agora-{part.name}"), "bindingVersion": BINDING}
    if action == "receive":
        binding["groupId"] = _exactly(part.name)
    does = "hears" if action == "receive" else "says"
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{stream}"},
        "title": f"{part.name} {does} in {stream}",
        "summary": f"What the service {part.name} {does} in the stream {stream}.",
        "tags": [{"name": part.name}],
        "messages": [{"$ref": f"#/channels/{stream}/messages/{event.wire_name}"} for event in events],
        "bindings": {"kafka": binding},
    }


def _exactly(text: str) -> JsonSchema:
    return {"type": "string", "enum": [text]}


def _message(event: type[Event], market: Choreography, words: Mapping[str, Any]) -> Json:
    message: Json = {
        "name": event.wire_name,
        "title": event.wire_name,
        "summary": " ".join((event.__doc__ or "").split()),
        "contentType": MEDIA_TYPE,
        "headers": HEADER_SCHEMA,
        "payload": payload(event),
        "correlationId": {"$ref": "#/components/correlationIds/story"},
        "tags": [{"name": tag} for tag in _tags(event)],
        "bindings": {"kafka": {"key": KEY, "bindingVersion": BINDING}},
        "examples": [_example(event, market, words)],
    }
    if event not in market.streams:
        message["deprecated"] = True  # a later version has replaced it
    return message


def _tags(event: type[Event]) -> Iterator[str]:
    yield "command" if event.command else "fact"
    if event in RUNTIME_EVENTS:
        yield "runtime"


def _example(event: type[Event], market: Choreography, words: Mapping[str, Any]) -> Json:
    """A record as the runtime would publish it: the first subject's, from the first service that says it."""
    said = example_of(event, words)
    (subject, *_) = said.concerns()
    sayers = (name for latest in market.streams if event in latest.lineage() for name in market.said_by(latest))
    cause = Cause(_TIME, "536365", "gateway-0/1", trace_of("", "536365"))
    data = data_of(said.seen_by(subject))
    value = seal(cause, f"{next(sayers, 'outside')}-0", 1, event.wire_name, subject.id, data, event.readable_as)
    headers = {name: text.decode() for name, text in HEADERS}
    return {"name": event.wire_name, "headers": headers, "payload": json.loads(value)}
