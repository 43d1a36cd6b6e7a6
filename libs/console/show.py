"""Prints what operators ask for, for people."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def status(values: Mapping[str, Any], console: Console) -> None:
    """Show servers and services."""
    owner = f"process {values['pid']}" if values["pid"] else "run by others"
    console.print(f"agora {values['kind']}, {owner}, Kafka at {values['kafka']}", markup=False)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("service", no_wrap=True)
    names = (
        *("pid", "rss_mb", "turns", "agents", "lag", "unpublished"),
        *("reminders", "activities", "parked", "dead_letters"),
    )
    for name in names:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=name == "pid", overflow="fold")
    for service, row in {**values["servers"], **values["services"]}.items():
        table.add_row(service, str(row["pid"] or ""), *(_cell(row.get(name)) for name in names[1:]))
    console.print(table)


def parked(values: Mapping[str, Any], console: Console) -> None:
    """Show parked agents and dead letters."""
    if values["parked"]:
        table = Table(show_edge=False)
        for name in ("agent", "events", "first error"):
            table.add_column(name)
        for row in values["parked"]:
            table.add_row(row["agent"], f"{row['events']:,}", row["error"])
        console.print(table)
    else:
        console.print("No agent is parked.")
    letters = {service: count for service, count in values["dead_letters"].items() if count}
    said = ", ".join(f"{service}: {count:,}" for service, count in letters.items()) or "none"
    console.print(f"Dead letters: {said}", markup=False)


def word(values: Mapping[str, Any], console: Console) -> None:
    """Show what a word to a parked agent came to."""
    console.print(f"{values['agent']}: {values['parked_before']} parked before, {values['parked']} now", markup=False)


def revisions(values: Mapping[str, str | None], console: Console) -> None:
    """Show the revision of every database."""
    for service, revision in values.items():
        console.print(f"{service}: {revision}", markup=False)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int | float) else str(value)
