"""Services that say and hear, but never decide: for what follows from their words alone."""

import json
from collections.abc import Mapping
from datetime import datetime
from types import new_class
from typing import Any, NamedTuple

from agora.decision import NOTHING, Decision
from agora.event import Event, Stream
from agora.service import Service


def quiet(name: str, base: type[Event], fields: Mapping[str, Any] | None = None, **more: Any) -> type[Event]:
    """An event class of this name and these fields; ``more`` is what a class statement would say beside its bases."""
    body = {"__module__": __name__, "__doc__": f"{name}.", "__annotations__": dict(fields or {})}
    return new_class(name, (base,), more, lambda namespace: namespace.update(body))


class Record(NamedTuple):
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    partition: int = 0
    offset: int = 0
    timestamp: int = 0


class Quiet:
    """What these tests make."""

    @staticmethod
    def service(
        name: str,
        consumes: tuple[type[Event], ...] = (),
        publishes: tuple[type[Event], ...] = (),
        *,
        ingress: bool = False,
    ) -> Service:
        """A service ``thing`` hears the stream ``things``."""

        def decide(_: object, __: object, ___: datetime) -> Decision[None]:
            return NOTHING

        stream = Stream(f"{name}s")
        return Service(name, stream, None, None, consumes, publishes, decide, (*consumes, *publishes), ingress=ingress)

    @staticmethod
    def record(payload: dict[str, Any], headers: dict[str, str]) -> Record:
        """A record as Kafka would deliver it."""
        given = tuple((name, value.encode()) for name, value in headers.items())
        return Record(payload["subject"].encode(), json.dumps(payload).encode(), given)
