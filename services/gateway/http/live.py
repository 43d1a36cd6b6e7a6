"""The log as it grows: Server-Sent Events of everything, of a story or of an agent.

A reader takes rows of the feed at its own pace, so nothing is kept for it in memory. What was there before it came is
told whole; one that then falls behind is told how much of what it missed, instead of all of it.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel

from services.gateway.http.addresses import NamedRoute
from services.gateway.http.desk import Changed
from services.gateway.http.entry import Asker, Entry
from services.gateway.http.keys import Pool, Principal
from services.gateway.http.looking import NO_NUL
from services.gateway.http.problems import CODES, RESPONSES, Problem
from services.gateway.queries import feed

PAGE: Final = 500
BEHIND_MAX: Final = 2_000
"""Events a reader may fall behind before it is told of them in one."""
PAUSE_SECONDS: Final = 0.1
QUIET_SECONDS_MAX: Final = 15.0
CHECKED_SECONDS: Final = 5.0
"""How often, at most, it is looked whether a reader's key was revoked or its token has expired."""

Story = Annotated[str | None, Query(min_length=1, max_length=100, pattern=NO_NUL)]
Agent = Annotated[
    str | None,
    Query(max_length=120, pattern=r"^[a-z]+/[^\x00]+$", description="One agent: `stream/id`, as `buyers/ann`."),
]

MayStay = Callable[[], Awaitable[bool]]


async def always() -> bool:
    """Whoever reads may stay."""
    return True


live: Final = APIRouter(route_class=NamedRoute, tags=["live"], responses={code: RESPONSES[code] for code in CODES})


class EventStream(StreamingResponse):
    """Server-Sent Events."""

    media_type = "text/event-stream"


@dataclass(slots=True)
class Live:
    """Everyone who follows the log."""

    pool: Pool
    changed: Changed
    readers_max: int
    behind_max: int = BEHIND_MAX
    checked_seconds: float = CHECKED_SECONDS
    readers: int = 0

    def join(self) -> None:
        """Take a place. Raises ``Problem`` where there is none left."""
        if self.readers >= self.readers_max:
            detail = f"{self.readers_max} readers follow the log already. Come again later"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", detail, headers={"Retry-After": "10"})
        self.readers += 1

    async def tell(self, of: feed.Filter, last: int | None, may_stay: MayStay = always) -> AsyncGenerator[bytes]:
        """Everything after ``last``, or from now on, for as long as the reader may stay."""
        whole = at = await feed.head(self.pool)
        at = at if last is None else last
        checked = time.monotonic()
        while True:
            if time.monotonic() - checked >= self.checked_seconds:
                if not await may_stay():
                    return
                checked = time.monotonic()
            number = self.changed.number
            head = await feed.head(self.pool)
            if at >= whole and head - at > self.behind_max:
                yield await self._coalesced(of, at, head)
                at = head
            rows = await feed.after(self.pool, at, PAGE, of)
            for row in rows:
                yield format_sse_event(id=str(row.seq), event=row.type, data_str=msgspec.json.encode(row).decode())
                at = row.seq
            if len(rows) < PAGE:
                at = max(at, head)
                await self._await_more(number)
                if self.changed.number == number:
                    yield format_sse_event(comment="still here")

    async def _await_more(self, number: int) -> None:
        await asyncio.sleep(PAUSE_SECONDS)
        await self.changed.after(number, QUIET_SECONDS_MAX)

    async def _coalesced(self, of: feed.Filter, at: int, head: int) -> bytes:
        counts = await feed.counts(self.pool, at, head, of)
        told = {"after": at, "until": head, "events": sum(counts.values()), "types": counts}
        return format_sse_event(id=str(head), event="coalesced", data_str=msgspec.json.encode(told).decode())


def filter_of(asker: Principal, story: str | None, agent: str | None) -> feed.Filter:
    """What a reader may see of what it asks for: only operators see more than their own. Raises ``Problem``."""
    own = f"{asker.scope}s/{asker.agent}"
    if not asker.is_operator and agent not in {None, own}:
        raise Problem(HTTPStatus.FORBIDDEN, "not-yours", f"this key sees what '{own}' is told, no more")
    stream, _, name = ((agent or "") if asker.is_operator else own).partition("/")
    return feed.Filter(story, stream or None, name or None)


async def _seat(
    request: Request, asker: Asker, story: Story = None, agent: Agent = None
) -> AsyncGenerator[feed.Filter]:
    """A reader's place, and what it may see; both are settled before anything is sent."""
    followed: Live = request.app.state.live
    of = filter_of(asker, story, agent)
    followed.join()
    try:
        yield of
    finally:
        followed.readers -= 1


@live.get("/v1/live", response_class=EventStream, summary="Follow the log as it grows.")
async def follow(
    request: Request,
    asker: Asker,
    of: Annotated[feed.Filter, Depends(_seat)],
    last: Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=2**62)] = None,
) -> EventStream:
    """Tell events as they happen, each with an id; sent back as `Last-Event-ID`, it resumes right after that event.

    A reader that falls behind is told so by one event `coalesced`: how many of which types it missed, after which id
    and until which; `GET /v1/events` has them. The stream ends when the key is revoked or the token expires.
    """
    followed: Live = request.app.state.live
    entry: Entry = request.app.state.entry
    told = followed.tell(of, last, entry.staying(request, asker))
    return EventStream(told, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


class Events(BaseModel):
    """A page of the log; ask for what follows it with `after` set to `next`."""

    events: tuple[dict[str, Any], ...]
    next: int


@live.get("/v1/events", response_model=Events, summary="Read the log as far back as it is kept.")
async def events(
    request: Request,
    asker: Asker,
    story: Story = None,
    agent: Agent = None,
    after: Annotated[int, Query(ge=0, le=2**62, description="The id after which to begin.")] = 0,
    limit: Annotated[int, Query(ge=1, le=feed.EVENTS_MAX)] = 100,
) -> Response:
    """Events in the order in which the gateway heard them."""
    followed: Live = request.app.state.live
    found = await feed.after(followed.pool, after, limit, filter_of(asker, story, agent))
    body = {"events": found, "next": found[-1].seq if found else after}
    return Response(msgspec.json.encode(body), media_type="application/json")
