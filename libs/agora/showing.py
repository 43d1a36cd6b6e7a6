"""From records to what views show of them: each event is read once, told to the views that hear it, and folded in."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple

from agora.batch import moment
from agora.changes import Folded
from agora.decision import Append, Put
from agora.envelope import REASON_CHARS_MAX, Envelope, Undecodable, envelope_of, number_of
from agora.event import Event
from agora.portion import Fault, Move, Place, Portion, Position, Shown
from agora.ports import Record
from agora.versions import Opener, Unread, openers, split
from agora.view import CHANGES_PER_EVENT_MAX, Change, Told, View
from agora.wire import READABLE_VERSIONS_MAX, is_traceparent, open_data

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Standing:
    """Where a view stands in one place: ``before`` in the database, ``after`` with what it was told since.

    ``shown_at`` and ``told_at`` are the times of the last record of each; ``fresh`` are the last numbers of the sources
    it was told of since.
    """

    view: View
    before: int
    heard: dict[str, int]
    shown_at: datetime | None
    after: int
    told_at: datetime | None
    fresh: dict[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def at(cls, view: View, position: Position) -> "Standing":
        """Where the database says that it stands."""
        offset, shown_at, heard = position
        return cls(view, offset, dict(heard), shown_at, offset, shown_at)

    def is_told(self, source: str, number: int) -> bool:
        """Whether a numbered record is one that was not heard before."""
        if number <= self.heard.get(source, 0):
            return False
        self.heard[source] = self.fresh[source] = number
        return True

    def settle(self) -> None:
        """What it was told is in the database."""
        self.before, self.shown_at, self.fresh = self.after, self.told_at, {}


class Route(NamedTuple):
    """How one version of an event is opened, and for whom."""

    open: Opener
    views: frozenset[str]


class Showing:
    """What is told between two commits, to every view that has not heard it yet."""

    def __init__(self, standing: Mapping[Place, Sequence[Standing]]) -> None:
        self.standing = standing
        streams = {stream: [one.view for one in those] for (stream, _), those in standing.items()}
        self._routes = {stream: _routes(stream, views) for stream, views in streams.items()}
        self._unknown = {stream: _unknown(routes) for stream, routes in self._routes.items()}
        self._new()

    def tell(self, stream: str, records: Iterable[Record]) -> None:
        """Tell the records of one partition, in order."""
        for record in records:
            offset = record.offset
            told = [one for one in self.standing[stream, record.partition] if one.after <= offset]
            for one in told:
                one.after, one.told_at = offset + 1, moment(record.timestamp)
            if told:
                self._tell(stream, record, told)

    def portion(self) -> Portion:
        """All that is to be written now."""
        moves = [
            Move(one.view.name, one.view.version, *place, one.before, one.after, one.told_at, one.fresh)
            for place, those in self.standing.items()
            for one in those
            if one.told_at is not None and one.after > one.before
        ]
        return Portion(moves, self._shown, self._folded, self._faults)

    def settle(self) -> None:
        """It was written."""
        for those in self.standing.values():
            for one in those:
                one.settle()
        self._new()

    def _new(self) -> None:
        self._shown: list[Shown] = []
        self._faults: list[Fault] = []
        self._folded = Folded()

    def _tell(self, stream: str, record: Record, told: list[Standing]) -> None:
        try:
            envelope = envelope_of(record)
            number = number_of(envelope)
        except Undecodable as unreadable:
            self._fail((one.view for one in told), stream, record, str(unreadable))
            return
        views = [one.view for one in told if not number or one.is_told(envelope.source, number)]
        wire_name, routes = self._find(stream, envelope)
        for route in routes:
            if hearing := [view for view in views if view.name in route.views]:
                self._open(route, hearing, stream, record, envelope, wire_name, number)

    def _open(
        self,
        route: Route,
        views: Sequence[View],
        stream: str,
        record: Record,
        envelope: Envelope,
        wire_name: str,
        number: int,
    ) -> None:
        try:
            event = open_data(route.open, envelope)
        except Undecodable as unreadable:
            event = Unread(reason=str(unreadable))
        if type(event) is Unread:
            self._fail(views, stream, record, event.reason)
        else:
            self._show(views, _told(stream, record, envelope, event, wire_name, number))

    def _find(self, stream: str, envelope: Envelope) -> tuple[str, Sequence[Route]]:
        """Who hears an event, and the version it is read as; nobody can read one of a version that is not known."""
        routes = self._routes[stream]
        for readable in (envelope.type, *envelope.readableas.split(",", READABLE_VERSIONS_MAX)):
            if found := routes.get(readable):
                return readable, found
        return envelope.type, self._unknown[stream].get(split(envelope.type)[0], ())

    def _show(self, views: Iterable[View], told: Told) -> None:
        for view in views:
            try:
                changes = _changes(view, told)
                self._folded.take(changes)
            except Exception as error:  # noqa: BLE001 - whatever a view raises is kept, and never stops it
                place = (told.stream, told.partition, told.offset)
                self._keep(Fault(view.name, *place, f"{type(error).__name__}: {error}"))
            else:
                if changes:
                    self._shown.append(Shown(view.name, told.stream, told.partition, told.offset, changes))

    def _fail(self, views: Iterable[View], stream: str, record: Record, reason: str) -> None:
        for view in views:
            self._keep(Fault(view.name, stream, record.partition, record.offset, reason))

    def _keep(self, fault: Fault) -> None:
        kept = fault._replace(reason=fault.reason[:REASON_CHARS_MAX])
        log.warning("view %s cannot show %s-%s offset %s: %s", *kept)
        self._faults.append(kept)


def _routes(stream: str, views: Iterable[View]) -> Mapping[str, Sequence[Route]]:
    """Who hears what, by wire name."""
    hearing: dict[type[Event], set[str]] = {}
    for view in views:
        for heard, events in view.hears.items():
            for event in events if heard.name == stream else ():
                hearing.setdefault(event, set()).add(view.name)
    routes: dict[str, list[Route]] = {}
    for event, names in hearing.items():
        for wire_name, opener in openers((event,)).items():
            routes.setdefault(wire_name, []).append(Route(opener, frozenset(names)))
    return routes


def _unknown(routes: Mapping[str, Sequence[Route]]) -> Mapping[str, Sequence[Route]]:
    """Who would have heard an event of each name, were it of a version that is known."""
    unread = Unread(reason="unknown version; rebuild the view with a release that knows it")
    found: dict[str, Sequence[Route]] = {}
    for wire_name, known in routes.items():
        name = split(wire_name)[0]
        names = frozenset[str]().union(*(route.views for route in (*known, *found.get(name, ()))))
        found[name] = (Route(lambda _: unread, names),)
    return found


def _changes(view: View, told: Told) -> list[Change]:
    """What an event changes. Raises ``ValueError`` where that is more, or elsewhere, than a view may."""
    changes = list(islice(view.show(told), CHANGES_PER_EVENT_MAX + 1))
    if len(changes) > CHANGES_PER_EVENT_MAX:
        raise ValueError(f"more than {CHANGES_PER_EVENT_MAX:,} changes")
    for change in changes:
        table = type(change.row) if isinstance(change, Append | Put) else change.table
        if table not in view.rows:
            raise ValueError(f"{table.__name__} is no row of this view")
    return changes


def _told(stream: str, record: Record, envelope: Envelope, event: Event, wire_name: str, number: int) -> Told:
    at = moment(record.timestamp)
    return Told(
        stream,
        envelope.subject,
        event,
        wire_name,
        envelope.source,
        envelope.id,
        number,
        at,
        _said_at(envelope.time) or at,
        envelope.correlationid or envelope.id,
        envelope.causationid,
        envelope.traceparent if is_traceparent(envelope.traceparent) else "",
        record.partition,
        record.offset,
    )


_TIME_CHARS_MAX: Final = 64


@lru_cache(maxsize=256)
def _said_at(text: str) -> datetime | None:
    """RFC 3339 time in UTC, if it is one."""
    try:
        said = datetime.fromisoformat(text[:_TIME_CHARS_MAX])
        return said.astimezone(UTC) if said.tzinfo else None
    except (ValueError, OverflowError):
        return None
