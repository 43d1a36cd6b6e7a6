"""What any process shows to whoever watches it, by HTTP: ``/healthz``, ``/readyz`` and ``/metrics``.

It answers from threads of its own, so that a loop that stands still is seen from outside; nothing it answers asks
Kafka or PostgreSQL. Only what AGORA_WATCH makes a process import knows of it.
"""

import asyncio
import json
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from threading import Thread
from typing import Final, NamedTuple, Self, TypeVar

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from agora.metrics import Metric
from agora.watch_http import JSON, Answer, Server

BEAT_SECONDS: Final = 0.25
STILL_SECONDS_MAX: Final = 10.0

log = logging.getLogger(__name__)


class WatchError(RuntimeError):
    """There can be no watch; the message says why and what to do."""


class Shown(ABC):
    """One process as others see it. As a context it beats with the loop it is entered in, and ends its server."""

    def __init__(
        self, registry: CollectorRegistry, host: str, port: int, still_seconds_max: float = STILL_SECONDS_MAX
    ) -> None:
        """Listen. Raises ``OSError``."""
        self._registry = registry
        self._still_seconds_max = still_seconds_max
        self._beaten_at = time.monotonic()
        self._beating: asyncio.Task[None] | None = None
        pages = {"/healthz": self._healthz, "/readyz": self.readiness, "/metrics": self._metrics}
        self._server = Server(host, port, pages)

    @property
    def url(self) -> str:
        """Where it is to be seen."""
        return self._server.url

    @abstractmethod
    def readiness(self) -> Answer:
        """Whether it does what it is for. Asked in any thread."""

    def beat(self) -> None:
        """Done a few times a second, in the loop's thread."""
        return

    async def __aenter__(self) -> Self:
        Thread(target=self._server.serve, name="watch", daemon=True).start()
        self._beating = asyncio.create_task(self._beat())
        log.info("probes and metrics are at %s", self.url)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._beating is not None:
            self._beating.cancel()
        await asyncio.to_thread(self._server.end)

    async def _beat(self) -> None:
        while True:
            self._beaten_at = time.monotonic()
            self.beat()
            await asyncio.sleep(BEAT_SECONDS)

    def _healthz(self) -> Answer:
        still = time.monotonic() - self._beaten_at
        if still > self._still_seconds_max:
            return saying(HTTPStatus.SERVICE_UNAVAILABLE, "stuck", f"the event loop has stood still for {still:.1f} s")
        return saying(HTTPStatus.OK, "alive")

    def _metrics(self) -> Answer:
        return Answer(HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry))


T = TypeVar("T", bound=Shown)


def listening(at: str, show: Callable[[str, int], T]) -> T:
    """Listen at ``host:port``, and nowhere else. Raises ``WatchError``."""
    host, _, port = at.rpartition(":")
    try:
        return show(host.strip("[]"), int(port))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise WatchError(f"AGORA_WATCH: cannot listen at {at}: {why}. Choose another port, or unset it") from None


class Value(NamedTuple):
    """What a metric has come to, for these values of its labels."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


class Simple(Shown):
    """A process without an engine: its figures are read when they are asked for, in any thread.

    ``waiting`` tells what it waits for; ``None`` means that it is ready.
    """

    def __init__(
        self,
        name: str,
        metrics: Iterable[Metric],
        read: Callable[[], Iterable[Value]],
        waiting: Callable[[], str | None],
        host: str,
        port: int,
    ) -> None:
        """Listen. Raises ``OSError``."""
        registry = CollectorRegistry()
        for register in (ProcessCollector, PlatformCollector, GCCollector):
            register(registry=registry)
        registry.register(_Figures(name, tuple(metrics), read))
        self._waiting = waiting
        super().__init__(registry, host, port)

    def readiness(self) -> Answer:
        waiting = self._waiting()
        if waiting is None:
            return saying(HTTPStatus.OK, "ready")
        return saying(HTTPStatus.SERVICE_UNAVAILABLE, "waiting", waiting)


class _Figures(Collector):
    def __init__(self, name: str, metrics: tuple[Metric, ...], read: Callable[[], Iterable[Value]]) -> None:
        self._name = name
        self._metrics = metrics
        self._read = read

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        values = tuple(self._read())
        for metric in self._metrics:
            family = _FAMILIES[metric.kind](metric.name, metric.help, labels=("service", *metric.labels))
            for value in values:
                if value.metric is metric:
                    family.add_metric((self._name, *value.labels), value.value)
            yield family


_FAMILIES: Final = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}


def saying(status: HTTPStatus, word: str, reason: str = "") -> Answer:
    """An answer in one word, with the reason."""
    said = {"status": word, **({"reason": reason} if reason else {})}
    return Answer(status, JSON, json.dumps(said).encode())
