"""Shows a trade while it goes on: a live panel on a terminal, else a line a second."""

import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from console.output import Out
from console.trade import Standing

LINE_SECONDS: Final = 1.0
RATE_SECONDS: Final = 2.0
LATENCIES_SAMPLED_MAX: Final = 1_000


def percentile_ms(latencies: Sequence[float], percent: int) -> float | None:
    """The time within which so many percent of the orders were paid, in milliseconds."""
    if not latencies:
        return None
    ordered = sorted(latencies)
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1_000, 1)


class Display:
    """Takes in where the trade stands and shows it."""

    def __init__(self, out: Out) -> None:
        self._console = console = out.error
        self._say = out.say
        self._points: deque[tuple[float, int]] = deque()
        self._last_line = 0.0
        self._live: Live | None = None
        self._bar = Progress(
            TextColumn("orders"), BarColumn(bar_width=40), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._task = TaskID(0)

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show progress for as long as this is open."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, refresh_per_second=8) as self._live:
            yield
        self._live = None

    def show(self, standing: Standing) -> None:
        """Take in the latest standing."""
        rate = self._rate(standing)
        if self._live is None:
            self._line(standing, rate)
            return
        if not self._bar.tasks:
            self._task = self._bar.add_task("", total=standing.orders)
        self._bar.update(self._task, completed=standing.tally.ended)
        self._live.update(Group(self._bar, _table(standing, rate)))

    def _line(self, standing: Standing, rate: float | None) -> None:
        done = standing.tally.ended == standing.orders
        if time.monotonic() - self._last_line < LINE_SECONDS and not done:
            return
        self._last_line = time.monotonic()
        cells = "  ".join(f"{name} {value}" for name, value in _cells(standing, rate))
        self._say(f"{standing.seconds:6.1f} s  {cells}")

    def _rate(self, standing: Standing) -> float | None:
        """Turns per second of late, where they are counted."""
        if standing.turns is None:
            return None
        self._points.append((standing.seconds, standing.turns))
        while len(self._points) > 2 and self._points[1][0] < standing.seconds - RATE_SECONDS:  # noqa: PLR2004 - a span
            self._points.popleft()
        (since, turns), seconds = self._points[0], standing.seconds
        return (standing.turns - turns) / (seconds - since) if seconds > since else 0.0


def _table(standing: Standing, rate: float | None) -> Table:
    table = Table.grid(padding=(0, 3))
    cells = _cells(standing, rate)
    table.add_row(*(f"[dim]{name}[/dim]" for name, _ in cells))
    table.add_row(*(f"[bold]{value}[/bold]" for _, value in cells))
    return table


def _cells(standing: Standing, rate: float | None) -> list[tuple[str, str]]:
    tally = standing.tally
    p50, p99 = (percentile_ms(tally.latencies[-LATENCIES_SAMPLED_MAX:], percent) for percent in (50, 99))
    return [
        ("placed", f"{tally.placed:,}"),
        ("paid", f"{tally.paid:,}"),
        ("held", f"{tally.held:,}"),
        ("settled", f"{tally.settled:,}"),
        ("refunded", f"{tally.refunded:,}"),
        ("refused", f"{tally.refused:,}"),
        *([] if rate is None else [("turns/s", f"{rate:,.0f}")]),
        ("p50 to paid", "–" if p50 is None else f"{p50:,.0f} ms"),
        ("p99 to paid", "–" if p99 is None else f"{p99:,.0f} ms"),
    ]
