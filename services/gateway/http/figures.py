"""What the marketplace comes to, and how the gateway answers, in the words of Prometheus.

Whatever takes a look at the database is looked at beside the requests, never when somebody scrapes; a look that takes
long is taken less often. Only what AGORA_WATCH makes this process import knows of it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Final, NamedTuple, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agora.metrics import Metric
from agora.projector import Fresh
from services.gateway.http.keys import Pool
from services.gateway.http.problems import AWAY
from services.gateway.queries import figures
from services.gateway.queries.unhurried import unhurried

LOOK_SECONDS: Final = 5.0
LOOKING_SHARE_MAX: Final = 0.02
"""So much of the time, at most, goes into one kind of look."""
ORDERS_SECONDS_MAX: Final = 60
"""To count every order there has been: some 30 millions. It is then counted less than once in an hour."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
NO_ROUTE: Final = "none"
NO_ANSWER: Final = "500"

ESCROW: Final = Metric("agora_escrow_minor", "gauge", "Money that escrow holds, in minor units.", ("currency",))
CONSERVATION: Final = Metric(
    "agora_conservation_error_minor",
    "gauge",
    "What all accounts hold together, in minor units; must be 0.",
    ("currency",),
)
ORDERS: Final = Metric("agora_orders", "gauge", "Orders by how they stand.", ("status",))
SETTLEMENT: Final = Metric(
    "agora_settlement_seconds",
    "histogram",
    "From when an order was placed to when it was settled, of orders settled since the process began.",
    buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600, 21_600, 86_400, 259_200, 604_800),
)
BEHIND: Final = Metric(
    "agora_views_behind_records", "gauge", "Records of the log that the views have not shown yet.", ("stream",)
)
AGE: Final = Metric(
    "agora_views_age_seconds", "gauge", "How old the newest record shown is; 0 when all are shown.", ("stream",)
)
READERS: Final = Metric("agora_live_readers", "gauge", "Readers that follow the log live.")
REQUESTS: Final = Metric(
    "agora_http_requests_total",
    "counter",
    "Requests answered, by address as it is documented.",
    ("method", "route", "status"),
)
SECONDS: Final = Metric(
    "agora_http_seconds",
    "histogram",
    "From a request to the beginning of its answer; where it asks to wait for the outcome, with the waiting.",
    ("route",),
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
BUSINESS_METRICS: Final = (ESCROW, CONSERVATION, ORDERS, SETTLEMENT, BEHIND, AGE, READERS, REQUESTS, SECONDS)
"""Everything that the gateway exports beside what every process does; each also carries ``service``."""

_SHOWN: Final = (ESCROW, CONSERVATION, ORDERS, BEHIND, AGE)

log = logging.getLogger("agora.gateway")


class _Value(NamedTuple):
    metric: Metric
    label: str
    value: float


class _Look(Protocol):
    """One kind of look at things."""

    __name__: str

    async def __call__(self) -> Iterable[_Value]: ...


class Readers(Protocol):
    """Whoever follows the log live."""

    @property
    def readers(self) -> int: ...


class Figures(Collector):
    """One gateway's figures. ``work`` looks, in the loop's thread; they are asked for in any."""

    def __init__(
        self,
        service: str,
        registry: CollectorRegistry,
        pool: Pool,
        freshness: Callable[[], Mapping[str, Fresh]],
        live: Readers,
    ) -> None:
        self._service = service
        self._pool = pool
        self._freshness = freshness
        self._live = live
        self._looks = self._look_at_views, self._look_at_money, self._look_at_orders, self._look_at_settlements
        self._seen: dict[_Look, Sequence[_Value]] = dict.fromkeys(self._looks, ())
        self._at: int | None = None
        self._settlement = self._histogram(registry, SETTLEMENT).labels(service)
        self._seconds = self._histogram(registry, SECONDS)
        self._requests = Counter(REQUESTS.name, REQUESTS.help, ("service", *REQUESTS.labels), registry=registry)
        self._counts: dict[tuple[str, str, int | str], Counter] = {}
        self._timings: dict[str, Histogram] = {}
        registry.register(self)

    async def work(self) -> None:
        """Look every few seconds, for ever."""
        await asyncio.gather(*map(self._keep_looking, self._looks))

    async def look(self) -> None:
        """Look at everything once."""
        for look in self._looks:
            await self._see(look)

    async def _keep_looking(self, look: _Look) -> None:
        while True:
            began = time.monotonic()
            await self._see(look)
            await asyncio.sleep(max(LOOK_SECONDS, (time.monotonic() - began) / LOOKING_SHARE_MAX))

    async def _see(self, look: _Look) -> None:
        """What cannot be seen is not told, so that nobody takes what was for how things are."""
        try:
            self._seen[look] = tuple(await look())
        except AWAY as error:
            self._seen[look] = ()
            log.warning("%s: cannot be seen: %s", look.__name__.removeprefix("_look_at_"), type(error).__name__)

    async def _look_at_views(self) -> Iterable[_Value]:
        now = datetime.now(UTC)
        ages = {
            stream: (now - fresh.shown_at).total_seconds() if fresh.behind and fresh.shown_at else 0.0
            for stream, fresh in self._freshness().items()
        }
        behind = (_Value(BEHIND, stream, fresh.behind) for stream, fresh in self._freshness().items())
        return *behind, *(_Value(AGE, stream, max(0.0, age)) for stream, age in ages.items())

    async def _look_at_money(self) -> Iterable[_Value]:
        escrow, conservation = await figures.money(self._pool)
        return (
            *(_Value(ESCROW, currency, minor) for currency, minor in escrow.items()),
            *(_Value(CONSERVATION, currency, minor) for currency, minor in conservation.items()),
        )

    async def _look_at_orders(self) -> Iterable[_Value]:
        async with unhurried(self._pool, ORDERS_SECONDS_MAX) as reader:
            return [_Value(ORDERS, status, count) for status, count in (await figures.orders(reader)).items()]

    async def _look_at_settlements(self) -> Iterable[_Value]:
        self._at, seconds = await figures.settled_since(self._pool, self._at)
        for each in seconds:
            self._settlement.observe(each)
        return ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        values = [value for look in self._looks for value in self._seen[look]]
        for metric in _SHOWN:
            family = GaugeMetricFamily(metric.name, metric.help, labels=("service", *metric.labels))
            for value in values:
                if value.metric is metric:
                    family.add_metric((self._service, value.label), value.value)
            yield family
        readers = GaugeMetricFamily(READERS.name, READERS.help, labels=("service",))
        readers.add_metric((self._service,), self._live.readers)
        yield readers

    def counting(self, app: ASGIApp) -> ASGIApp:
        """The application, with its answers counted and timed."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return await app(scope, receive, send)
            began, status, seconds = perf_counter(), NO_ANSWER, 0.0

            async def sent(message: Message) -> None:
                nonlocal status, seconds
                if message["type"] == "http.response.start":
                    status, seconds = message["status"], perf_counter() - began
                await send(message)

            try:
                return await app(scope, receive, sent)
            finally:
                route = getattr(scope.get("route"), "path", NO_ROUTE)
                self._count(scope["method"], route, status, seconds or perf_counter() - began)

        return counted

    def _count(self, method: str, route: str, status: int | str, seconds: float) -> None:
        counted = method, route, status
        count = self._counts.get(counted)
        if count is None:
            known = method if method in METHODS else OTHER
            count = self._requests.labels(self._service, known, route, str(status))
            if known == method:  # there is no end to what else somebody may call a method
                self._counts[counted] = count
        count.inc()
        timing = self._timings.get(route)
        if timing is None:
            timing = self._timings[route] = self._seconds.labels(self._service, route)
        timing.observe(seconds)

    @staticmethod
    def _histogram(registry: CollectorRegistry, metric: Metric) -> Histogram:
        return Histogram(
            metric.name, metric.help, ("service", *metric.labels), registry=registry, buckets=metric.buckets
        )
