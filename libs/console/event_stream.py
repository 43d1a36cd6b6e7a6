"""Server-Sent Events as the gateway sends them."""

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from console.output import Failure

EVENT_BYTES_MAX: Final = 16_000_000
_LONG_AGO: Final = datetime.fromtimestamp(0, UTC)


class Told(msgspec.Struct):
    """One event that was told; ``seq`` is its id. One of type ``coalesced`` stands for all ``after`` another."""

    seq: int = 0
    after: int = 0
    type: str = ""
    stream: str = ""
    subject: str = ""
    at: datetime = _LONG_AGO
    data: msgspec.Raw = msgspec.Raw(b"{}")


_told: Final = msgspec.json.Decoder(Told)


async def read_event_stream(chunks: AsyncIterable[bytes]) -> AsyncGenerator[Told]:
    """The events of a connection, until it ends. Raises ``Failure`` at what is no such stream."""
    held = bytearray()
    async for chunk in chunks:
        seen = max(0, len(held) - 1)
        held += chunk
        while (end := held.find(b"\n\n", seen)) >= 0:
            event = _event(bytes(held[:end]))
            del held[: end + 2]
            seen = 0
            if event is not None:
                yield event
        if len(held) > EVENT_BYTES_MAX:
            raise Failure(f"the gateway tells an event of more than {EVENT_BYTES_MAX:,} bytes")


def told_of(event: Mapping[str, Any]) -> Told:
    """An event as a page of events has it."""
    return _told.decode(msgspec.json.encode(event))


def _event(block: bytes) -> Told | None:
    """An event; ``None`` of a comment."""
    fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if b": " in line)
    if b"id" not in fields:
        return None
    try:
        event = _told.decode(fields.get(b"data", b"{}"))
        event.seq, event.type = int(fields[b"id"]), fields.get(b"event", b"").decode()
    except ValueError:
        raise Failure("what the gateway tells live is no event of this release") from None
    return event
