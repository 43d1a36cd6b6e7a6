"""The figures of one run, as JSON for programs and as a table for people."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from bench.fraud import FraudReport


@dataclass(frozen=True, slots=True)
class Closed:
    """Checkouts per second, committed by every service that hears the payment, and the settlement."""

    checkouts_per_s: float
    settled_per_s: float


@dataclass(frozen=True, slots=True)
class Open:
    """Milliseconds from when a checkout was due until its ``PaymentSucceeded`` was in the log, at 50 checkouts/s.

    ``heard`` ends later: when every service that hears it had committed it.
    """

    p50_ms: float
    p99_ms: float
    heard_p50_ms: float
    heard_p99_ms: float


@dataclass(frozen=True, slots=True)
class Textbook:
    """The same checkouts the textbook way."""

    checkouts_per_s: float


@dataclass(frozen=True, slots=True)
class Growth:
    """Turns per second after the first hundred thousand turns, and after a million."""

    first_turns_per_s: float
    last_turns_per_s: float


@dataclass(frozen=True, slots=True)
class Report:
    """One run of the bench."""

    closed: Closed
    open_50: Open
    textbook: Textbook
    ratio_to_textbook: float
    ceilings: Mapping[str, float]
    growth: Growth
    rss_mb: Mapping[str, float]
    agents_known: Mapping[str, int]
    fraud: FraudReport
    hardware: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The report under its stable names."""
        return asdict(self)

    def table(self) -> Table:
        """The report beside what it is to reach."""
        table = Table("figure", "measured", "to reach", title="Agora on this machine, everything durable")
        change = self.growth.last_turns_per_s / self.growth.first_turns_per_s - 1
        rows = [
            ("closed loop: paid, checkouts/s", f"{self.closed.checkouts_per_s:,.0f}", "≥ 800"),
            ("closed loop: settled, checkouts/s", f"{self.closed.settled_per_s:,.0f}", "≥ 400"),
            ("open loop at 50/s: p50 to PaymentSucceeded, ms", f"{self.open_50.p50_ms:,.0f}", ""),
            ("open loop at 50/s: p99 to PaymentSucceeded, ms", f"{self.open_50.p99_ms:,.0f}", "< 200"),
            ("open loop at 50/s: p50 to its last hearer, ms", f"{self.open_50.heard_p50_ms:,.0f}", ""),
            ("open loop at 50/s: p99 to its last hearer, ms", f"{self.open_50.heard_p99_ms:,.0f}", ""),
            ("the textbook way: paid, checkouts/s", f"{self.textbook.checkouts_per_s:,.1f}", ""),
            ("ratio to the textbook way", f"{self.ratio_to_textbook:,.0f}", "≥ 30"),
            *((f"ceiling: {name}", f"{value:,.0f}", "") for name, value in self.ceilings.items()),
            ("turns/s after 100,000 turns", f"{self.growth.first_turns_per_s:,.0f}", ""),
            ("turns/s after 1,000,000 turns", f"{self.growth.last_turns_per_s:,.0f} ({change:+.0%})", "within 10 %"),
            *(
                (f"resident MB: {name} ({self.agents_known[name]:,} agents)", f"{megabytes:,.0f}", "≤ 120")
                for name, megabytes in self.rss_mb.items()
            ),
        ]
        for row in rows:
            table.add_row(*row)
        return table
