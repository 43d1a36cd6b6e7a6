"""The audit, taken beside the requests: however many ask for it, one at a time, and for a share of the time at most.

It looks at every order there has been, so it takes longer as these grow. A request is answered with the latest one,
which is as old as its ``fresh`` says; where it is time for another, it waits for that a little while.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Final, Generic, TypeVar

from services.gateway.http.problems import AWAY, Problem

AUDITING_SHARE_MAX: Final = 0.05
"""So much of the time, at most, goes into audits: one that took a second is good for twenty."""
AUDIT_SECONDS_MAX: Final = 300
AWAITED_SECONDS_MAX: Final = 2.0
FIRST_AWAITED_SECONDS_MAX: Final = 20.0

_FIRST: Final = "the first audit is still under way: it looks at every order there has been. Ask again"
_FAILED: Final = "the gateway's database is away, or the audit took too long. Ask again"

T = TypeVar("T")
log = logging.getLogger("agora.gateway")


class Auditor(Generic[T]):
    """Takes an audit when somebody wants one; ``clock`` tells seconds."""

    def __init__(
        self,
        audit: Callable[[], Awaitable[T]],
        clock: Callable[[], float] = time.monotonic,
        awaited_seconds_max: float = AWAITED_SECONDS_MAX,
        first_awaited_seconds_max: float = FIRST_AWAITED_SECONDS_MAX,
    ) -> None:
        self._audit = audit
        self._clock = clock
        self._awaited_seconds_max = awaited_seconds_max
        self._first_awaited_seconds_max = first_awaited_seconds_max
        self._latest: T | None = None
        self._has_failed = False
        self._good_until = float("-inf")
        self._wanted = asyncio.Event()
        self._taken = asyncio.Event()

    async def latest(self) -> T:
        """The latest audit, or the next one if that is there soon. Raises ``Problem`` where there is none."""
        if self._clock() >= self._good_until:
            self._wanted.set()
            is_first = self._latest is None
            with suppress(TimeoutError):
                async with asyncio.timeout(self._first_awaited_seconds_max if is_first else self._awaited_seconds_max):
                    await self._taken.wait()
        if self._has_failed:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "away", _FAILED, headers={"Retry-After": "5"})
        if self._latest is None:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", _FIRST, headers={"Retry-After": "5"})
        return self._latest

    async def work(self) -> None:
        """Take what is wanted, for ever."""
        while True:
            await self._wanted.wait()
            began = self._clock()
            try:
                self._latest, self._has_failed = await self._audit(), False
            except AWAY as error:
                self._has_failed = True
                log.warning("the audit failed: %s", type(error).__name__)
            ended = self._clock()
            self._good_until = ended + (ended - began) / AUDITING_SHARE_MAX
            self._wanted.clear()  # whoever has wanted one meanwhile is answered with this
            taken, self._taken = self._taken, asyncio.Event()
            taken.set()
