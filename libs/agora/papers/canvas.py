"""A service's canvas: what it consumes and publishes follows from its code, what it does with it is written by people.

The table under ``## Consumes`` gets its events and who says them from the code and keeps the words of its last column;
the one under ``## Publishes`` is made whole. Everything else on the page stays as it is.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from agora.control import ErrorOccurred
from agora.event import Event
from agora.papers.choreography import Choreography
from agora.papers.pictures import NOBODY, hearers, sayers
from agora.parking import CONTROLS

CONSUMES: Final = "## Consumes"
PUBLISHES: Final = "## Publishes"
WORDLESS: Final = "…"
"""Stands where nobody has said yet what a service does with an event."""

_TABLE: Final = re.compile(r"(?:^\|.*(?:\n|\Z))+", re.MULTILINE)
_CELL: Final = re.compile(r"(?<!\\)\|")
_NAME: Final = re.compile(r"`(\w+)`")


class CanvasError(Exception):
    """A canvas lacks one of the two sections."""


class Row(NamedTuple):
    """One row under Consumes: some events by name, and what the service does with them, as people wrote it."""

    names: tuple[str, ...]
    words: str


def rewritten(canvas: str, market: Choreography, service: str) -> str:
    """The canvas with both tables as the code has them. Raises ``CanvasError``."""
    consumes = _consumes(_rows(_section(canvas, CONSUMES)), market, service)
    return _with_table(_with_table(canvas, CONSUMES, consumes), PUBLISHES, _publishes(market, service))


def wordless(canvas: str) -> tuple[str, ...]:
    """The consumed events of which the canvas does not say what becomes of them."""
    rows = _rows(_section(canvas, CONSUMES))
    return tuple(name for row in rows if row.words in {"", WORDLESS} for name in row.names)


def _consumes(rows: list[Row], market: Choreography, service: str) -> Iterator[str]:
    heard = {event.__name__: event for event in market.part(service).hears if event not in CONTROLS}
    missing = dict(heard)
    yield from _head("event", "from", "and does")
    for row in (*rows, *(Row((name,), WORDLESS) for name in heard)):
        if names := tuple(name for name in row.names if missing.pop(name, None)):
            said_by = dict.fromkeys(sayers(market, heard[name]) for name in names)
            yield f"| {_names(names)} | {', '.join(said_by)} | {row.words} |"


def _publishes(market: Choreography, service: str) -> Iterator[str]:
    groups: dict[str, list[type[Event]]] = {}
    for event in market.part(service).says:
        if event is not ErrorOccurred:
            groups.setdefault(hearers(market, event), []).append(event)
    yield from _head("event", "heard by")
    for heard_by, events in sorted(groups.items(), key=lambda group: group[0] == NOBODY):
        yield f"| {_names(tuple(event.__name__ for event in events))} | {heard_by} |"


def _head(*columns: str) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"| {' | '.join('---' for _ in columns)} |"


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _rows(section: str) -> list[Row]:
    """The table's rows, its first column read as names and its last as words."""
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in _CELL.split(line.strip())[1:-1]] for line in lines]
    return [Row(tuple(_NAME.findall(first)), rest[-1] if rest else "") for first, *rest in cells]


def _with_table(canvas: str, heading: str, table: Iterable[str]) -> str:
    """Put a table in the place of a section's first, or at its top if it has none."""
    section, new = _section(canvas, heading), "".join(f"{line}\n" for line in table)
    filled = _TABLE.sub(lambda _: new, section, count=1) if _TABLE.search(section) else f"\n{new}{section}"
    return canvas.replace(f"{heading}\n{section}", f"{heading}\n{filled}", 1)


def _section(canvas: str, heading: str) -> str:
    """What is under a heading, up to the next one of its kind. Raises ``CanvasError``."""
    found = re.search(rf"^{heading}\n(.*?)(?=^## |\Z)", canvas, re.DOTALL | re.MULTILINE)
    if found is None:
        raise CanvasError(f"there is no section '{heading}'")
    return found[1]
