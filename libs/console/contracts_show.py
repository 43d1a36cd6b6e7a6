"""Prints what the contract commands found, for people."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table

Values: TypeAlias = Mapping[str, Any]
Show: TypeAlias = Callable[[Values, Console], None]


def frozen(values: Values, console: Console) -> None:
    """Show which files were written."""
    for name in values["written"]:
        _say(console, f"written  {name}")
    _say(console, f"{_count(len(values['written']), 'file')} written in {values['contracts']}.")


def checked(values: Values, console: Console) -> None:
    """Show every difference."""
    for one in values["findings"]:
        _finding(one, console)
        _say(console, f"    {one['advice']}.")
    if values["findings"]:
        _say(console, f"{_count(len(values['findings']), 'finding')}. See whom it breaks with: agora contracts diff")
    else:
        _say(console, f"All {values['versions']} versions are what was frozen.")


def compared(values: Values, console: Console) -> None:
    """Show what has changed, and whom it breaks."""
    for one in values["changes"]:
        _finding(one, console)
    for one in values["breaks"]:
        _broken(one, console)
    if not values["changes"]:
        _say(console, "Nothing has changed since the contracts were frozen.")
    elif not values["breaks"]:
        _say(console, "Nothing breaks.")


def listed(values: Values, console: Console) -> None:
    """Show all events as a table."""
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for name in ("event", "versions", "published by", "consumed by"):
        table.add_column(name, no_wrap=name == "event")
    for one in values["events"]:
        versions = ", ".join(
            f"{each['version']}{'' if each['frozen'] else ' (not frozen)'}" for each in one["versions"]
        )
        table.add_row(one["event"], versions, ", ".join(one["published_by"]), ", ".join(one["consumed_by"]) or "nobody")
    console.print(table)


def _finding(one: Values, console: Console) -> None:
    _say(console, f"{one['event']}  {one['side']}  {one['path']}")
    _say(console, f"    frozen: {one['frozen']}")
    _say(console, f"    now:    {one['now']}")


def _broken(one: Values, console: Console) -> None:
    _say(console, f"BREAK  {one['event']}  {one['field'] or 'the whole event'}  {one['direction']}")
    _say(console, f"    {one['reason']}")
    if one["breaks"]:
        _say(console, f"    breaks: {', '.join(one['breaks'])}")
    if one["cannot_open"]:
        _say(
            console, f"    dead letters at: {', '.join(one['cannot_open'])} (hears the event, does not read the field)"
        )
    if not one["breaks"] and not one["cannot_open"]:
        _say(console, "    breaks no service, but the contract: others may rely on it")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
