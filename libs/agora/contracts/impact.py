"""Whom a change of the events breaks: the code of today beside what is frozen, and who reads what."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from agora.contracts import frozen
from agora.contracts.check import schema_findings
from agora.contracts.compare import Json
from agora.contracts.findings import Finding
from agora.contracts.frozen import ContractError, Frozen
from agora.contracts.known import versions
from agora.contracts.probe.both_ways import BOTH, Break, probe
from agora.contracts.probe.nodes import Unsupported
from agora.contracts.samples import Sample, samples_of
from agora.contracts.schema import contract_of
from agora.contracts.usage.consumers import consumers, hearers, readers
from agora.envelope import read_envelope
from agora.event import Event
from agora.versions import split

Classes: TypeAlias = Mapping[str, type[Event]]
Kept: TypeAlias = Mapping[str, Frozen]


@dataclass(frozen=True, slots=True)
class Impact:
    """One break of the contract of ``event``, a wire name: ``breaks`` are the services whose decision reads the field.

    ``cannot_open`` are other services that hear the event: they read nothing of the field, but events are opened whole,
    so a record that is refused goes to their dead letters as well. Where both are empty, the contract alone is broken.
    """

    event: str
    broken: Break
    breaks: tuple[str, ...]
    cannot_open: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Impacts:
    """How the events of today differ from what is frozen, and what of it breaks."""

    changes: tuple[Finding, ...]
    impacts: tuple[Impact, ...]


def diff(root: Path) -> Impacts:
    """Compare the classes of today with the frozen contracts. Raises ``ContractError`` if these cannot be read.

    Old records are read by today's code (backward), new ones by services that still run the code as it was when the
    contracts were frozen (forward).
    """
    kept, classes = frozen.load(root), {event.wire_name: event for event in versions()}
    running = {"backward": consumers(), "forward": frozen.load_consumers(root)}
    changes = [one for name, event in classes.items() for one in schema_findings(event, kept.get(name))]
    gone = [name for name in kept if name not in classes]
    changes += [Finding(name, "folder", "$", "a contract", "no class", "Bring the class back") for name in gone]
    try:
        breaks = [*_changed(kept, classes), *_added(kept, classes), *_gone(gone, classes)]
    except Unsupported as error:
        raise ContractError(str(error)) from None
    impacts = (_impact(wire_name, broken, running[broken.direction]) for wire_name, broken in breaks)
    return Impacts(tuple(changes), tuple(impacts))


def _impact(wire_name: str, broken: Break, running: Json) -> Impact:
    breaks = readers(running, broken.event, broken.field)
    refused = ": refused: " in broken.reason
    others = tuple(one for one in hearers(running, broken.event) if refused and one not in breaks)
    return Impact(wire_name, broken, breaks, others)


def _changed(kept: Kept, classes: Classes) -> Iterator[tuple[str, Break]]:
    """A version that was frozen and says something else now."""
    for wire_name, event in classes.items():
        before, now = kept.get(wire_name), contract_of(event)
        if before is None or before.contract == now:
            continue
        found = probe(
            before.contract,
            now,
            new_class=event,
            old_samples=_fields(before.samples()),
            new_samples=_fields(samples_of(event)),
        )
        for broken in found:
            yield wire_name, broken


def _added(kept: Kept, classes: Classes) -> Iterator[tuple[str, Break]]:
    """A version that is not frozen yet, beside the last one that is. Its class reads the old one by its upcast."""
    for wire_name, event in classes.items():
        earlier = next((one for one in event.lineage()[1:] if one.wire_name in kept), None)
        if wire_name in kept or earlier is None:
            continue
        before, readable = kept[earlier.wire_name], earlier.wire_name in event.readable_as.split(",")
        found = probe(
            before.contract,
            contract_of(event),
            old_class=earlier,
            new_class=event,
            old_samples=_fields(before.samples()),
            new_samples=_fields(samples_of(event)),
            directions=BOTH if readable else ("backward",),
        )
        for broken in found:
            yield wire_name, broken
        if not readable:
            reason = f"it does not say that it can be read as {earlier.wire_name}, so older services park its agents"
            yield wire_name, Break(event.__name__, "", "forward", reason)


def _gone(gone: list[str], classes: Classes) -> Iterator[tuple[str, Break]]:
    """A frozen version without a class: nobody can read it any more, and if it was the last, nobody says it."""
    names = {event.__name__ for event in classes.values()}
    for wire_name in gone:
        name = split(wire_name)[0]
        yield wire_name, Break(name, "", "backward", "its class is gone, so its records are not read any more")
        if name not in names:
            yield wire_name, Break(name, "", "forward", "its class is gone, so nobody says it any more")


def _fields(samples: Iterable[Sample]) -> list[Json]:
    """What the records say of their events."""
    return [json.loads(bytes(read_envelope(sample.value.encode()).data)) for sample in samples]
