"""Where fuzzing begins: the golden record of every event, in both modes of CloudEvents."""

import json
from collections.abc import Iterator
from typing import Any, Final

from agora import control
from agora.contracts.samples import samples_of
from agora.event import Event
from agora.memory import MemoryRecord
from agora.requests import Submitted
from market.catalogue import EVENTS

SPOKEN: Final[tuple[type[Event], ...]] = (*EVENTS, *control.EVENTS, Submitted)
"""Every event class that is ever on the wire."""
CLOUDEVENT: Final = "content-type"


def record(key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...] = ()) -> MemoryRecord:
    """A record of no particular place, as it came in from the log."""
    return MemoryRecord(0, 0, 1_767_268_800_000, key, value, headers)


def golden(event: type[Event]) -> list[MemoryRecord]:
    """The golden records of one event, as the runtime publishes them."""
    samples = (sample.record for sample in samples_of(event))
    return [record(sample.key, sample.value, sample.headers) for sample in samples]


def in_binary_mode(structured: MemoryRecord) -> MemoryRecord:
    """The same event with its attributes in the headers, as another producer may write it."""
    envelope: dict[str, Any] = json.loads(structured.value or b"")
    data = json.dumps(envelope.pop("data"), ensure_ascii=False).encode()
    headers = [(CLOUDEVENT, str(envelope.pop("datacontenttype")).encode())]
    headers += [(f"ce_{name}", str(text).encode()) for name, text in envelope.items()]
    return record(structured.key, data, tuple(headers))


def corpus() -> list[MemoryRecord]:
    """Every golden record, in structured mode and in binary mode."""
    return list(_corpus())


def _corpus() -> Iterator[MemoryRecord]:
    for event in SPOKEN:
        for one in golden(event):
            yield one
            yield in_binary_mode(one)
