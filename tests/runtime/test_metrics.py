"""What a process counts and measures of itself, to the last one."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agora.memory import MemoryLog, MemoryStore, VirtualClock
from agora.metrics import METRICS, Metrics
from agora.ports import OutboxRow, Unavailable
from agora.service import Service
from agora.turns import Engine
from agora.wire import Cause, data_of, seal
from tests.runtime.counting import COUNTERS, AboutCounter, Add, Ignored, RingAfter, counting
from tests.runtime.errands import Ask, broken
from tests.runtime.scrape import exposed
from tests.runtime.shop import hanging, shop

CAUSE = Cause("2030-01-01T00:00:00Z", "story", "", "0" * 32)


class Shut(MemoryLog):
    """A log that takes nothing until it is opened."""

    is_open = False

    async def publish(self, rows: Sequence[OutboxRow]) -> int:
        if not self.is_open:
            raise Unavailable("shut")
        return await super().publish(rows)


class Bench:
    """A watched engine in memory, of the counting service, in virtual time."""

    def __init__(self, partitions: int = 1) -> None:
        self.clock = VirtualClock()
        self.log = Shut(self.clock, partitions)
        self.store = MemoryStore()
        self.metrics = Metrics(counting(), self.clock)
        self.end = 0
        self.told = 0

    def engine(self, service: Service | None = None) -> Engine:
        return Engine(service or counting(), self.store, self.log, self.clock)

    def follow(self, engine: Engine) -> None:
        self.metrics.follow(engine, lambda: {0: self.end})

    def say(self, *events: AboutCounter) -> None:
        for event in events:
            self.told += 1
            value = seal(CAUSE, "test-0", self.told, event.wire_name, event.counter, data_of(event))
            self.log.append(COUNTERS.name, event.counter.encode(), value)
        self.end = len(self.records())

    def wait(self, seconds: float) -> None:
        self.clock.advance(self.clock.now() + timedelta(seconds=seconds))

    def records(self) -> list[Any]:
        return self.log.stream(COUNTERS.name)[0]

    def look(self) -> dict[str, float]:
        return exposed(self.metrics.registry)


def adds(count: int) -> list[Add]:
    return [Add(counter="a", amount=1) for _ in range(count)]


async def test_an_event_that_waits_to_be_published_grows_old_until_it_is() -> None:
    bench = Bench()
    engine = bench.engine()
    bench.follow(engine)
    bench.say(*adds(2))
    await engine.own([0])
    await engine.take(bench.records())
    bench.wait(7)
    bench.say(*adds(1))
    await engine.take(bench.records())
    look = bench.look()
    assert look["agora_outbox_rows"] == 3
    assert 7 <= look["agora_outbox_oldest_seconds"] < 7.1
    bench.log.is_open = True
    await engine.relay.step()
    assert (bench.look()["agora_outbox_rows"], bench.look()["agora_outbox_oldest_seconds"]) == (0, 0)


async def test_what_an_earlier_owner_left_is_as_old_as_it_is() -> None:
    bench = Bench()
    first = bench.engine()
    bench.say(*adds(3))
    await first.own([0])
    await first.take(bench.records())
    bench.wait(60)
    arrived = asyncio.Event()
    let_go = asyncio.Event()

    class Slow(MemoryLog):
        async def publish(self, rows: Sequence[OutboxRow]) -> int:
            arrived.set()
            await let_go.wait()
            return await super().publish(rows)

    heir = Engine(counting(), bench.store, Slow(bench.clock, partitions=1), bench.clock)
    bench.metrics.follow(heir)
    owning = asyncio.create_task(heir.own([0]))
    await arrived.wait()
    assert bench.look()["agora_outbox_rows"] == 3
    assert 60 <= bench.look()["agora_outbox_oldest_seconds"] < 60.1
    let_go.set()
    await owning
    assert bench.look()["agora_outbox_oldest_seconds"] == 0


async def test_a_partition_lags_by_what_is_not_heard_and_not_by_how_long_nothing_was_said() -> None:
    bench = Bench()
    bench.log.is_open = True
    engine = bench.engine()
    bench.follow(engine)
    await engine.own([0])
    bench.say(*adds(1))
    await engine.take(bench.records())
    bench.metrics.beat()
    assert lag(bench) == (0, 0)
    bench.wait(3600)
    bench.metrics.beat()
    bench.say(*adds(4))
    bench.metrics.beat()
    records, old = lag(bench)
    assert (records, round(old)) == (4, 0)
    bench.wait(30)
    assert (lag(bench)[0], round(lag(bench)[1])) == (4, 30)
    engine.forget()  # as when PostgreSQL goes away: nothing is owned, and all the same it lags
    bench.metrics.beat()
    assert (lag(bench)[0], round(lag(bench)[1])) == (4, 30)
    await engine.take(bench.records())
    assert lag(bench) == (0, 0)


async def test_a_backlog_is_as_old_as_the_newest_record_heard_of_it() -> None:
    bench = Bench()
    bench.say(*adds(3))
    bench.wait(500)
    bench.say(Ignored(counter="a"), Ignored(counter="a"))
    bench.wait(100)
    bench.say(*adds(1))
    engine = bench.engine()
    bench.follow(engine)
    await engine.own([0])
    bench.metrics.beat()
    assert lag(bench)[0] == 6
    await engine.take(bench.records()[:3])
    assert (lag(bench)[0], round(lag(bench)[1])) == (3, 600)
    await engine.take(bench.records()[3:5])
    assert (lag(bench)[0], round(lag(bench)[1])) == (1, 100)


async def test_a_step_is_as_long_as_its_records_were_in_the_log_before_the_commit() -> None:
    bench = Bench(partitions=2)
    bench.say(*adds(2))
    bench.wait(10)
    bench.say(Add(counter="d", amount=1))
    bench.wait(2)
    engine = bench.engine()
    bench.follow(engine)
    newer, older = bench.log.stream(COUNTERS.name)
    assert (len(newer), len(older)) == (1, 2)
    await engine.take([*newer, *older])
    look = bench.look()
    assert look["agora_step_seconds_count"] == 2  # the oldest, and the newest
    assert 14 <= look["agora_step_seconds_sum"] < 14.1


async def test_what_was_counted_before_is_not_counted_again_by_the_next_engine() -> None:
    bench = Bench()
    engine = bench.engine()
    bench.follow(engine)
    bench.say(*adds(3))
    await engine.take(bench.records())
    bench.log.is_open = True
    heir = bench.engine()
    bench.follow(heir)
    bench.say(*adds(2), RingAfter(counter="a", seconds=60))
    await heir.take(bench.records())
    look = bench.look()
    assert look["agora_turns_total{event=Add.v1}"] == 5
    assert look["agora_turns_total{event=RingAfter.v1}"] == 1
    assert look["agora_turns_total{event=Rang.v1}"] == 0
    assert look["agora_events_told_total{event=Totalled.v1}"] == 5
    assert (look["agora_batch_turns_count"], look["agora_batch_turns_sum"]) == (2, 6)
    bench.metrics.follow(None)
    bench.say(*adds(1))
    await heir.take(bench.records())
    assert bench.look()["agora_batch_turns_sum"] == 6


async def test_without_a_worker_there_is_no_lag_and_all_else() -> None:
    bench = Bench()
    engine = bench.engine()
    bench.metrics.follow(engine)
    bench.say(*adds(1))
    await engine.take(bench.records())
    bench.metrics.beat()
    look = bench.look()
    assert not [name for name in look if "lag" in name]
    assert (look["agora_turns_total{event=Add.v1}"], look["agora_partitions_owned"]) == (1, 1)


async def test_calls_and_breakers_are_told_by_target() -> None:
    async with shop(concurrency_max=2, attempts_max=100) as opened:
        metrics = Metrics(opened.service, opened.clock)
        metrics.follow(opened.engine)
        answer, let_go = hanging()
        opened.outside.answers["slow"] = answer
        await opened.hear(*(Ask(counter="a", what="slow", name=str(number)) for number in range(3)))
        opened.call()
        look = exposed(metrics.registry)
        assert look["agora_activities_held{target=shop}"] == 3
        assert look["agora_calls_under_way{target=shop}"] == 2
        assert look["agora_activities_held{target=post office}"] == 0
        let_go.set()
        await asyncio.gather(*opened.calls)
        await opened.settle()
        opened.outside.answers["post:x"] = broken
        await opened.hear(*(Ask(counter="a", what="post:x", name=f"{number}") for number in range(5)))
        await opened.perform()
        look = exposed(metrics.registry)
        assert (look["agora_breaker_open{target=post office}"], look["agora_breaker_open{target=shop}"]) == (1, 0)
        assert look["agora_failed_attempts_total"] == 5


async def test_what_is_documented_is_exported_and_nothing_else() -> None:
    async with shop() as opened:
        metrics = Metrics(opened.service, opened.clock)
        metrics.follow(opened.engine, lambda: {0: 1}, lambda: 1)
        await opened.hear(Ask(counter="a", what="bread"))
        metrics.beat()
        families = list(text_string_to_metric_families(generate_latest(metrics.registry).decode()))
    found = {
        (
            family.name + ("_total" if family.type == "counter" else ""),
            family.type,
            family.documentation,
            frozenset(label for sample in family.samples for label in sample.labels) - {"le"},
        )
        for family in families
        if family.name.startswith("agora_")
    }
    assert found == {
        (metric.name, metric.kind, metric.help, frozenset({"service", *metric.labels})) for metric in METRICS
    }
    assert {"process_resident_memory_bytes", "process_cpu_seconds"} <= {family.name for family in families}


def lag(bench: Bench) -> tuple[float, float]:
    look = bench.look()
    return look["agora_lag_records{partition=0}"], look["agora_lag_seconds{partition=0}"]
