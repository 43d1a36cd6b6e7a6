"""Asks the market one thing through its door, and hears what came of it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from agora.door import open_door
from agora.envelope import Undecodable, envelope_of
from agora.event import Event, Stream, fault_of
from agora.ports import Record
from agora.requests import Submitted
from agora.versions import openers
from agora.wire import open_data
from console.gauge import Gauge
from console.listen import Listener
from console.operate import door
from console.output import Failure
from console.site import Site
from console.story_tree import clean

OUTCOME_SECONDS_MAX: Final = 30.0

E = TypeVar("E", bound=Event)


def word(kind: type[E], /, **fields: Any) -> E:
    """A command made of what somebody typed. Raises ``Failure`` if no such command can be said."""
    try:
        return kind(**fields)
    except ValidationError as error:
        raise Failure(clean(fault_of(error))) from None


async def ask(
    site: Site,
    request: Submitted,
    stream: Stream,
    outcomes: Iterable[type[Event]],
    waiting: Callable[[str], None],
    seconds_max: float = OUTCOME_SECONDS_MAX,
) -> Event:
    """Submit a request and return the first of these events that comes of it; asked again, the one that came then.

    The outcomes are listened for in ``stream``. Raises ``Failure`` if the door turns the request away, or if nothing
    has come of it after so many seconds; it will, once whoever has to answer can.
    """
    entry = door()
    async with Gauge(site, waiting) as gauge:
        known = await gauge.known(entry.name, [request.key])
    hearing = _Hearing(request.key, outcomes)
    listener = Listener(site, (stream,), hearing.hear, waiting, from_start=bool(known))
    url = site.database(entry.name)
    async with listener, open_door(entry, site.kafka, url, site.namespace, waiting) as ingress:
        (answer,) = await ingress.submit([request])
        if answer.refusal is not None:
            raise Failure(answer.refusal)
        try:
            return await asyncio.wait_for(hearing.outcome, seconds_max)
        except TimeoutError:
            raise Failure(
                f"the request was let in, but nothing came of it within {seconds_max:g} s. "
                f"See who is behind with: agora status, or agora story {request.key}"
            ) from None


class _Hearing:
    """Waits for one of some events that is told in the story of a request."""

    def __init__(self, key: str, outcomes: Iterable[type[Event]]) -> None:
        self.outcome: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._key = key
        self._openers = openers(tuple(outcomes))

    def hear(self, records: Sequence[Record]) -> None:
        for record in records:
            try:
                envelope = envelope_of(record)
                opener = self._openers.get(envelope.type)
                if opener is not None and envelope.correlationid == self._key and not self.outcome.done():
                    self.outcome.set_result(open_data(opener, envelope))
            except Undecodable:
                continue  # a foreign record; the services keep it as a dead letter
