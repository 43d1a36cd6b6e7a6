"""How much of everything a rate of orders needs, by arithmetic from measured figures: ``python -m bench.capacity``.

It prints Markdown, and ``docs/operate.md`` holds what it prints. The figures are ``bench/footprint.json``, written by
``python -m bench.footprint``; the skew is that of made-up orders, from ``bench.skew``. Give it your own of either.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Annotated, Final

import typer

from bench.footprint import Footprint
from bench.skew import ORDERS, PARTITIONS, SEED, Skew, skew, weigh
from bench.turns import hearers
from console.generator import generate
from console.retail import OrderFileError, read_orders

FIGURES: Final = Path(__file__).with_name("footprint.json")
RATES_PER_SECOND: Final = (1_000, 10_000, 100_000)
BUSY_MAX: Final = 0.6
"""So much of a core, or of a disk, may be used in the long run; the rest is for peaks and for catching up."""
POSTGRES_CORES: Final = 16
POSTGRES_WAL_MB_PER_SECOND: Final = 300
"""What one PostgreSQL server has: cores, and what its disk durably takes."""
BROKER_CORES: Final = 8
BROKER_MB_PER_SECOND: Final = 200
BROKERS_MIN: Final = 3
REPLICAS: Final = 3
FRONT: Final = "gateway"
BEGIN: Final = "<!-- capacity:begin (python -m bench.capacity) -->"
END: Final = "<!-- capacity:end -->"
MEGA: Final = 1_000_000
TERA: Final = 10**12
DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Need:
    """What a rate of orders needs. ``hottest`` is the share of one core that a service's fullest partition takes.

    ``gateway_cores`` are those of one process: several gateways share no load.
    """

    per_second: int
    partitions: int
    processes: Mapping[str, int]
    gateway_cores: float
    hottest: Mapping[str, float]
    postgres_servers: int
    brokers: int
    tables_tb_per_day: float
    log_tb_per_day: float

    @property
    def too_hot(self) -> list[str]:
        """Services whose fullest partition takes more than it may, however many processes there are."""
        return [name for name, share in self.hottest.items() if share > BUSY_MAX]


def need(found: Footprint, skews: Iterable[Skew], per_second: int) -> Need:
    """Do the arithmetic, with the fewest partitions that serve, or the most there may be."""
    shares = {(one.stream, one.partitions): one.hottest_partition for one in skews}
    options = sorted({partitions for _, partitions in shares})
    hottest: dict[str, float] = {}
    for partitions in options:
        hottest = {
            name: cores(found.cpu_ms[name], per_second) * shares[stream, partitions]
            for name, stream in hearers().items()
        }
        if all(share <= BUSY_MAX for share in hottest.values()):
            break
    else:
        partitions = options[-1]
    return Need(
        per_second,
        partitions,
        {name: processes(found.cpu_ms[name], per_second) for name in hearers()},
        cores(found.cpu_ms[FRONT], per_second),
        hottest,
        max(
            servers(cores(found.cpu_ms["postgres"], per_second), POSTGRES_CORES),
            servers(per_second * found.wal_bytes / MEGA, POSTGRES_WAL_MB_PER_SECOND),
        ),
        max(
            BROKERS_MIN,
            servers(cores(found.cpu_ms["kafka"], per_second) * REPLICAS, BROKER_CORES),
            servers(per_second * found.log_bytes * REPLICAS / MEGA, BROKER_MB_PER_SECOND),
        ),
        per_second * DAY_SECONDS * sum(found.table_bytes.values()) / TERA,
        per_second * DAY_SECONDS * found.log_bytes * REPLICAS / TERA,
    )


def cores(cpu_ms: float, per_second: float) -> float:
    """Cores that are busy all the time."""
    return cpu_ms / 1000 * per_second


def processes(cpu_ms: float, per_second: float) -> int:
    """Processes of one core each, none of them busier than it may be."""
    return servers(cores(cpu_ms, per_second), 1)


def servers(load: float, capacity: float) -> int:
    """So many of a capacity carry a load, none of them busier than it may be."""
    return max(1, ceil(load / (capacity * BUSY_MAX)))


def ceiling_per_second(cpu_ms: float, hottest_share: float) -> float:
    """Orders per second at which a service's fullest partition, or its busiest agent, takes all that it may."""
    return BUSY_MAX / (cpu_ms / 1000 * hottest_share)


