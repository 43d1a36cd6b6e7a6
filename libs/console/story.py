"""The story of one order or request: all its events, across all services, each under the one that caused it."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from agora.envelope import Envelope, Undecodable, envelope_of
from agora.ports import Record
from console.log_reader import open_log
from console.output import Failure

REQUESTS_MAX: Final = 20
"""An order is seldom the subject of more than a few requests: its checkout, and word of its parcels."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event told to one subject. ``delay_ms`` is the time since its cause; a first event has none."""

    stream: str
    subject: str
    type: str
    source: str
    id: str
    correlation: str
    causation: str
    timestamp_ms: int
    reason: str

    @property
    def name(self) -> str:
        """What a later event calls this one when it names its cause."""
        return f"{self.source}/{self.id}"

    @property
    def at(self) -> datetime:
        """When the log took it in."""
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)


@dataclass(frozen=True, slots=True)
class Step:
    """One event in its place: ``depth`` causes lie before it, of which ``cause`` is the last, if it is in the log."""

    told: Told
    depth: int
    cause: Told | None

    @property
    def delay_ms(self) -> int | None:
        """Milliseconds since its cause."""
        return None if self.cause is None else self.told.timestamp_ms - self.cause.timestamp_ms


@dataclass(frozen=True, slots=True)
class Story:
    """The events of one id: a cause comes before what it caused, and what it caused in the order it came."""

    id: str
    steps: tuple[Step, ...]


async def read_story(story: str, bootstrap: str, prefix: str, streams: Collection[str]) -> Story:
    """Read everything said under an Idempotency-Key or about an order.

    An order's own stream may hold word of other requests about it; what they led to belongs to its story as well.
    Raises ``Failure`` if nothing was ever said.
    """
    found = await _search({story}, bootstrap, prefix, streams)
    told = {one for one in found if one.correlation == story}
    others = {one.correlation for one in found if one.subject == story} - {story}
    if len(others) > REQUESTS_MAX and not told:
        raise Failure(
            f"{story!r} has a part in {len(others):,} stories. Name one by its order or its Idempotency-Key, such as "
            f"{min(others)!r}"
        )
    if 0 < len(others) <= REQUESTS_MAX:
        told |= {one for one in await _search(others, bootstrap, prefix, streams) if one.correlation in others}
    if not told:
        raise Failure(
            f"nothing was ever said of {story!r}. Give the id of an order, or the Idempotency-Key of a request"
        )
    return Story(story, tuple(arrange(told)))


def arrange(told: Iterable[Told]) -> Iterator[Step]:
    """Put every event under its cause, from those whose cause is not there. No event is lost to a circle of causes."""
    events = sorted(told, key=lambda one: (one.timestamp_ms, one.source, len(one.id), one.id))
    names = {one.name for one in events}
    effects: dict[str, list[Told]] = {}
    for one in events:
        effects.setdefault(one.causation, []).append(one)
    for cause, caused in effects.items():
        effects[cause] = _as_said(caused)
    seen: set[Told] = set()
    firsts = [one for one in events if one.causation not in names]
    for first in (*firsts, *events):
        waiting: list[Step] = [Step(first, 0, None)]
        while waiting:
            step = waiting.pop()
            if step.told in seen:
                continue
            seen.add(step.told)
            yield step
            waiting += [Step(one, step.depth + 1, step.told) for one in reversed(effects.get(step.told.name, ()))]


def _as_said(caused: Sequence[Told]) -> list[Told]:
    """What one event caused, as each source said it; partitions of the log take it in out of step."""
    began: dict[str, int] = {}
    for one in caused:
        began.setdefault(one.source, one.timestamp_ms)
    return sorted(caused, key=lambda one: (began[one.source], one.source, len(one.id), one.id))


def as_json(story: Story) -> dict[str, Any]:
    """The story as one JSON object; ``cause`` is the place of an event's cause in the list of events."""
    places = {step.told: place for place, step in enumerate(story.steps)}
    times = [step.told.timestamp_ms for step in story.steps]
    return {
        "id": story.id,
        "seconds": (max(times) - min(times)) / 1000,
        "events": [_json(step, places) for step in story.steps],
    }


def _json(step: Step, places: Mapping[Told, int]) -> dict[str, Any]:
    told = step.told
    return {
        "type": told.type,
        "stream": told.stream,
        "subject": told.subject,
        "source": told.source,
        "id": told.id,
        "correlation": told.correlation,
        "time": told.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "depth": step.depth,
        "cause": None if step.cause is None else places[step.cause],
        "delay_ms": step.delay_ms,
        "reason": told.reason or None,
    }


async def _search(words: Collection[str], bootstrap: str, prefix: str, streams: Collection[str]) -> set[Told]:
    """Every event that belongs to one of these words: its correlation or its subject. Repetitions count once."""
    needles = [needle for word in words for needle in _spellings(word)]
    found: dict[tuple[str, str, str, str], Told] = {}
    async with open_log(bootstrap, prefix, streams) as log:
        async for stream, records in log.batches():
            for record in records:
                value = record.value
                if value is None or not any(needle in value for needle in needles):
                    continue
                told = _read(stream, record)
                if told is not None and (told.correlation in words or told.subject in words):
                    found.setdefault((stream, told.subject, told.source, told.id), told)
    return set(found.values())


def _spellings(word: str) -> set[bytes]:
    """How JSON may spell a word: as we write it, and as those do who keep to ASCII."""
    plain = word.encode(errors="replace").decode()  # an argument of a command may be no proper text
    return {msgspec.json.encode(plain)[1:-1], json.dumps(plain)[1:-1].encode()}


class _Reason(msgspec.Struct):
    reason: str = ""


_reasons: Final = msgspec.json.Decoder(_Reason)


def _read(stream: str, record: Record) -> Told | None:
    try:
        envelope = envelope_of(record)
    except Undecodable:
        return None
    return Told(
        stream,
        envelope.subject,
        envelope.type,
        envelope.source,
        envelope.id,
        envelope.correlationid or envelope.id,
        envelope.causationid,
        record.timestamp,
        _reason(envelope),
    )


def _reason(envelope: Envelope) -> str:
    try:
        return _reasons.decode(envelope.data).reason
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
