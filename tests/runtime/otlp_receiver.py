"""A collector of spans, as strict as a test wants it to be."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

SECONDS_MAX = 30


@dataclass
class Receiver:
    """What has arrived, span by span with its service; every request is answered with ``status``."""

    spans: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    status: int = 200
    refuses: str = ""
    rejects: int = 0
    asked: int = 0
    largest: int = 0
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        assert request.path == "/v1/traces"
        assert request.headers["content-type"] == "application/x-protobuf"
        self.asked += 1
        told: Any = ExportTraceServiceRequest.FromString(await request.read())
        spans = [
            (resource.resource.attributes[0].value.string_value, span)
            for resource in told.resource_spans
            for span in resource.scope_spans[0].spans
        ]
        self.largest = max(self.largest, len(spans))
        if self.refuses in {subject_of(span) for _, span in spans}:
            return web.Response(status=400, text="a span I do not like")
        if self.status == 200:
            self.spans += spans
        answer: Any = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = self.rejects
        return web.Response(status=self.status, body=answer.SerializeToString())

    def subjects(self) -> list[str]:
        return [subject_of(span) for _, span in self.spans]


def subject_of(span: Any) -> str:
    return next(a.value.string_value for a in span.attributes if a.key == "cloudevents.event_subject")


@asynccontextmanager
async def receiving() -> AsyncGenerator[Receiver]:
    """A collector that listens somewhere here."""
    receiver = Receiver()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/{path:.*}", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        receiver.url = f"http://{host}:{port}"
        yield receiver
    finally:
        await runner.cleanup()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not condition():
            await asyncio.sleep(0.01)
