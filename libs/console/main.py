"""The command line ``agora``. Standard output holds the result alone; everything else goes to standard error."""

from typing import Final

import typer

from console.container_commands import access, key, secrets, topics, welcome
from console.contracts_commands import contracts
from console.docs_commands import docs
from console.parking_commands import parked, redrive, skip
from console.review_commands import clear, flagged, message, reject, review
from console.running_commands import down, keep, migrate, run, status, up
from console.tracing_commands import export_traces
from console.trading_commands import audit, demo, story, trade

CONTAINERS: Final = (access, key, topics)
PARKING: Final = (parked, redrive, skip)
REVIEWING: Final = (flagged, clear, reject, review, message)

app: Final = typer.Typer(
    name="agora",
    help="A marketplace of agents that trade by reacting to events, on a real Kafka and a real PostgreSQL.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
for command in (demo, up, down, status, run, migrate, trade, audit, story, *REVIEWING, *PARKING, *CONTAINERS):
    app.command()(command)
app.command()(docs)
app.command()(export_traces)
app.add_typer(contracts)
for command in (keep, secrets, welcome):
    app.command(hidden=True)(command)


def main() -> None:
    """Run the command line."""
    app(prog_name="agora")
