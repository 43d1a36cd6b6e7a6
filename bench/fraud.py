"""How much of the planted fraud the risk service's rules find: ``python -m bench.fraud``.

Frauds are hidden among a real month's orders, where the file is at hand, and among made-up ones. The rules' weights
were set on made-up orders of seeds 1 to 5; what is reported is of other seeds. The bounds of bursts were set knowing
how the real shop splits its orders into invoices. No server is needed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from console.generator import generate
from console.orders import Order
from console.retail import read_orders
from services.risk.decide import POLICY
from tests.fraud.evaluation import Found, as_traded, evaluate, flagged_in
from tests.fraud.planting import planted

DATA: Final = Path(__file__).parents[1].parent / "shared" / "data" / "online_retail_2010_12.csv.gz"
SEEDS: Final = (101, 102, 103, 104, 105)


@dataclass(frozen=True, slots=True)
class FraudFigures:
    """What was found among the same kind of orders, over all seeds together; ratios are from 0 to 1.

    ``recall`` counts every payment of every fraud, also those that look like anybody's: a burst's first four, small
    tries of a stolen card, a mule's first ordinary order. ``recall_of_overt`` leaves these out; ``recall_by_attack``
    asks for one flagged payment of each fraud. ``honest_flagged`` of ``honest_payments`` were flagged wrongly;
    ``as_traded_flagged`` of ``as_traded`` when the orders are replayed as they are, with nothing planted.
    """

    orders: str
    attacks: int
    fraud_payments: int
    precision: float
    recall: float
    recall_of_overt: float
    recall_by_attack: float
    recall_by_kind: dict[str, float]
    honest_payments: int
    honest_flagged: int
    as_traded: int
    as_traded_flagged: int

    def rows(self) -> list[tuple[str, str]]:
        """The figures in words."""
        return [
            (f"{self.orders}: precision", f"{self.precision:.1%}"),
            (f"{self.orders}: recall of {self.fraud_payments:,} payments", f"{self.recall:.1%}"),
            *((f"{self.orders}: recall, {kind}", f"{recall:.1%}") for kind, recall in self.recall_by_kind.items()),
            (f"{self.orders}: recall of what does not look like anybody's", f"{self.recall_of_overt:.1%}"),
            (f"{self.orders}: recall of {self.attacks} whole frauds", f"{self.recall_by_attack:.1%}"),
            (f"{self.orders}: honest flagged", f"{self.honest_flagged} of {self.honest_payments:,}"),
            (f"{self.orders}: flagged with nothing planted", f"{self.as_traded_flagged} of {self.as_traded:,}"),
        ]


@dataclass(frozen=True, slots=True)
class FraudReport:
    """The figures of every kind of orders that was at hand, at one threshold."""

    threshold: int
    seeds: tuple[int, ...]
    figures: tuple[FraudFigures, ...]

    def as_json(self) -> dict[str, Any]:
        """The report under its stable names."""
        return asdict(self)

    def table(self) -> Table:
        """The report for people."""
        seeds = ", ".join(map(str, self.seeds))
        title = f"Planted fraud found at threshold {self.threshold} (seeds {seeds})"
        table = Table("figure", "measured", title=title)
        for figures in self.figures:
            for row in figures.rows():
                table.add_row(*row)
        return table


def report(path: Path = DATA, seeds: Sequence[int] = SEEDS) -> FraudReport:
    """Plant and count: among the orders of the file, if it exists, and among made-up ones. A second or two a seed."""
    sources = [("made-up orders", [(seed, generate(seed).orders) for seed in seeds])]
    if path.exists():
        real = read_orders(path).orders
        sources.insert(0, ("real orders", [(seed, real) for seed in seeds]))
    figures = tuple(_figures(name, books) for name, books in sources)
    return FraudReport(POLICY.threshold, tuple(seeds), figures)


def _figures(name: str, books: Sequence[tuple[int, tuple[Order, ...]]]) -> FraudFigures:
    runs = [evaluate(planted(orders, seed)) for seed, orders in books]
    distinct = {orders for _, orders in books}
    found = _together([run.frauds for run in runs])
    honest_flagged = sum(run.honest_flagged for run in runs)
    return FraudFigures(
        orders=name,
        attacks=found.attacks,
        fraud_payments=found.payments,
        precision=found.flagged / max(1, found.flagged + honest_flagged),
        recall=found.recall,
        recall_of_overt=found.recall_of_overt,
        recall_by_attack=found.recall_by_attack,
        recall_by_kind={kind: _together([run.by_kind[kind] for run in runs]).recall for kind in runs[0].by_kind},
        honest_payments=sum(run.honest_payments for run in runs),
        honest_flagged=honest_flagged,
        as_traded=sum(map(len, distinct)),
        as_traded_flagged=sum(len(flagged_in(as_traded(orders))) for orders in distinct),
    )


def _together(found: Sequence[Found]) -> Found:
    return Found(
        payments=sum(one.payments for one in found),
        flagged=sum(one.flagged for one in found),
        overt=sum(one.overt for one in found),
        overt_flagged=sum(one.overt_flagged for one in found),
        attacks=sum(one.attacks for one in found),
        attacks_flagged=sum(one.attacks_flagged for one in found),
    )


if __name__ == "__main__":
    Console().print(report().table())
