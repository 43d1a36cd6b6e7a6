"""Open records by the codec of every service, and count what becomes of them."""

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from agora import control
from agora.discovery import services
from agora.envelope import Undecodable
from agora.memory import MemoryRecord
from agora.parking import CONTROLS
from agora.service import Service
from agora.turns import members
from agora.versions import Unread
from agora.wire import Codec, UnknownType

DECODED: Final = "decoded"
NOT_CONSUMED: Final = "known, not consumed"
UNKNOWN_TYPE: Final = "unknown type"
UNKNOWN_VERSION: Final = "unknown version"
REASONS: Final = (
    "no key",
    "no value",
    "oversized",
    "no CloudEvent",
    "CloudEvents version",
    "CloudEvents id or source",
    "correlation id",
    "is not the record's key",
    "the subject is too long",
    "not JSON",
    "unknown type or version",
    "sequence",
    "data.",
)
"""What the reason of a dead letter says; the first that it says is what it is counted under."""
OTHER: Final = "another reason"


class Fault(Exception):
    """Opening a record raised what it must never raise; the message says where and what."""


def codec(service: Service) -> Codec:
    """What a service's engine reads its stream with."""
    return Codec((*members(service.consumes), *CONTROLS), (*service.events, *control.EVENTS))


@dataclass(slots=True)
class Opening:
    """Opens every record once per service. ``outcomes`` counts openings, ``dead`` those that end as dead letters.

    Times are processor time, so that whatever else the machine does is not counted. While others use the same cores it
    is longer, so what would be the slowest is opened once more, uncounted, and is as slow as in the better of both.
    """

    codecs: Mapping[str, Codec] = field(default_factory=lambda: {one.name: codec(one) for one in services()})
    outcomes: Counter[str] = field(default_factory=Counter[str])
    dead: Counter[str] = field(default_factory=Counter[str])
    inputs: int = 0
    opening_seconds: float = 0.0
    slowest_seconds: float = 0.0
    slowest: MemoryRecord | None = None

    def open(self, record: MemoryRecord) -> None:
        """Open one record by all codecs. Raises ``Fault``."""
        began = time.thread_time()
        for name, one in self.codecs.items():
            try:
                self.outcomes[_outcome(one, record)] += 1
            except Undecodable as undecodable:
                self.dead[reason_of(str(undecodable))] += 1
            except Exception as error:
                raise Fault(f"{name}: {type(error).__name__}: {error}"[:1_000]) from error
        took = time.thread_time() - began
        self.inputs += 1
        self.opening_seconds += took
        if took > self.slowest_seconds and (took := min(took, self._once_more(record))) > self.slowest_seconds:
            self.slowest_seconds, self.slowest = took, record

    @property
    def openings(self) -> int:
        """How many openings ended, in whatever way."""
        return self.outcomes.total() + self.dead.total()

    def _once_more(self, record: MemoryRecord) -> float:
        began = time.thread_time()
        for one in self.codecs.values():
            with suppress(Undecodable):
                one.open(record)
        return time.thread_time() - began


def reason_of(text: str) -> str:
    """The kind of reason a dead letter has."""
    return next((reason for reason in REASONS if reason in text), OTHER)


def _outcome(codec: Codec, record: MemoryRecord) -> str:
    try:
        heard = codec.open(record)
    except UnknownType:
        return UNKNOWN_TYPE
    if heard is None:
        return NOT_CONSUMED
    return UNKNOWN_VERSION if isinstance(heard.event, Unread) else DECODED
