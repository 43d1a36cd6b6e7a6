"""The summary of a trade: for people as tables, for programs under stable names."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from console.figures import Comparison
from console.orders import OrderBook
from console.progress import percentile_ms
from console.trade import Traded

ERRORS_SHOWN_MAX: Final = 10
ERRORS_TOLD_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Report:
    """One trade from its file to its audit."""

    book: OrderBook
    traded: Traded
    comparison: Comparison
    seconds: float
    audit: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def sound(self) -> bool:
        """Tell whether every order ended, every figure is the book's, and the audit found nothing."""
        return not (self.traded.unfinished or any(self.audit.values())) and self.comparison.equal

    def values(self) -> dict[str, Any]:
        """Everything, as other programs read it."""
        book, traded = self.book, self.traded
        fates = traded.fates.values()
        skipped = sum(skipped.orders for skipped in book.skipped.values())
        return {
            "orders": {
                "read": len(book.orders),
                "placed": sum(fate.placed for fate in fates),
                "settled": traded.settled,
                "refunded": traded.count(lambda fate: fate.end == "refunded"),
                "refused": sum(traded.refusals.values()),
                "skipped": skipped,
                "repeated": traded.repeated,
                "held": traded.held,
                "unfinished": traded.unfinished,
            },
            "payouts": {
                "flagged": traded.count(lambda fate: fate.flagged),
                "cleared": traded.count(lambda fate: fate.payout == "cleared"),
                "rejected": traded.count(lambda fate: fate.payout == "rejected"),
            },
            "parcels_refunded": sum(len(fate.parcels_refunded) for fate in fates),
            "units_settled": self.comparison.units,
            "value_settled_minor": self.comparison.value_minor,
            "audit": dict(self.audit),
            "seconds": round(self.seconds, 3),
            "trading_seconds": round(traded.seconds, 3),
            "turns": traded.turns,
            "paid_ms": {f"p{percent}": percentile_ms(traded.latencies, percent) for percent in (50, 99)},
            "differences": dict(self.comparison.differences),
            "refusals": traded.refusals,
            "skipped": {reason.value: asdict(skipped) for reason, skipped in book.skipped.items()},
            "rows": {"read": book.rows, "errors": book.errors_total},
            "errors": [asdict(error) for error in book.errors[:ERRORS_TOLD_MAX]],
        }

    def show(self, console: Console) -> None:
        """Print it for people."""
        console.print(self._orders())
        self._show_errors(console)
        found = {check: count for check, count in self.audit.items() if count}
        if found:
            console.print(audit_table(found))
        if self.audit:
            console.print(f"Audit: {len(self.audit)} checks, {len(found)} of them with a finding.", markup=False)
        console.print(self._verdict(), markup=False, soft_wrap=True)

    def _orders(self) -> Table:
        values = self.values()
        table = Table(title="Orders", title_justify="left", show_header=False)
        table.add_column(style="dim")
        table.add_column(justify="right")
        for name, count in values["orders"].items():
            table.add_row(name, f"{count:,}")
            for reason, part in self._reasons(name).items():
                table.add_row(f"  {reason}", f"{part:,}")
        for name, count in values["payouts"].items():
            table.add_row(f"payouts {name}", f"{count:,}")
        table.add_row("parcels refunded", f"{values['parcels_refunded']:,}")
        table.add_row("units settled", f"{values['units_settled']:,}")
        table.add_row("value settled", f"{values['value_settled_minor'] / 100:,.2f}")
        if self.traded.turns is not None:
            rate = self.traded.turns / self.traded.seconds if self.traded.seconds else 0
            table.add_row("turns", f"{self.traded.turns:,} ({rate:,.0f}/s)")
        if self.traded.latencies:
            table.add_row("from checkout to paid", "p50 {p50:,.0f} ms, p99 {p99:,.0f} ms".format(**values["paid_ms"]))
        table.add_row("seconds", f"{self.seconds:,.1f} (trading: {self.traded.seconds:,.1f})")
        return table

    def _reasons(self, name: str) -> Mapping[str, int]:
        if name == "refused":
            return self.traded.refusals
        return {reason.value: part.orders for reason, part in self.book.skipped.items()} if name == "skipped" else {}

    def _show_errors(self, console: Console) -> None:
        for error in self.book.errors[:ERRORS_SHOWN_MAX]:
            order = f" of order {error.order}" if error.order else ""
            console.print(f"line {error.line_number}{order}: {error.reason.value}: {error.detail}", markup=False)
        if self.book.errors_total > ERRORS_SHOWN_MAX:
            console.print(
                f"… {self.book.errors_total:,} rows in all could not be read; the rest of the file was traded"
            )

    def _verdict(self) -> str:
        if self.sound:
            audited = ", and the audit found nothing" if self.audit else ""
            return f"Every order ended, the market's figures are the file's to the penny{audited}."
        faults = {
            "orders without an outcome": self.traded.unfinished,
            "orders whose payout is held until a reviewer speaks": self.traded.held,
            **{f"{name} unlike the file's": count for name, count in self.comparison.differences.items()},
            **self.audit,
        }
        return "NOT SOUND: " + "; ".join(f"{name}: {count:,}" for name, count in faults.items() if count)


def audit_table(audit: Mapping[str, int]) -> Table:
    """Every check with what it found."""
    table = Table(title="Audit", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for check, count in audit.items():
        table.add_row(check, f"[green]{count}[/green]" if count == 0 else f"[bold red]{count:,}[/bold red]")
    return table
