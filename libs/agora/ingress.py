"""The one door for what comes from outside: a request and its Idempotency-Key are committed together."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from agora.event import Event
from agora.memory import MemoryRecord
from agora.ports import Clock, Fenced, Unavailable
from agora.requests import KEY_REUSED, Answered, Submitted, asking
from agora.turns import Engine
from agora.wire import Cause, data_of, iso, seal, trace_of

LANE: Final = 0
RETRY_SECONDS: Final = 0.5
SUBMISSIONS_PER_COMMIT_MAX: Final = 2_000


class Answer(NamedTuple):
    """The door's answer to one request; ``refusal`` is ``None`` if it was let in, now or earlier."""

    key: str
    refusal: str | None


class Ingress:
    """A service whose log is what people and programs ask for: each request is a turn of the agent named by its key.

    Requests are numbered like the records of a log, so they share the engine's fence, outbox and relay. ``waiting``
    is told, in plain words, when a request has to wait for Kafka or PostgreSQL.
    """

    def __init__(self, engine: Engine, clock: Clock, waiting: Callable[[str], None]) -> None:
        self.engine = engine
        self._clock = clock
        self._waiting = waiting
        self._source = f"{engine.service.name}-door"
        self._lock = asyncio.Lock()

    async def ask(self, key: str, command: Event) -> Answer:
        """Submit one command."""
        return (await self.submit([asking(key, command)]))[0]

    async def submit(self, requests: Sequence[Submitted]) -> list[Answer]:
        """Commit the requests and answer each, in order. The answer is durable; what it leads to comes as events."""
        answers: list[Answer] = []
        async with self._lock:
            for start in range(0, len(requests), SUBMISSIONS_PER_COMMIT_MAX):
                answers += await self._submit(requests[start : start + SUBMISSIONS_PER_COMMIT_MAX])
        return answers

    async def _submit(self, requests: Sequence[Submitted]) -> list[Answer]:
        while True:
            try:
                await self.engine.admit(LANE, lambda first: self._records(first, requests))
                return [self._answer(request) for request in requests]
            except Unavailable as unavailable:
                self._waiting(str(unavailable))
                await asyncio.sleep(RETRY_SECONDS)
            except Fenced:
                # Another door was quicker; claim the lane anew. Nothing of this batch was written.
                continue

    def _answer(self, request: Submitted) -> Answer:
        state = self.engine.agent(request.key, LANE)
        if not isinstance(state, Answered):
            return Answer(request.key, "the request failed; its agent is parked")
        reused = state.fingerprint != request.fingerprint()
        return Answer(request.key, KEY_REUSED if reused else state.refusal)

    def _records(self, first: int, requests: Sequence[Submitted]) -> list[MemoryRecord]:
        now = self._clock.now()
        return [self._record(first + place, request, now) for place, request in enumerate(requests)]

    def _record(self, offset: int, request: Submitted, now: datetime) -> MemoryRecord:
        cause = Cause(iso(now), request.key, "", trace_of("", request.key))
        value = seal(cause, self._source, offset + 1, request.wire_name, request.key, data_of(request))
        return MemoryRecord(LANE, offset, int(now.timestamp() * 1000), request.key.encode(), value)
