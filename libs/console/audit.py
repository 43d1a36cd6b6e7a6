"""The audit: what every database can prove, what they must agree on, and what the log proves. Sound is all zeros.

It holds once everything has ended. While orders are still on their way it counts them, and what they have not done yet.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeAlias

from agora import discovery
from agora.audit import LOG
from agora.batch import source_of
from console.audit_databases import Answers, Books, Place, joined, open_books
from console.audit_log import Hearing
from console.log_reader import LogReader, open_log
from console.output import Failure
from console.sequences import Sequences
from market.audit import EQUALITIES, folds

Figures: TypeAlias = Mapping[str, Mapping[str, Mapping[str, int]]]  # by service and name, then by key


async def run_audit(databases: Mapping[str, Sequence[str]], bootstrap: str, prefix: str) -> dict[str, int]:
    """Count the violations of every check, in the order of their names.

    ``databases`` holds each service's URLs; ``prefix`` is the namespace before every topic's name.
    """
    if missing := sorted(discovery.folders().keys() - databases.keys()):
        raise Failure(f"no database is known of the service '{missing[0]}'. Run: agora down, then agora up")
    async with AsyncExitStack() as stack:
        # The log first: whatever it holds by now, its source had committed before.
        log = await stack.enter_async_context(open_log(bootstrap, prefix, discovery.streams()))
        books = [
            await stack.enter_async_context(open_books(name, url)) for name, urls in databases.items() for url in urls
        ]
        return await _audit(log, books)


async def _audit(log: LogReader, books: Sequence[Books]) -> dict[str, int]:
    standing = [(one.service, await one.places()) for one in books]
    places = _together(standing)
    sequences = Sequences(_given(places))
    listeners = folds()
    told = await _at_once(Hearing(listeners, sequences).hear(log.batches()), [one.answers() for one in books])
    answers = [joined([one for one in told if one.service == service]) for service in places]
    figures = {one.service: one.figures for one in answers}
    figures[LOG] = {name: by_key for fold in listeners for name, by_key in fold.figures().items()}
    runtime = Counter[str]()
    for one in answers:
        runtime.update(one.runtime)
    found = [
        runtime,
        *(one.checks for one in answers),
        *(fold.checks() for fold in listeners),
        sequences.checks(),
        {"events in the log not heard yet": _unheard(log, places)},
        {"partitions that two databases hold": _doubled(standing)},
        disagreements(figures),
    ]
    return dict(sorted((name, count) for checks in found for name, count in checks.items()))


def disagreements(figures: Figures) -> dict[str, int]:
    """Hold the figures that must agree against each other."""
    return {
        equality.name: equality.violations(
            figures[equality.left.service][equality.left.figure],
            figures[equality.right.service][equality.right.figure],
        )
        for equality in EQUALITIES
    }


async def _at_once(hearing: Coroutine[Any, Any, None], asking: Iterable[Coroutine[Any, Any, Answers]]) -> list[Answers]:
    """Ask the databases while the log is heard; if either fails, end the other before the connections close."""
    tasks = [asyncio.ensure_future(one) for one in asking]
    heard = asyncio.ensure_future(hearing)
    try:
        answers = await asyncio.gather(*tasks)
        await heard
    finally:
        for task in (heard, *tasks):
            task.cancel()
        await asyncio.gather(heard, *tasks, return_exceptions=True)
    return answers


def _together(standing: Iterable[tuple[str, Mapping[int, Place]]]) -> dict[str, dict[int, Place]]:
    """Where the partitions of each service stand, whichever of its databases has them."""
    places: dict[str, dict[int, Place]] = {}
    for service, partitions in standing:
        places.setdefault(service, {}).update(partitions)
    return places


def _doubled(standing: Iterable[tuple[str, Mapping[int, Place]]]) -> int:
    """Partitions that more than one database of their service has taken for its own."""
    holders = Counter((service, number) for service, partitions in standing for number in partitions)
    return sum(count > 1 for count in holders.values())


def _given(places: Mapping[str, Mapping[int, Place]]) -> dict[str, int]:
    """The last number of each source."""
    return {
        source_of(service, number): place.sequence
        for service, partitions in places.items()
        for number, place in partitions.items()
    }


def _unheard(log: LogReader, places: Mapping[str, Mapping[int, Place]]) -> int:
    nowhere = Place(0, 0)
    return sum(
        max(0, end - places[service.name].get(partition, nowhere).next_offset)
        for service in discovery.services()
        for (stream, partition), end in log.ends.items()
        if stream == service.stream.name and not service.ingress
    )
