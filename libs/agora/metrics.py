"""What a process counts and measures of itself, in the words of Prometheus.

Gauges are read from the engine when somebody asks. Counters and histograms are kept since the process began, by one
pass over the tallies of every commit. Nothing is done per event. What the partition rows tally outlives the process.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import Final, Literal, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from agora.clock import WallClock
from agora.control import ErrorOccurred
from agora.observer import Observer
from agora.partition import Partition
from agora.ports import Clock, Commit, Move, Record
from agora.service import Service
from agora.turns import Engine, members


class Metric(NamedTuple):
    """One metric as it is exported; every one of ours also carries ``service``."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


OUTBOX_ROWS: Final = Metric("agora_outbox_rows", "gauge", "Committed events that wait to be published.")
OUTBOX_SECONDS: Final = Metric(
    "agora_outbox_oldest_seconds",
    "gauge",
    "Age of the committed event that has waited longest to be published; 0 when none waits.",
)
PARTITIONS: Final = Metric("agora_partitions_owned", "gauge", "Partitions this process owns.")
STREAM: Final = Metric("agora_stream_partitions", "gauge", "Partitions of the stream that the service hears.")
LAG_RECORDS: Final = Metric("agora_lag_records", "gauge", "Records in the log that are not heard yet.", ("partition",))
LAG_SECONDS: Final = Metric(
    "agora_lag_seconds",
    "gauge",
    "At most so old is the oldest record that is not heard yet; 0 when all are heard.",
    ("partition",),
)
PARKED_AGENTS: Final = Metric("agora_parked_agents", "gauge", "Agents whose events are set aside behind a failure.")
ACTIVITIES: Final = Metric("agora_activities_held", "gauge", "Activities in memory that are not done.", ("target",))
CALLS: Final = Metric("agora_calls_under_way", "gauge", "Calls being made to the outside.", ("target",))
BREAKERS: Final = Metric("agora_breaker_open", "gauge", "1 while a target is left alone, 0 if not.", ("target",))
TURNS: Final = Metric("agora_turns_total", "counter", "Events decided, by type.", ("event",))
TOLD: Final = Metric("agora_events_told_total", "counter", "Events committed to be published, by type.", ("event",))
DUPLICATES: Final = Metric("agora_duplicates_total", "counter", "Events passed over as heard before.")
PARKED: Final = Metric("agora_parked_events_total", "counter", "Events set aside behind a failed turn of their agent.")
DEAD: Final = Metric("agora_dead_letters_total", "counter", "Records kept as dead letters.")
UNKNOWN: Final = Metric("agora_unknown_types_total", "counter", "Events of a type that this release does not know.")
ATTEMPTS: Final = Metric(
    "agora_failed_attempts_total", "counter", "Attempts at activities that failed and are made again."
)
BATCH: Final = Metric(
    "agora_batch_turns",
    "histogram",
    "Events decided in one commit; a commit without any is not counted.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000),
)
COMMIT: Final = Metric(
    "agora_commit_seconds",
    "histogram",
    "Duration of a commit of turns or outcomes.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
STEP: Final = Metric(
    "agora_step_seconds",
    "histogram",
    "From when a record was in the log to when its turn is committed; of each batch, the oldest record and the newest.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800),
)
METRICS: Final = (
    *(OUTBOX_ROWS, OUTBOX_SECONDS, PARTITIONS, STREAM, LAG_RECORDS, LAG_SECONDS, PARKED_AGENTS),
    *(ACTIVITIES, CALLS, BREAKERS),
    *(TURNS, TOLD, DUPLICATES, PARKED, DEAD, UNKNOWN, ATTEMPTS, BATCH, COMMIT, STEP),
)
"""Everything that is exported under the name of agora; besides it, what prometheus_client says of any process."""

_TALLIES: Final = {"duplicates": DUPLICATES, "parked": PARKED, "unknown types": UNKNOWN, "failed attempts": ATTEMPTS}
_FAMILIES: Final = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}

disable_created_metrics()  # when a histogram was made is when the process began

Place = tuple[Metric, str]  # and the event's type where the metric has that label, else nothing
Ends = Callable[[], Mapping[int, int]]
"""For every assigned partition of which it is known, the offset that the next record of the log will have."""
Width = Callable[[], int | None]
"""How many partitions the stream has, if that is known."""


