"""The process that makes traces of the log: it hears every stream, and sends a collector one span for every record.

Kafka keeps how far it has come, and is told only once the collector has the spans. So nothing is left out while
either is away; a process that dies sends its last batch again, as the same spans by the same ids.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import chain
from time import monotonic, time
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from aiohttp import ClientSession, DummyCookieJar
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from pydantic import AfterValidator

from agora.backlog import Backlog
from agora.identity import absence
from agora.kafka import begin, started
from agora.login import reach, why
from agora.otlp import Away, Collector, NotTaken
from agora.settings import Address, Namespace, Port, SettingsError, Variables
from agora.spans import Made, Span, SpanMaker

GROUP: Final = "traces"
BATCH_RECORDS_MAX: Final = 2_000
REQUEST_SPANS_MAX: Final = 500  # of the longest attributes there may be, below the 4 MiB that gRPC behind it takes
POLL_WAIT_MS: Final = 500
POLL_MS_MAX: Final = 600_000
SESSION_MS_MAX: Final = 10_000
PARTITION_BYTES_MAX: Final = 2_000_000
FETCH_BYTES_MAX: Final = 8_000_000
RETRY_SECONDS: Final = 0.5
RETRY_SECONDS_MAX: Final = 15.0
ASKED_SECONDS_MAX: Final = 300.0
COUNTS_SECONDS: Final = 60.0

log = logging.getLogger("agora.traces")


def _collector(value: str) -> str:
    words = "should be the URL of an OpenTelemetry collector, such as http://collector:4318, with nobody's name in it"
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError(words) from None
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_plain or not value.isprintable():
        raise ValueError(words)
    return value


class TracingSettings(Variables):
    """Where the log is, where its traces go, and where the exporter can be watched at it, if anywhere."""

    kafka: Address | None = None
    namespace: Namespace = ""
    otlp: Annotated[str, AfterValidator(_collector)] | None = None
    watch: Port | None = None

    def addresses(self) -> tuple[str, str]:
        """Kafka's and the collector's. Raises ``SettingsError`` if one is missing."""
        if self.kafka and self.otlp:
            return self.kafka, self.otlp
        wanted = {"AGORA_KAFKA (host:port)": self.kafka, "AGORA_OTLP (http://host:4318)": self.otlp}
        missing = " and ".join(name for name, given in wanted.items() if not given)
        raise SettingsError(f"set {missing}: where the log is, and where its traces go")


@dataclass(slots=True)
class Counts:
    """What became of the records since the process began."""

    read: int = 0
    exported: int = 0
    repeated: int = 0
    unreadable: int = 0
    refused: int = 0


class Stopped(Exception):
    """The process was told to end while it waited."""


class Exporter:
    """Sends the streams' spans until it is told to ``stop``."""

    def __init__(self, kafka: str, namespace: str, streams: Sequence[str], url: str) -> None:
        self.counts = Counts()
        self.backlog = Backlog()
        self.waiting: str | None = "for Kafka"
        """What it waits for, while it does nothing else."""
        self._kafka = kafka
        self._namespace = namespace
        self._topics = sorted(namespace + stream for stream in streams)
        self._url = url
        self._maker = SpanMaker()
        self._stop = asyncio.Event()
        self._counted = (monotonic(), Counts())

    def stop(self) -> None:
        """End, once the batch at hand is sent; while the collector is away, at once."""
        self._stop.set()

    def stream_of(self, topic: str) -> str:
        """The stream that a topic is of."""
        return topic.removeprefix(self._namespace)

    async def run(self) -> None:
        """Work until told to stop, however often Kafka or the collector has to be waited for."""
        wait = RETRY_SECONDS
        async with ClientSession(cookie_jar=DummyCookieJar()) as session:
            collector = Collector(self._url, session)
            with suppress(Stopped):
                while True:
                    try:
                        await self._await_topics()
                        async with self._consumer() as consumer:
                            log.info("ready")
                            wait, self.waiting = RETRY_SECONDS, None
                            await self._work(consumer, collector)
                    except (KafkaError, OSError) as error:
                        self.waiting = "for Kafka"
                        log.warning("waiting for Kafka at %s: %s", self._kafka, await why(error, self._kafka))
                    await self._pause(wait)
                    wait = min(wait * 2, RETRY_SECONDS_MAX)
        self._say_counts()
        log.info("stopped")

    async def _work(self, consumer: AIOKafkaConsumer, collector: Collector) -> None:
        while not self._stop.is_set():
            polled: Any = await consumer.getmany(timeout_ms=POLL_WAIT_MS, max_records=BATCH_RECORDS_MAX)
            if polled:
                self.backlog.took(polled)
                await self._export(collector, self._made(polled))
                await _commit(consumer, {place: records[-1].offset + 1 for place, records in polled.items()})
                self.backlog.did(polled)
            self.backlog.sees(await _places(consumer), time())
            if monotonic() - self._counted[0] > COUNTS_SECONDS:
                self._say_counts()
        raise Stopped

    def _made(self, polled: Any) -> list[Span]:
        records = chain.from_iterable(
            ((self.stream_of(place.topic), record) for record in records) for place, records in polled.items()
        )
        made = self._maker.spans(records)
        self.counts.read += sum(map(len, polled.values()))
        self.counts.repeated += made.repeated
        self._complain(made)
        return made.spans

    def _complain(self, made: Made) -> None:
        self.counts.unreadable += len(made.unreadable)
        for stream, record, reason in made.unreadable:
            place = f"{stream} partition {record.partition} offset {record.offset}"
            log.warning("no span: %s: %s", place, reason, extra={"partition": record.partition})

    async def _export(self, collector: Collector, spans: Sequence[Span]) -> None:
        """Have the collector take spans. Of those it refuses as a whole, the halves are tried, down to a single one."""
        wait = RETRY_SECONDS
        left = [spans[start : start + REQUEST_SPANS_MAX] for start in range(0, len(spans), REQUEST_SPANS_MAX)]
        while left:
            part = left[-1]
            try:
                rejected = await collector.send(part)
            except Away as away:
                self.waiting = "for the collector"
                log.warning("waiting for %s", away)
                await self._pause(max(wait, min(away.seconds, ASKED_SECONDS_MAX)))
                wait = min(wait * 2, RETRY_SECONDS_MAX)
                continue
            except NotTaken as error:
                left.pop()
                if len(part) > 1:
                    left += [part[len(part) // 2 :], part[: len(part) // 2]]
                else:
                    self._refused(1, f"{part[0].name} of {part[0].trace}: {error}")
                continue
            left.pop()
            wait, self.waiting = RETRY_SECONDS, None
            self.counts.exported += len(part) - rejected
            if rejected:
                self._refused(rejected, f"some of a batch of {len(part)}")

    def _refused(self, count: int, words: str) -> None:
        self.counts.refused += count
        log.warning("the collector does not take %s spans: %s", count, words)

    async def _pause(self, seconds: float) -> None:
        """Wait. Raises ``Stopped`` if there is nothing to wait for any more."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
            raise Stopped

    async def _await_topics(self) -> None:
        """Wait until every stream has its topic: a consumer would look for it again only after minutes."""
        wait = RETRY_SECONDS
        while True:
            admin = AIOKafkaAdminClient(**reach(self._kafka))
            try:
                await started(admin)
                missing = set(self._topics) - set(await admin.list_topics())
                reason = await absence(admin, min(missing)) if missing else ""
            finally:
                await admin.close()
            if not missing:
                return
            log.warning("waiting for the topics %s: %s", ", ".join(sorted(missing)), reason)
            await self._pause(wait)
            wait = min(wait * 2, RETRY_SECONDS_MAX)

    @asynccontextmanager
    async def _consumer(self) -> AsyncGenerator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            *self._topics,
            **reach(self._kafka),
            client_id="agora-traces",
            group_id=self._namespace + GROUP,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS_MAX,
            max_poll_interval_ms=POLL_MS_MAX,
            fetch_max_bytes=FETCH_BYTES_MAX,
            max_partition_fetch_bytes=PARTITION_BYTES_MAX,
            check_crcs=False,  # the broker has checked them
        )
        try:
            await begin(consumer)
            yield consumer
        finally:
            await consumer.stop()

    def _say_counts(self) -> None:
        """Say what was done, unless nothing was since it was said."""
        if self.counts != self._counted[1]:
            said = ", ".join(f"{count} {name}" for name, count in asdict(self.counts).items())
            log.info("records since the start: %s", said, extra={"counts": asdict(self.counts)})
        self._counted = (monotonic(), Counts(**asdict(self.counts)))


async def export_traces(exporter: Exporter) -> None:
    """Run an exporter until the process is told to end."""
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, exporter.stop)
    await exporter.run()


async def _places(consumer: AIOKafkaConsumer) -> dict[Any, tuple[int, int]]:
    """Of each partition that is read, the next offset to read and the log's next one, once Kafka has told them."""
    assigned: Any = consumer.assignment()
    ends = {place: end for place in assigned if (end := consumer.highwater(place)) is not None}
    with suppress(IllegalStateError):  # dealt to somebody else in the middle
        return {place: (await consumer.position(place), end) for place, end in ends.items()}
    return {}


async def _commit(consumer: AIOKafkaConsumer, offsets: dict[Any, int]) -> None:
    """A lost commit does no harm: the same records come again, here or elsewhere, as the same spans."""
    try:
        await consumer.commit(offsets)
    except (CommitFailedError, IllegalStateError) as error:
        log.warning("how far the log was read could not be kept: %s", type(error).__name__)
