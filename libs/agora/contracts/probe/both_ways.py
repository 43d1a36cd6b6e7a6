"""The two-way probe: records made from one version's schema, read as another version reads them, and back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from agora.contracts.compare import Json
from agora.contracts.probe.changes import changes
from agora.contracts.probe.live import LiveReader
from agora.contracts.probe.logged import logged
from agora.contracts.probe.nodes import Document, Unsupported
from agora.contracts.probe.reading import Path, Reader, Refusal, dotted, short
from agora.contracts.probe.scalars import Reach
from agora.contracts.probe.values import Values
from agora.contracts.schema import Contract
from agora.event import Event

Direction: TypeAlias = Literal["backward", "forward"]

BOTH: Final[tuple[Direction, ...]] = ("backward", "forward")
RANDOM_RECORDS: Final = 20
WHO: Final[dict[Direction, str]] = {
    "backward": "new code, reading a record of the old version",
    "forward": "a service still on the old version, reading a record of the new one",
}


@dataclass(frozen=True, slots=True)
class Break:
    """A field of an event that one version writes and the other refuses, or takes for something else.

    ``backward``: the record is old and the code that reads it new; ``forward``: the other way round. ``field`` is a
    path such as ``lines[].price_minor``; ``.*`` stands for any name in a mapping, and "" for the whole event.
    """

    event: str
    field: str
    direction: Direction
    reason: str


@dataclass(frozen=True, slots=True)
class Side:
    """One version: its contract and, where they are known, its class and the fields of records it did write."""

    contract: Contract
    event: type[Event] | None = None
    samples: Sequence[Json] = ()


def probe(
    old: Contract,
    new: Contract,
    *,
    old_class: type[Event] | None = None,
    new_class: type[Event] | None = None,
    old_samples: Sequence[Json] = (),
    new_samples: Sequence[Json] = (),
    directions: Collection[Direction] = BOTH,
) -> list[Break]:
    """Everything that breaks between two versions of an event, each field once per direction; [] if nothing does.

    Classes bring in what schemas do not say: validators, factories of defaults, and ``upcast``, by which a class reads
    any earlier version. A validator counts only against records that are known to be written: samples (the JSON fields
    of real records, which are varied, too) and what the class of the writing version accepts. Raises ``Unsupported``
    if a schema says something the probe does not understand, or if a class refuses an ordinary record of its own
    schema, so that samples are needed; ``ValueError`` for two different events.
    """
    if old.name != new.name:
        raise ValueError(f"{old.wire_name} and {new.wire_name} are two different events")
    before = Side(old, old_class or _earlier(new_class, old.version), old_samples)
    after = Side(new, new_class, new_samples)
    ways: dict[Direction, tuple[Side, Side]] = {"backward": (before, after), "forward": (after, before)}
    return [found for way in BOTH if way in directions for found in _one_way(*ways[way], way)]


def records(contract: Contract, bases: Sequence[Json] = (), reader: Contract | None = None) -> list[Json]:
    """The fields of records that the log may hold of one version: every limit is met, every choice taken.

    ``bases`` are varied instead of an ordinary record; limits of ``reader`` are passed where the version has none.
    Raises ``Unsupported``.
    """
    document = Document(logged(contract))
    others = (document,) if reader is None else (document, Document(reader.read))
    return Values(document, Reach.past(*others)).documents(bases, RANDOM_RECORDS)


def _earlier(event: type[Event] | None, version: int) -> type[Event] | None:
    """The class of an earlier version, if ``event`` replaces one."""
    return next((one for one in event.lineage()[1:] if one.version == version), None) if event else None


def _one_way(writer: Side, reader: Side, direction: Direction) -> list[Break]:
    comparison = _Comparison(writer, reader)
    made = records(writer.contract, writer.samples, reader.contract)
    read = list(map(comparison.faults, made))
    if read[0] is None:
        raise Unsupported(
            f"{writer.contract.wire_name}: its class refuses {short(repr(made[0]))}, which its schema allows; "
            f"give samples of what it writes"
        )
    found: dict[str, Break] = {}
    for field, why in (fault for faults in read for fault in (faults or {}).items()):
        found.setdefault(field, Break(reader.contract.name, field, direction, f"{WHO[direction]}: {why}"))
    return list(found.values())


class _Comparison:
    """Reads the same record as its writer's own version and as another version."""

    def __init__(self, writer: Side, reader: Side) -> None:
        version = writer.contract.version
        self._own = Reader(Document(writer.contract.read))
        self._other = Reader(Document(reader.contract.read))
        self._own_words = Reader(Document(writer.contract.written))
        self._other_words = Reader(Document(reader.contract.written))
        self._own_class = LiveReader(writer.event, version) if writer.event else None
        self._other_class = LiveReader(reader.event, version) if reader.event else None
        self._upcasts = bool(self._other_class and self._other_class.upcasts)
        self._samples = writer.samples

    def faults(self, value: Json) -> dict[str, str] | None:
        """Each field that is refused or changed, and why; ``None`` if the writer would never have written the value."""
        meant = self._own_class.read(value) if self._own_class else None
        if isinstance(meant, Refusal):
            return None
        seen = self._own.read(value)
        by_schema = {} if self._upcasts else self._by_schema(value, seen)
        by_class = {} if by_schema else self._by_class(value, meant)
        return {dotted(path, seen): why for path, why in (by_schema | by_class).items()}

    def _by_schema(self, value: Json, seen: Json) -> dict[Path, str]:
        faults = {refusal.path: f"refused: {refusal.why}" for refusal in self._other.refusals(value)}
        refused = tuple(faults)
        for change in changes(seen, self._other.read(value), self._other):
            if change.path in refused and change.renamed:
                faults[change.path] += f"; {change.why}"
            elif not any(change.path[: len(path)] == path for path in refused):
                faults.setdefault(change.path, f"silently changed: {change.why}")
        return faults

    def _by_class(self, value: Json, meant: Json) -> dict[Path, str]:
        if self._other_class is None or (self._own_class is None and value not in self._samples):
            return {}
        read = self._other_class.read(value)
        if isinstance(read, Refusal):
            return {read.path: f"refused: {read.why}"}
        if self._own_class is None or self._upcasts:  # an upcast says the same in other words, and that is its purpose
            return {}
        one, other = self._own_words.read(meant), self._other_words.read(read)
        found = changes(one, other, self._other_words)
        return {change.path: f"silently changed: {change.why}" for change in found}
