"""Shows a process to whoever watches it, by HTTP: ``/healthz``, ``/readyz`` and ``/metrics``.

It answers from threads of its own, so that a loop that stands still is seen from outside; nothing it answers asks
Kafka or PostgreSQL. Only what AGORA_WATCH makes this process import knows of it.
"""

import asyncio
import json
import logging
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from threading import Thread
from typing import Final, NamedTuple, Protocol, Self

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from agora.metrics import Metrics
from agora.service import Service
from agora.turns import Engine
from agora.watch_http import JSON, Answer, Server

BEAT_SECONDS: Final = 0.25
STILL_SECONDS_MAX: Final = 10.0

log = logging.getLogger(__name__)


class WatchError(RuntimeError):
    """There can be no watch; the message says why and what to do."""


class Hearing(Protocol):
    """From where an engine has its partitions. Asked in the loop's thread."""

    def dealt(self) -> frozenset[int] | None:
        """The partitions dealt to this process; ``None`` while that is not settled."""
        ...

    def ends(self) -> Mapping[int, int]:
        """For every partition dealt, as far as it is known, the offset that the next record of the log will have."""
        ...


class Followed(NamedTuple):
    """The engine at work, and from where it has its partitions; nothing deals them out to an ingress."""

    engine: Engine
    hearing: Hearing | None


class Watch:
    """One process as others see it. As a context it beats with the loop it is entered in, and ends its server.

    Give it an engine with ``following`` once the database's revision was checked; an engine without ``hearing``, as an
    ingress has it, is ready at once.
    """

    def __init__(self, service: Service, host: str, port: int, still_seconds_max: float = STILL_SECONDS_MAX) -> None:
        """Listen. Raises ``OSError``."""
        self.metrics = Metrics(service)
        self._still_seconds_max = still_seconds_max
        self._followed: Followed | None = None
        self._dealt: frozenset[int] | None = None
        self._beaten_at = time.monotonic()
        self._beating: asyncio.Task[None] | None = None
        pages = {"/healthz": self._healthz, "/readyz": self._readyz, "/metrics": self._metrics}
        self._server = Server(host, port, pages)

    @property
    def url(self) -> str:
        """Where it is to be seen."""
        return self._server.url

    async def __aenter__(self) -> Self:
        Thread(target=self._server.serve, name="watch", daemon=True).start()
        self._beating = asyncio.create_task(self._beat())
        log.info("probes and metrics are at %s", self.url)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._beating is not None:
            self._beating.cancel()
        await asyncio.to_thread(self._server.end)

    @contextmanager
    def following(self, engine: Engine, hearing: Hearing | None = None) -> Generator[None]:
        """Show this engine's work, as long as it lasts."""
        self.metrics.follow(engine, hearing.ends if hearing else None)
        self._followed = Followed(engine, hearing)
        try:
            yield
        finally:
            self._followed = self._dealt = None
            self.metrics.follow(None)

    async def _beat(self) -> None:
        while True:
            self._beaten_at = time.monotonic()
            if self._followed is not None and self._followed.hearing is not None:
                self._dealt = self._followed.hearing.dealt()
            self.metrics.beat()
            await asyncio.sleep(BEAT_SECONDS)

    def _healthz(self) -> Answer:
        still = time.monotonic() - self._beaten_at
        if still > self._still_seconds_max:
            return _json(HTTPStatus.SERVICE_UNAVAILABLE, "stuck", f"the event loop has stood still for {still:.1f} s")
        return _json(HTTPStatus.OK, "alive")

    def _readyz(self) -> Answer:
        followed, dealt = self._followed, self._dealt
        if followed is None:
            return _json(HTTPStatus.SERVICE_UNAVAILABLE, "waiting", "for PostgreSQL and Kafka, or it is stopping")
        if followed.hearing is None or followed.engine.owned:
            return _json(HTTPStatus.OK, "ready")
        if dealt is None:
            return _json(HTTPStatus.SERVICE_UNAVAILABLE, "waiting", "for Kafka to deal out the partitions")
        if not dealt:
            return _json(HTTPStatus.OK, "standby", "there are more processes than partitions")
        return _json(HTTPStatus.SERVICE_UNAVAILABLE, "waiting", "for PostgreSQL, to claim the partitions dealt to it")

    def _metrics(self) -> Answer:
        return Answer(HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self.metrics.registry))


def open_watch(service: Service, at: str) -> Watch:
    """Listen at ``host:port``, and nowhere else. Raises ``WatchError``."""
    host, _, port = at.rpartition(":")
    try:
        return Watch(service, host.strip("[]"), int(port))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise WatchError(f"AGORA_WATCH: cannot listen at {at}: {why}. Choose another port, or unset it") from None


def _json(status: HTTPStatus, word: str, reason: str = "") -> Answer:
    said = {"status": word, **({"reason": reason} if reason else {})}
    return Answer(status, JSON, json.dumps(said).encode())