def markdown(found: Footprint, skews: Sequence[Skew]) -> str:
    """The figures, and what they come to."""
    needs = [need(found, skews, per_second) for per_second in RATES_PER_SECOND]
    return "\n\n".join((_costs(found), _needs(needs), _ceilings(found, skews)))


def _costs(found: Footprint) -> str:
    rows = [(name, f"{spent:.2f}", _kb(found.table_bytes.get(name))) for name, spent in sorted(found.cpu_ms.items())]
    total = (f"{sum(found.cpu_ms.values()):.2f}", _kb(sum(found.table_bytes.values())))
    return _table(("process", "CPU, ms a checkout", "stays in its database, kB"), [*rows, ("**together**", *total)])


def _needs(needs: Sequence[Need]) -> str:
    rows = [
        ("partitions of each stream", *(str(one.partitions) for one in needs)),
        *((f"processes: {name}", *(_fullest(one, name) for one in needs)) for name in needs[0].processes),
        (f"cores: {FRONT}, one process", *(_marked(f"{one.gateway_cores:,.1f}", one.gateway_cores) for one in needs)),
        ("PostgreSQL servers", *(str(one.postgres_servers) for one in needs)),
        ("Kafka brokers", *(str(one.brokers) for one in needs)),
        ("tables, TB a day", *(f"{one.tables_tb_per_day:.2f}" for one in needs)),
        (f"log, TB a day, {REPLICAS} replicas", *(f"{one.log_tb_per_day:.2f}" for one in needs)),
    ]
    return _table(("orders/s, all day", *(f"{one.per_second:,}" for one in needs)), rows)


def _fullest(one: Need, name: str) -> str:
    return f"{one.processes[name]:,} (fullest partition {_marked(f'{one.hottest[name]:.0%}', one.hottest[name])})"


def _marked(text: str, load: float) -> str:
    """In bold if it is more than one core may have to do."""
    return f"**{text}**" if load > BUSY_MAX else text


def _ceilings(found: Footprint, skews: Sequence[Skew]) -> str:
    rows: list[tuple[str, ...]] = []
    for name, stream in hearers().items():
        of_stream = sorted((one for one in skews if one.stream == stream), key=lambda one: one.partitions)
        partitions = [ceiling_per_second(found.cpu_ms[name], one.hottest_partition) for one in of_stream]
        key = ceiling_per_second(found.cpu_ms[name], of_stream[0].hottest_key)
        rows.append((name, *(_rounded(rate) for rate in partitions), _rounded(key)))
    rows.append((FRONT, *(_rounded(ceiling_per_second(found.cpu_ms[FRONT], 1.0)),) * len(PARTITIONS), ""))
    heads = [f"{count} partitions" for count in sorted({one.partitions for one in skews})]
    return _table(("orders/s at most, with", *heads, "its busiest agent alone"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    line = "| --- |" + " ---: |" * (len(head) - 1)
    return "\n".join(("| " + " | ".join(head) + " |", line, *("| " + " | ".join(row) + " |" for row in rows)))


def _kb(count: float | None) -> str:
    return "" if count is None else f"{count / 1000:.1f}"


def _rounded(rate: float) -> str:
    """To two digits: it is no more exact than that."""
    digits = 2 - len(str(int(rate)))
    return f"{round(rate, digits):,.0f}"


def skews_of(file: Path | None = None) -> list[Skew]:
    """How the orders of a file, or made-up ones, fall onto partitions. Raises ``OrderFileError``."""
    weights = weigh(read_orders(file).orders if file else generate(SEED, ORDERS).orders)
    return [skew(stream, of_stream, count) for stream, of_stream in sorted(weights.items()) for count in PARTITIONS]


def placed(page: str, said: str) -> str:
    """A page with this between its marks. Raises ``ValueError`` if it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page has no {BEGIN} and {END}")
    return f"{before}{begin}\n\n{said}\n\n{end}{after}"


def main(
    figures: Annotated[Path, typer.Option(help="What bench.footprint has written.")] = FIGURES,
    file: Annotated[Path | None, typer.Option(help="A CSV(.gz) of orders, for their skew.")] = None,
    page: Annotated[Path | None, typer.Option(help="Put it into this page, between its marks, too.")] = None,
) -> None:
    """Print what 1,000, 10,000 and 100,000 orders a second need."""
    try:
        said = markdown(Footprint.read(figures), skews_of(file))
        typer.echo(said)
        if page:
            page.write_text(placed(page.read_text(), said))
    except (OSError, ValueError, TypeError, OrderFileError) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    typer.run(main)
