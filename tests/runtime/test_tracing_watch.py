"""What the exporter of traces shows of itself, as a monitor sees it."""

import asyncio
import json
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from agora.discovery import streams
from agora.shown import WatchError
from agora.topics import ensure_topics
from agora.tracing import Exporter
from agora.tracing_watch import open_tracing_watch
from tests.console.commands import Command, agora
from tests.runtime.kafka_reader import Raw, Teller
from tests.runtime.otlp_receiver import SECONDS_MAX, Receiver, receiving, until
from tests.runtime.scrape import Page, ask, numbers
from tests.runtime.test_tracing import told


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    async with receiving() as opened:
        yield opened


@asynccontextmanager
async def watched(kafka: str, namespace: str, receiver: Receiver) -> AsyncGenerator[tuple[Command, str]]:
    """The exporter's process, and where it shows itself."""
    variables = {"AGORA_KAFKA": kafka, "AGORA_NAMESPACE": namespace, "AGORA_OTLP": receiver.url}
    async with agora("export-traces", AGORA_WATCH="127.0.0.1:0", **variables) as process:
        line = json.loads(await process.hears("probes and metrics are at"))
        yield process, line["event"].rpartition(" ")[2]


async def readiness(url: str) -> Page:
    return await ask(url, "/readyz")


async def comes_to(url: str, **wanted: float) -> None:
    """Wait until metrics, each summed over its labels, are as they should be."""
    seen = dict[str, float]()
    async with asyncio.timeout(SECONDS_MAX):
        while seen != wanted:
            found = numbers((await ask(url, "/metrics")).body)
            seen = {name: sum(found[at] for at in found if at.partition("{")[0] == name) for name in wanted}


async def test_it_is_ready_once_it_reads_and_counts_what_it_reads(
    kafka: str, namespace: str, receiver: Receiver
) -> None:
    async with watched(kafka, namespace, receiver) as (process, url):
        assert (await ask(url, "/healthz")).status == 200
        waiting = await readiness(url)
        assert (waiting.status, waiting.said["reason"]) == (503, "for Kafka")
        await ensure_topics(kafka, [f"{namespace}{stream}" for stream in streams()], 1)
        await process.hears('"ready"')
        assert (await readiness(url)).said == {"status": "ready"}
        async with Teller(kafka) as teller:
            await teller.tell(f"{namespace}buyers", told(1), told(1), told(2), Raw(b"x", b"no event"))
        await comes_to(
            url,
            agora_traces_records_total=4,
            agora_traces_spans_total=2,
            agora_traces_repeated_total=1,
            agora_traces_unreadable_total=1,
            agora_traces_refused_total=0,
            agora_traces_lag_records=0,
        )
        process.process.send_signal(signal.SIGTERM)
        assert (await process.ended())[0] == 0


async def test_while_the_collector_takes_nothing_it_is_not_ready_and_lags(
    kafka: str, namespace: str, receiver: Receiver
) -> None:
    await ensure_topics(kafka, [f"{namespace}{stream}" for stream in streams()], 1)
    receiver.status = 503
    async with watched(kafka, namespace, receiver) as (process, url):
        async with Teller(kafka) as teller:
            await teller.tell(f"{namespace}buyers", *(told(number) for number in range(1, 6)))
        await process.hears("waiting for the collector")
        assert (await readiness(url)).said["reason"] == "for the collector"
        found = numbers((await ask(url, "/metrics")).body)
        assert found["agora_traces_lag_records{partition=0,stream=buyers}"] == 5
        assert found["agora_traces_lag_seconds{partition=0,stream=buyers}"] > 0
        receiver.status = 200
        await until(lambda: len(receiver.spans) == 5)
        await comes_to(url, agora_traces_lag_records=0, agora_traces_lag_seconds=0, agora_traces_spans_total=5)
        assert (await readiness(url)).status == 200


def test_a_port_that_cannot_be_had_is_named() -> None:
    with pytest.raises(WatchError, match=r"^AGORA_WATCH: cannot listen at 192.0.2.1:1"):
        open_tracing_watch(Exporter("kafka:9092", "", ("buyers",), "http://collector:4318"), "192.0.2.1:1")