class Metrics(Observer, Collector):
    """One process's metrics, of whichever engine works in it. Asked for in any thread, told and beating in the loop's.

    Nothing older than ``max(caught up, newest heard)`` is waiting in a partition: all before the moment at which it
    was last seen caught up was heard, and so was all before the newest record heard. That is what the lag in seconds
    counts from, so a partition that was idle for an hour does not lag an hour behind when a record comes.
    """

    def __init__(self, service: Service, clock: Clock | None = None) -> None:
        self.registry = CollectorRegistry()
        for register in (ProcessCollector, PlatformCollector, GCCollector):
            register(registry=self.registry)
        self.registry.register(self)
        self._service = service.name
        self._clock = clock or WallClock()
        self._engine: Engine | None = None
        self._read_ends: Ends | None = None
        self._read_width: Width | None = None
        self._width: int | None = None
        self._ends: Mapping[int, int] = {}
        self._reached: dict[int, int] = {}  # outlives a claim: while PostgreSQL is away, nothing is owned, and it lags
        self._caught_up: dict[int, float] = {}
        self._behind: dict[int, float] = {}
        self._newest: dict[int, float] = {}
        self._totals: Counter[Place] = Counter(dict.fromkeys(_places(service), 0))
        self._batch, self._commit, self._step = (self._histogram(metric) for metric in (BATCH, COMMIT, STEP))

    def follow(self, engine: Engine | None, ends: Ends | None = None, width: Width | None = None) -> None:
        """Be told of an engine's work from now on, or with ``None`` of nobody's; without ``ends`` there is no lag."""
        if self._engine is not None:
            self._engine.observer = Observer()
        if engine is not None:
            engine.observer = self
        self._engine, self._read_ends, self._ends = engine, ends, {}
        self._read_width, self._width = width, None
        self._reached, self._caught_up, self._behind, self._newest = {}, {}, {}, {}

    def beat(self) -> None:
        """See how far the log goes; a few times a second."""
        if self._engine is None or self._read_ends is None:
            return
        now, ends = self._now(), self._read_ends()
        self._width = self._read_width() if self._read_width else None
        reached = self._reached_now(self._engine.partitions)
        level = {number for number, end in ends.items() if reached.get(number, -1) >= end}
        self._reached = {number: offset for number, offset in reached.items() if number in ends}
        self._caught_up = {number: now if number in level else self._caught_up.get(number, 0) for number in ends}
        self._behind = {number: self._behind.get(number, now) for number in ends if number not in level}
        self._newest = {number: newest for number, newest in self._newest.items() if number in ends}
        self._ends = ends

    @contextmanager
    def committing(self, commit: Commit) -> Generator[None]:
        began = perf_counter()
        yield
        self._commit.observe(perf_counter() - began)
        turns = sum(self._count(move) for move in commit.moves)
        if turns:
            self._batch.observe(turns)
        self._totals[DEAD, ""] += len(commit.dead_letters)

    def taken(self, records: Sequence[Record]) -> None:
        self.passed(records)
        ends = [(first.timestamp, last.timestamp) for first, last in _by_partition(records)]
        now = self._now()
        for appended in (min(first for first, _ in ends), max(last for _, last in ends)):
            self._step.observe(max(0.0, now - appended / 1000))

    def passed(self, records: Sequence[Record]) -> None:
        for _, last in _by_partition(records):
            self._newest[last.partition] = last.timestamp / 1000
            self._reached[last.partition] = last.offset + 1

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        values = [*self._gauges(), *((*place, total) for place, total in self._totals.copy().items())]
        for metric in METRICS:
            if metric.kind == "histogram":
                continue
            family = _FAMILIES[metric.kind](metric.name, metric.help, labels=("service", *metric.labels))
            for of, label, value in values:
                if of is metric:
                    family.add_metric((self._service, label) if metric.labels else (self._service,), value)
            yield family

    def _gauges(self) -> Iterator[tuple[Metric, str, float]]:
        engine = self._engine
        if engine is None:
            return
        since, partitions = engine.relay.waiting_since, engine.partitions
        yield OUTBOX_ROWS, "", engine.relay.rows
        yield OUTBOX_SECONDS, "", max(0.0, self._now() - since.timestamp()) if since else 0
        yield PARTITIONS, "", len(partitions)
        if self._width is not None:
            yield STREAM, "", self._width
        yield PARKED_AGENTS, "", sum(len(partition.parked) for partition in partitions.values())
        for target in engine.performing.targets():
            yield ACTIVITIES, target.name, target.held
            yield CALLS, target.name, target.calling
            yield BREAKERS, target.name, target.is_open
        yield from self._lags(partitions)

    def _lags(self, partitions: Mapping[int, Partition]) -> Iterator[tuple[Metric, str, float]]:
        now, reached = self._now(), self._reached_now(partitions)
        for number, end in self._ends.items():
            if number not in reached:
                continue
            waiting = max(0, end - reached[number])
            known = max(self._caught_up.get(number, 0), self._newest.get(number, 0)) or self._behind.get(number, now)
            yield LAG_RECORDS, str(number), waiting
            yield LAG_SECONDS, str(number), max(0.0, now - known) if waiting else 0

    def _reached_now(self, partitions: Mapping[int, Partition]) -> dict[int, int]:
        """The next offset to hear of every partition of which that is known."""
        return {**self._reached, **{number: partition.next_offset for number, partition in partitions.items()}}

    def _count(self, move: Move) -> int:
        """Add what a commit has added to a partition's tallies; return how many turns that were."""
        turns, before = 0, move.before.counts
        for tally, count in move.after.counts.items():
            added = count - before.get(tally, 0)
            if not added:
                continue
            kind, _, event = tally.partition(" ")
            if kind == "heard":
                turns += added
                self._totals[TURNS, event] += added
            elif kind == "told":
                self._totals[TOLD, event] += added
            elif tally in _TALLIES:
                self._totals[_TALLIES[tally], ""] += added
        return turns

    def _histogram(self, metric: Metric) -> Histogram:
        made = Histogram(metric.name, metric.help, ("service",), registry=self.registry, buckets=metric.buckets)
        return made.labels(self._service)

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _places(service: Service) -> Iterable[Place]:
    """Every counter there can be from the beginning, at zero, so that the first step of each is seen as one."""
    yield from ((metric, "") for metric in (*_TALLIES.values(), DEAD))
    yield from ((TURNS, event.wire_name) for event in members(service.consumes))
    yield from ((TOLD, event.wire_name) for event in (*members(service.publishes), ErrorOccurred))


def _by_partition(records: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    """The first and the last record of each partition, found without looking at those between."""
    start = 0
    while start < len(records):
        number = records[start].partition
        end = _end_of(records, number, start)
        yield records[start], records[end - 1]
        start = end


def _end_of(records: Sequence[Record], number: int, start: int) -> int:
    low, high = start + 1, len(records)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if records[middle].partition == number else (low, middle)
    return low
