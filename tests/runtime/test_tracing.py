"""The exporter of traces on a real Kafka: the collector gets every record once, whoever is away in between."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from agora.discovery import streams
from agora.settings import SettingsError
from agora.topics import ensure_topics
from agora.tracing import REQUEST_SPANS_MAX, Exporter, TracingSettings
from agora.wire import Cause, seal, trace_of
from tests.runtime.kafka_reader import Raw, Teller
from tests.runtime.otlp_receiver import SECONDS_MAX, Receiver, receiving, until

STREAMS = ("buyers", "sellers")
TIME = "2026-01-01T00:00:00.000Z"


def told(number: int, cause: int = 0) -> Raw:
    follows = f"test-0/{cause}" if cause else ""
    subject = f"a{number}"
    value = seal(Cause(TIME, "S", follows, trace_of("", "S")), "test-0", number, "Told.v1", subject, b"{}")
    return Raw(subject.encode(), value)


@pytest.fixture
async def topics(kafka: str, namespace: str) -> list[str]:
    names = [f"{namespace}{stream}" for stream in STREAMS]
    await ensure_topics(kafka, names, 2)
    return names


@pytest.fixture
async def receiver() -> AsyncGenerator[Receiver]:
    async with receiving() as opened:
        yield opened


@asynccontextmanager
async def exporting(kafka: str, namespace: str, url: str) -> AsyncGenerator[Exporter]:
    """An exporter at work, which ends in order."""
    exporter = Exporter(kafka, namespace, STREAMS, url)
    running = asyncio.create_task(exporter.run())
    try:
        yield exporter
    finally:
        exporter.stop()
        await asyncio.wait_for(running, SECONDS_MAX)


async def test_every_record_of_every_stream_arrives_once_as_a_span_of_its_service(
    kafka: str, namespace: str, topics: list[str], receiver: Receiver
) -> None:
    async with Teller(kafka) as teller, exporting(kafka, namespace, receiver.url) as exporter:
        await teller.tell(topics[0], told(1), told(1), Raw(b"x", b"no event"))
        await until(lambda: len(receiver.spans) == 1 and exporter.counts.unreadable == 1)
        await teller.tell(topics[1], *(told(number, cause=1) for number in range(2, 500)))
        await until(lambda: len(receiver.spans) == 499)
    assert sorted(receiver.subjects()) == sorted(f"a{number}" for number in range(1, 500))
    assert {service for service, _ in receiver.spans} == {"agora-test"}
    root = receiver.spans[0][1]
    assert {span.parent_span_id for _, span in receiver.spans[1:]} == {root.span_id}
    assert {span.trace_id.hex() for _, span in receiver.spans} == {trace_of("", "S")}
    assert all(span.start_time_unix_nano == root.end_time_unix_nano for _, span in receiver.spans[1:])
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for _, span in receiver.spans)
    counts = exporter.counts
    assert (counts.exported, counts.repeated, counts.unreadable, counts.refused) == (499, 1, 1, 0)


async def test_a_backlog_is_sent_in_requests_of_bounded_length(
    kafka: str, namespace: str, topics: list[str], receiver: Receiver
) -> None:
    count = 2 * REQUEST_SPANS_MAX + 10
    async with Teller(kafka) as teller:
        await teller.tell(topics[0], *(told(number) for number in range(count)))
    async with exporting(kafka, namespace, receiver.url):
        await until(lambda: len(receiver.spans) >= count)
    assert sorted(receiver.subjects()) == sorted(f"a{number}" for number in range(count))
    assert 100 < receiver.largest <= REQUEST_SPANS_MAX


async def test_it_waits_for_streams_that_are_not_there_yet(
    kafka: str, namespace: str, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    async with Teller(kafka) as teller, exporting(kafka, namespace, receiver.url):
        await until(lambda: f"waiting for the topics {namespace}buyers, {namespace}sellers" in caplog.text)
        await ensure_topics(kafka, [f"{namespace}{stream}" for stream in STREAMS], 1)
        await teller.tell(f"{namespace}buyers", told(1))
        await until(lambda: len(receiver.spans) == 1)


@pytest.mark.parametrize("status", [503, 429, 404, 500])
async def test_nothing_is_lost_while_the_collector_takes_nothing(
    kafka: str, namespace: str, topics: list[str], receiver: Receiver, status: int
) -> None:
    receiver.status = status
    async with Teller(kafka) as teller, exporting(kafka, namespace, receiver.url) as exporter:
        await teller.tell(topics[0], *(told(number) for number in range(1, 20)))
        await until(lambda: receiver.asked >= 2)
        assert (receiver.spans, exporter.counts.exported) == ([], 0)
        receiver.status = 200
        await until(lambda: len(receiver.spans) == 19)
    assert sorted(receiver.subjects()) == sorted(f"a{number}" for number in range(1, 20))


async def test_it_goes_on_where_it_stopped(kafka: str, namespace: str, topics: list[str], receiver: Receiver) -> None:
    async with Teller(kafka) as teller:
        await teller.tell(topics[0], *(told(number) for number in range(1, 20)))
        async with exporting(kafka, namespace, receiver.url):
            await until(lambda: len(receiver.spans) == 19)
        await teller.tell(topics[0], *(told(number) for number in range(20, 30)))
        async with exporting(kafka, namespace, receiver.url):
            await until(lambda: len(receiver.spans) >= 29)
    assert sorted(receiver.subjects()) == sorted(f"a{number}" for number in range(1, 30))


async def test_what_the_collector_never_had_is_sent_after_a_restart(
    kafka: str, namespace: str, topics: list[str], receiver: Receiver
) -> None:
    async with Teller(kafka) as teller:
        await teller.tell(topics[0], *(told(number) for number in range(1, 20)))
        receiver.status = 503
        async with exporting(kafka, namespace, receiver.url):
            await until(lambda: receiver.asked > 0)
        receiver.status = 200
        async with exporting(kafka, namespace, receiver.url):
            await until(lambda: len(receiver.spans) >= 19)
    assert sorted(receiver.subjects()) == sorted(f"a{number}" for number in range(1, 20))


async def test_a_span_that_nobody_takes_is_counted_and_holds_up_no_other(
    kafka: str, namespace: str, topics: list[str], receiver: Receiver
) -> None:
    receiver.refuses = "a7"
    async with Teller(kafka) as teller, exporting(kafka, namespace, receiver.url) as exporter:
        await teller.tell(topics[0], *(told(number) for number in range(1, 20)))
        await until(lambda: exporter.counts.refused + exporter.counts.exported == 19)
    assert (exporter.counts.refused, exporter.counts.exported) == (1, 18)
    assert sorted(receiver.subjects()) == sorted(f"a{number}" for number in range(1, 20) if number != 7)


async def test_spans_that_were_left_out_of_a_batch_are_counted(
    kafka: str, namespace: str, topics: list[str], receiver: Receiver
) -> None:
    receiver.rejects = 1
    async with Teller(kafka) as teller, exporting(kafka, namespace, receiver.url) as exporter:
        await teller.tell(topics[0], told(1))
        await until(lambda: exporter.counts.refused == 1)
    assert exporter.counts.exported == 0


async def test_the_command_works_until_it_is_told_to_end(kafka: str, namespace: str, receiver: Receiver) -> None:
    await ensure_topics(kafka, [f"{namespace}{stream}" for stream in streams()], 1)
    said = {"AGORA_KAFKA": kafka, "AGORA_NAMESPACE": namespace, "AGORA_OTLP": receiver.url}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "console", "export-traces", "--json"),
        env={**os.environ, **said, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        async with Teller(kafka) as teller:
            await teller.tell(f"{namespace}buyers", told(1))
        await until(lambda: len(receiver.spans) == 1)
        process.send_signal(signal.SIGTERM)
        output, errors = await asyncio.wait_for(process.communicate(), SECONDS_MAX)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = [json.loads(line) for line in errors.splitlines()]
    assert {line["service"] for line in lines} == {"traces"}
    assert [line["event"] for line in lines][-1] == "stopped"
    assert (process.returncode, json.loads(output)["exported"]) == (0, 1)


@pytest.mark.parametrize(
    "url",
    ["collector:4318", "ftp://collector", "http://", "http://me:secret@collector", "http://c:99999", "http://[", "x"],
)
def test_a_wrong_collector_is_named_and_not_shown(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AGORA_OTLP", url)
    with pytest.raises(SettingsError, match=r"^AGORA_OTLP: should be the URL") as refused:
        TracingSettings.read()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("missing", ["AGORA_KAFKA", "AGORA_OTLP"])
def test_what_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    for variable, value in (("AGORA_KAFKA", "kafka:9092"), ("AGORA_OTLP", "http://collector:4318")):
        monkeypatch.setenv(variable, "" if variable == missing else value)
    with pytest.raises(SettingsError, match=f"^set {missing}"):
        TracingSettings.read().addresses()
