"""Spans on their way to a collector: OTLP 1.x, protobuf over HTTP.

The exporter of OpenTelemetry's own SDK answers every failure with one word, and gives a batch up after some seconds.
Whoever must lose nothing has to know whether to wait, or which span it is that nobody will ever take.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from agora.spans import Span

POST_SECONDS_MAX: Final = 10.0
ANSWER_BYTES_MAX: Final = 64 * 1024
WORDS_MAX: Final = 300
PATH: Final = "/v1/traces"
REFUSALS: Final = frozenset({400, 413, 422})
"""What a collector answers to spans that it will never take; whatever else it answers may be put right."""
HEADERS: Final = {"content-type": "application/x-protobuf"}
_SCOPE: Final = InstrumentationScope(name="agora.log")
_NS_PER_MS: Final = 1_000_000
_MS_PER_S: Final = 1_000
_IS_ERROR: Final = Status(code=Status.STATUS_CODE_ERROR)


class Away(Exception):
    """The collector cannot be reached, or takes nothing now; ``seconds`` is how long it asks to be left alone."""

    def __init__(self, words: str, seconds: float = 0.0) -> None:
        super().__init__(words)
        self.seconds = seconds


class NotTaken(Exception):
    """The collector will never take these spans."""


class Collector:
    """A collector, by its URL, such as ``http://collector:4318``."""

    def __init__(self, url: str, session: ClientSession) -> None:
        self.url = url if url.endswith(PATH) else url.rstrip("/") + PATH
        self._session = session

    async def send(self, spans: Sequence[Span]) -> int:
        """Send spans, and return how many of them it did not want. Raises ``Away`` or ``NotTaken``."""
        try:
            async with self._session.post(
                self.url,
                data=request_of(spans),
                headers=HEADERS,
                timeout=ClientTimeout(total=POST_SECONDS_MAX),
                allow_redirects=False,
            ) as answer:
                return _rejected(answer, await answer.content.read(ANSWER_BYTES_MAX))
        except (ClientError, TimeoutError, OSError) as error:
            raise Away(f"the collector at {self.url}: {type(error).__name__}: {error}"[:WORDS_MAX]) from None


def request_of(spans: Sequence[Span]) -> bytes:
    """The request that exports spans, those of each service together."""
    by_service: dict[str, list[OtlpSpan]] = {}
    for span in spans:
        by_service.setdefault(span.service, []).append(_span(span))
    return ExportTraceServiceRequest(
        resource_spans=[
            ResourceSpans(
                resource=Resource(attributes=[_attribute("service.name", service)]),
                scope_spans=[ScopeSpans(scope=_SCOPE, spans=said)],
            )
            for service, said in by_service.items()
        ]
    ).SerializeToString()


def _span(span: Span) -> OtlpSpan:
    return OtlpSpan(
        trace_id=bytes.fromhex(span.trace),
        span_id=bytes.fromhex(span.id),
        parent_span_id=bytes.fromhex(span.parent),
        name=span.name,
        kind=OtlpSpan.SPAN_KIND_CONSUMER if span.parent else OtlpSpan.SPAN_KIND_PRODUCER,
        start_time_unix_nano=span.started_ms * _NS_PER_MS,
        end_time_unix_nano=span.ended_ms * _NS_PER_MS,
        attributes=[_attribute(name, value) for name, value in span.attributes],
        events=[OtlpSpan.Event(name="said", time_unix_nano=span.said_ms * _NS_PER_MS)],
        status=_IS_ERROR if span.is_failure else None,
    )


def _attribute(name: str, value: str | int) -> KeyValue:
    if isinstance(value, str):
        return KeyValue(key=name, value=AnyValue(string_value=value))
    return KeyValue(key=name, value=AnyValue(int_value=value))


def _rejected(answer: ClientResponse, body: bytes) -> int:
    if answer.status // 100 == 2:  # noqa: PLR2004 - every success
        return _counted(body)
    words = f"{answer.status} {answer.reason}: {body[:WORDS_MAX].decode(errors='replace')}"
    if answer.status in REFUSALS:
        raise NotTaken(words)
    raise Away(f"the collector at {answer.url}: {words}"[:WORDS_MAX], _seconds(answer.headers))


def _counted(body: bytes) -> int:
    """How many spans of a request that was taken were left out of it."""
    if not body:
        return 0
    try:
        taken: Any = ExportTraceServiceResponse.FromString(body)
    except DecodeError:
        return 0  # a gateway in between has answered in words of its own
    return max(0, taken.partial_success.rejected_spans)


def _seconds(headers: Mapping[str, str]) -> float:
    asked = headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdigit() else 0.0
