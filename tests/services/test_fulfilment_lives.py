"""Whatever a shipment hears, in whatever order: one end of each parcel, and one of itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from hypothesis import given as for_any
from hypothesis import strategies as st
from pydantic import TypeAdapter

from agora.decision import Decision, Perform, Remind
from agora.event import Event
from market.shipments import (
    ParcelDelivered,
    ParcelLate,
    ParcelLost,
    ParcelsTracked,
    ShipmentDelivered,
    ShipmentFailed,
    ShipmentLost,
    ShipmentPartlyDelivered,
    ShipmentRecalled,
    TrackingFailed,
)
from services.fulfilment.rows import ParcelRow
from services.fulfilment.state import Booking, Shipment, Shipping, Unpaid
from tests.services.test_fulfilment import (
    BOOKED,
    DUE,
    NOT_BOOKED,
    PAID,
    R_ARRIVED,
    R_SENT,
    REFUNDED,
    S_ARRIVED,
    S_SENT,
    STRANGER,
)
from tests.services.test_fulfilment_tracking import SILENCE, hear, said
from tests.services.words import NOW, R, S, written

ENDS: Final = (ShipmentDelivered, ShipmentPartlyDelivered, ShipmentLost, ShipmentFailed, ShipmentRecalled)
STATES: Final = TypeAdapter[Any](Shipment)
ANYTHING: Sequence[Event] = (
    PAID, BOOKED, NOT_BOOKED, S_SENT, R_SENT, DUE, S_ARRIVED, R_ARRIVED, REFUNDED, SILENCE,
    said(S="delivered"), said(R="lost"), said(S="in transit"), said(S="lost", R="delivered"), said(X="lost"),
)  # fmt: skip


@dataclass
class Life:
    """What one shipment has said and asked for, with the reminder and the question that are under way."""

    state: Shipment = field(default_factory=Unpaid)
    now: datetime = NOW
    said: list[Event] = field(default_factory=list[Event])
    rows: dict[str, ParcelRow] = field(default_factory=dict[str, ParcelRow])
    reminded: bool = False
    asking: set[str] = field(default_factory=set[str])

    def hear(self, event: Event) -> None:
        decision = hear(self.state, event, self.now)
        self.state = self.state if decision.state is None else decision.state
        assert STATES.validate_json(STATES.dump_json(self.state)) == self.state
        self.said += decision.publishes
        self.rows |= {row.seller: row for row in written(decision) if isinstance(row, ParcelRow)}
        if decision.state is not None:
            self._passed(event)
        self._asked(decision)

    def _passed(self, event: Event) -> None:
        """A reminder comes once, and so does an answer."""
        if event is DUE:
            self.reminded = False
        if isinstance(event, ParcelsTracked | TrackingFailed):
            self.asking.discard("tracking")
        if event is BOOKED or event is NOT_BOOKED:
            self.asking.discard("booking")

    def _asked(self, decision: Decision[Shipment]) -> None:
        for reminder in decision.reminders:
            assert isinstance(reminder, Remind) or self.reminded
            self.reminded = isinstance(reminder, Remind)
        for activity in decision.activities:
            assert isinstance(activity, Perform) or activity.name in self.asking
            self.asking = self.asking - {activity.name} | ({activity.name} if isinstance(activity, Perform) else set())


@for_any(st.lists(st.tuples(st.sampled_from(ANYTHING), st.integers(0, 200)), max_size=30), st.integers(0, 2))
def test_each_parcel_ends_once_and_so_does_the_shipment(heard: Iterable[tuple[Event, int]], ahead: int) -> None:
    life = Life()
    for event in (PAID, BOOKED)[:ahead]:
        life.hear(event)
    for event, hours in heard:
        life.now += timedelta(hours=hours)
        life.hear(event)
        assert life.asking == under_way(life.state)
        assert life.reminded == (isinstance(life.state, Shipping) and life.state.due is not None)
        if isinstance(life.state, Shipping):
            assert bool(life.state.in_transit) == (life.reminded != bool(life.asking))
    for seller in (S, R):
        ends = [one for one in life.said if isinstance(one, ParcelDelivered | ParcelLost) and one.seller == seller]
        assert len(ends) == ends_of(life.rows.get(seller))
        assert sum(isinstance(one, ParcelLate) and one.seller == seller for one in life.said) <= 1
    assert STRANGER not in life.rows
    assert sum(isinstance(one, ENDS) for one in life.said) == (life.state.status in {"ended", "failed", "recalled"})


def under_way(state: Shipment) -> set[str]:
    """What the carrier is being asked."""
    if isinstance(state, Booking):
        return {"booking"}
    return {"tracking"} if isinstance(state, Shipping) and state.asked_at is not None else set()


def ends_of(row: ParcelRow | None) -> int:
    return (row.delivered_at is not None) + (row.lost_at is not None) if row else 0
