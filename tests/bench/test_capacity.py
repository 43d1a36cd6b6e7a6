"""The arithmetic of how much a rate of orders needs; the figures in the documents are what it says."""

from pathlib import Path

import pytest

from agora.discovery import services
from bench.capacity import (
    BROKERS_MIN,
    BUSY_MAX,
    FIGURES,
    ceiling_per_second,
    cores,
    markdown,
    need,
    processes,
    servers,
    skews_of,
)
from bench.footprint import Footprint
from bench.skew import Skew
from bench.turns import hearers

PAGE = Path(__file__).parents[2] / "docs" / "operate.md"
MILLISECOND = 1.0


def footprint(cpu_ms: float = MILLISECOND, kilobytes: float = 1.0) -> Footprint:
    names = [service.name for service in services()]
    return Footprint(
        checkouts=1,
        turns=1.0,
        cpu_ms=dict.fromkeys((*names, "postgres", "kafka"), cpu_ms),
        log_bytes=kilobytes * 1000,
        table_bytes=dict.fromkeys(names, kilobytes * 1000),
        wal_bytes=kilobytes * 1000,
        hardware={},
    )


def even(*partitions: int) -> list[Skew]:
    streams = set(hearers().values())
    return [Skew(one, count, 1, 1, 1.0, 1.0, 1 / count, 0.0) for one in streams for count in partitions]


def test_a_core_gives_so_many_milliseconds_a_second() -> None:
    assert cores(cpu_ms=2.0, per_second=500) == 1.0
    assert processes(cpu_ms=2.0, per_second=500) == 2  # one would be busier than it may be
    assert processes(cpu_ms=2.0, per_second=500 * BUSY_MAX) == 1


@pytest.mark.parametrize(("load", "expected"), [(0.0, 1), (6.0, 1), (6.1, 2), (60.0, 10)])
def test_servers_are_whole_and_none_is_busier_than_it_may_be(load: float, expected: int) -> None:
    assert servers(load, capacity=10 / BUSY_MAX * BUSY_MAX) == expected


def test_as_many_partitions_are_taken_as_the_fullest_one_needs() -> None:
    few = need(footprint(), even(4, 8), per_second=1_000)
    assert (few.partitions, few.hottest["buyer"], few.too_hot) == (4, 0.25, [])
    more = need(footprint(), even(4, 8), per_second=4_000)
    assert (more.partitions, more.hottest["buyer"]) == (8, 0.5)


def test_what_no_partition_can_carry_is_said() -> None:
    hot = need(footprint(), even(4, 8), per_second=8_000)
    assert (hot.partitions, set(hot.too_hot)) == (8, set(hearers()))


def test_a_gateway_is_one_process_however_much_is_asked_of_it() -> None:
    assert need(footprint(), even(512), per_second=2_000).gateway_cores == 2.0


def test_disks_fill_with_all_replicas_and_all_tables() -> None:
    found = need(footprint(kilobytes=10.0), even(512), per_second=1_000)
    kilobytes_a_day = 1_000 * 86_400 * 10
    assert found.log_tb_per_day == pytest.approx(3 * kilobytes_a_day / 1e9)
    assert found.tables_tb_per_day == pytest.approx(len(services()) * kilobytes_a_day / 1e9)


def test_the_slower_of_processor_and_disk_says_how_many_servers_there_are() -> None:
    idle = need(footprint(cpu_ms=0.001, kilobytes=0.001), even(512), per_second=10)
    assert (idle.postgres_servers, idle.brokers) == (1, BROKERS_MIN)
    written = need(footprint(cpu_ms=0.001, kilobytes=300.0), even(512), per_second=10_000)
    assert written.postgres_servers == 17  # 3,000 MB/s of 180 each
    assert written.brokers == 75  # three times that, of 120 each


def test_a_ceiling_is_the_rate_at_which_one_core_has_all_it_may() -> None:
    rate = ceiling_per_second(cpu_ms=0.5, hottest_share=0.01)
    assert cores(0.5, rate) * 0.01 == pytest.approx(BUSY_MAX)


def test_the_page_holds_what_the_command_says_of_the_recorded_figures() -> None:
    assert markdown(Footprint.read(FIGURES), skews_of()) in PAGE.read_text()


def test_the_recorded_figures_are_of_every_process() -> None:
    found = Footprint.read(FIGURES)
    names = {service.name for service in services()}
    assert found.cpu_ms.keys() == {*names, "postgres", "kafka"}
    assert found.table_bytes.keys() == names
    assert all(value > 0 for value in (*found.cpu_ms.values(), found.log_bytes, found.wal_bytes))
