"""The command line ``agora``. Standard output holds the result alone; everything else goes to standard error."""

import sys
from typing import Final

import typer

from console.container_commands import access, key, secrets, topics, welcome
from console.contracts_commands import contracts
from console.docs_commands import docs
from console.early import leave_when_told
from console.grants_command import grants
from console.journal import is_json, journal
from console.parking_commands import parked, redrive, skip
from console.pod_commands import await_, migrate
from console.recovery_commands import recover
from console.review_commands import clear, flagged, message, reject, review
from console.running_commands import down, keep, run, status, up
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
app.command("await")(await_)
app.command()(docs)
app.command()(grants)
app.command()(recover)
app.command()(export_traces)
app.add_typer(contracts)
for command in (keep, secrets, welcome):
    app.command(hidden=True)(command)


def main() -> None:
    """Run the command line."""
    leave_when_told(sys.argv[1:])
    if is_json():
        with journal(sys.argv[1:], sys.stderr):
            app(prog_name="agora")
    else:
        app(prog_name="agora")
