"""The desk behind the API: many requests go through the door in one commit, and their answers are waited for."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

from agora.ingress import Answer, Ingress
from agora.requests import Submitted
from services.gateway.http.problems import Problem
from services.gateway.queries.feed import Outcome

WAITING_MAX: Final = 10_000
"""Requests that may wait for their commit; at this many, others are turned away."""
COMMIT_SECONDS_MAX: Final = 10.0
OUTCOMES_PER_LOOK_MAX: Final = 1_000
LOOK_SECONDS_MAX: Final = 0.25

_BUSY: Final = "the gateway has more to do than it can take in. Ask again in a second, with the same Idempotency-Key"
_AWAY: Final = (
    "the gateway's database is not there, so it is not known whether the request was let in. "
    "Ask again with the same Idempotency-Key: it counts once"
)


class Desk:
    """Hands requests to the door, all that wait at once in one commit."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress
        self._waiting: list[tuple[Submitted, asyncio.Future[Answer]]] = []
        self._some = asyncio.Event()

    async def ask(self, request: Submitted) -> Answer:
        """Have a request committed; its answer is durable. Raises ``Problem`` where that takes too long."""
        if len(self._waiting) >= WAITING_MAX:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", _BUSY, headers={"Retry-After": "1"})
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((request, answer))
        self._some.set()
        try:
            return await asyncio.wait_for(answer, COMMIT_SECONDS_MAX)
        except TimeoutError:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "away", _AWAY, headers={"Retry-After": "5"}) from None

    async def work(self) -> None:
        """Commit what waits, for ever."""
        while True:
            await self._some.wait()
            self._some.clear()
            taken, self._waiting = self._waiting, []
            # Whoever stopped waiting while the database was away asks again.
            taken = [(request, future) for request, future in taken if not future.done()]
            answers = await self._ingress.submit([request for request, _ in taken])
            for answer, (_, future) in zip(answers, taken, strict=True):
                if not future.done():
                    future.set_result(answer)


Find = Callable[[Sequence[str]], Awaitable[Sequence[Outcome]]]
"""Finds every event so far of these stories that can answer a request."""


class Changed(Protocol):
    """Tells that views have moved on: ``number`` grows, and ``after`` waits until it has."""

    @property
    def number(self) -> int: ...

    async def after(self, number: int, seconds: float) -> int: ...


@dataclass(slots=True)
class _Awaited:
    types: tuple[str, ...]
    outcome: asyncio.Future[Outcome]
    waiters: int = 0


class Outcomes:
    """Waits for the outcomes of many requests with one look per commit of the views."""

    def __init__(self, find: Find, changed: Changed) -> None:
        self._find = find
        self._changed = changed
        self._awaited: dict[str, _Awaited] = {}
        self._some = asyncio.Event()
        self._has_new = False

    async def wait(self, story: str, types: tuple[str, ...], seconds: float) -> Outcome | None:
        """The outcome of a request, or ``None`` if there is none in that time."""
        if story not in self._awaited:
            self._awaited[story] = _Awaited(types, asyncio.get_running_loop().create_future())
            self._has_new = True
            self._some.set()
        awaited = self._awaited[story]
        awaited.waiters += 1
        try:
            await asyncio.wait([awaited.outcome], timeout=seconds)
        finally:
            awaited.waiters -= 1
            if not awaited.waiters and self._awaited.get(story) is awaited:
                del self._awaited[story]
        return awaited.outcome.result() if awaited.outcome.done() else None

    async def work(self) -> None:
        """Look at what is new to wait for, and whenever views have moved on, for ever."""
        seen = -1
        while True:
            await self._some.wait()
            if not self._has_new:
                seen = await self._changed.after(seen, LOOK_SECONDS_MAX)
            self._has_new = False
            stories = list(self._awaited)
            for start in range(0, len(stories), OUTCOMES_PER_LOOK_MAX):
                for found in await self._find(stories[start : start + OUTCOMES_PER_LOOK_MAX]):
                    self._tell(found)
            if not self._awaited:
                self._some.clear()

    def _tell(self, found: Outcome) -> None:
        awaited = self._awaited.get(found.story)
        if awaited and found.type in awaited.types and not awaited.outcome.done():
            awaited.outcome.set_result(found)
