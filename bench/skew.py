"""How evenly the keys of real orders fall onto partitions: ``python -m bench.skew``.

Every agent that has a part in an order takes turns, and each agent belongs to one partition for ever. The busiest
partition is the first that is full, and no process or server makes it any wider. No server is needed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from agora.kafka import place
from bench.turns import by_agent
from console.generator import generate
from console.orders import Order
from console.retail import OrderFileError, read_orders

PARTITIONS: Final = (32, 128, 512)
SEED: Final = 7
ORDERS: Final = 20_000
PERCENTILE: Final = 99


@dataclass(frozen=True, slots=True)
class Skew:
    """How the turns at the agents of one stream fall onto so many partitions, those without any turn included.

    Ratios are to the mean; shares are of all turns, from 0 to 1. ``hottest_key`` is what one agent causes alone: more
    partitions do not divide it.
    """

    stream: str
    partitions: int
    keys: int
    turns: int
    max_to_mean: float
    p99_to_mean: float
    hottest_partition: float
    hottest_key: float


def weigh(orders: Iterable[Order]) -> dict[str, Counter[str]]:
    """The turns of every agent, by stream and key."""
    weights: dict[str, Counter[str]] = {}
    for order in orders:
        for stream, key, turns in by_agent(order):
            weights.setdefault(stream, Counter())[key] += turns
    return weights


def skew(stream: str, weights: Mapping[str, int], partitions: int) -> Skew:
    """Deal keys out as producers do. Raises ``ValueError`` where there is no turn."""
    loads = [0] * partitions
    for key, turns in weights.items():
        loads[place(key) % partitions] += turns
    total = sum(loads)
    if not total:
        raise ValueError(f"no turns in the stream '{stream}'")
    mean, most = total / partitions, max(loads)
    return Skew(
        stream,
        partitions,
        len(weights),
        total,
        most / mean,
        percentile(loads, PERCENTILE) / mean,
        most / total,
        max(weights.values()) / total,
    )


def percentile(values: Sequence[int], percent: int) -> int:
    """The smallest value that so many percent of all do not exceed."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]


def table(found: Iterable[Skew], title: str) -> Table:
    """The figures for people."""
    shown = Table(
        "stream", "partitions", "keys", "max/mean", "p99/mean", "hottest partition", "hottest key", title=title
    )
    for one in found:
        shown.add_row(
            one.stream,
            str(one.partitions),
            f"{one.keys:,}",
            f"{one.max_to_mean:.2f}",
            f"{one.p99_to_mean:.2f}",
            f"{one.hottest_partition:.2%}",
            f"{one.hottest_key:.2%}",
        )
    return shown


def main(
    file: Annotated[Path | None, typer.Option(help="A CSV(.gz) of orders; without it, orders are made up.")] = None,
    orders: Annotated[int, typer.Option(min=1, help="How many orders to make up.")] = ORDERS,
) -> None:
    """Print how evenly orders fall onto partitions."""
    try:
        traded = read_orders(file).orders if file else generate(SEED, orders).orders
    except (OrderFileError, ValueError) as error:
        raise SystemExit(str(error)) from None
    weights = weigh(traded)
    if not weights:
        raise SystemExit(f"{file} holds no order")
    found = [skew(stream, weights[stream], count) for stream in sorted(weights) for count in PARTITIONS]
    made_up = "" if file else " made-up"
    Console(width=110).print(table(found, f"the turns of {len(traded):,}{made_up} orders on partitions"))


if __name__ == "__main__":
    typer.run(main)
