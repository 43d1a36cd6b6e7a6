"""What the exporter of traces shows of itself. Only what AGORA_WATCH makes it import knows of it."""

import time
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from agora.metrics import Metric
from agora.shown import Simple, Value, listening

if TYPE_CHECKING:
    from agora.tracing import Exporter

NAME: Final = "traces"

READ: Final = Metric("agora_traces_records_total", "counter", "Records of the log that were read to make spans.")
SENT: Final = Metric("agora_traces_spans_total", "counter", "Spans that the collector has taken.")
REPEATED: Final = Metric("agora_traces_repeated_total", "counter", "Records left out, as their span was made before.")
UNREADABLE: Final = Metric("agora_traces_unreadable_total", "counter", "Records that are no event, so have no span.")
REFUSED: Final = Metric("agora_traces_refused_total", "counter", "Spans that the collector refuses for good.")
LAG_RECORDS: Final = Metric(
    "agora_traces_lag_records", "gauge", "Records in the log without a span yet.", ("stream", "partition")
)
LAG_SECONDS: Final = Metric(
    "agora_traces_lag_seconds",
    "gauge",
    "At most so old is the oldest record without a span; 0 when all have one.",
    ("stream", "partition"),
)
TRACING_METRICS: Final = (READ, SENT, REPEATED, UNREADABLE, REFUSED, LAG_RECORDS, LAG_SECONDS)


def open_tracing_watch(exporter: "Exporter", at: str) -> Simple:
    """Listen at ``host:port``, and nowhere else. Raises ``WatchError``."""
    return listening(at, partial(Simple, NAME, TRACING_METRICS, partial(_values, exporter), lambda: exporter.waiting))


def _values(exporter: "Exporter") -> Iterator[Value]:
    counts = exporter.counts
    for metric, count in (
        (READ, counts.read),
        (SENT, counts.exported),
        (REPEATED, counts.repeated),
        (UNREADABLE, counts.unreadable),
        (REFUSED, counts.refused),
    ):
        yield Value(metric, (), count)
    for lag in exporter.backlog.lags(time.time()):
        place = exporter.stream_of(lag.topic), str(lag.partition)
        yield Value(LAG_RECORDS, place, lag.records)
        yield Value(LAG_SECONDS, place, lag.seconds)
