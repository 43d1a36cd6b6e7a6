"""What the log proves of shipments: each paid order has one, and each of its parcels goes out once and ends once."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from agora.audit import Said
from agora.event import Event, Stream
from market.ids import SellerId, TransactionId
from market.shipments import (
    ParcelDelivered,
    ParcelDispatched,
    ParcelLost,
    ShipmentDelivered,
    ShipmentFailed,
    ShipmentLost,
    ShipmentPartlyDelivered,
    ShipmentRecalled,
)
from market.streams import SHIPMENTS, TRANSACTIONS
from market.transactions import PaymentSucceeded

_End: TypeAlias = ShipmentDelivered | ShipmentPartlyDelivered | ShipmentLost | ShipmentFailed | ShipmentRecalled


@dataclass(slots=True)
class _Parcel:
    """One seller's parcel: whether it is ``owed``, because the order is paid, and how often each was said of it."""

    owed: bool = False
    dispatched: int = 0
    delivered: int = 0
    lost: int = 0

    @property
    def ends(self) -> int:
        return self.delivered + self.lost


@dataclass(slots=True)
class _Shipment:
    parcels: dict[SellerId, _Parcel] = field(default_factory=dict[SellerId, _Parcel])
    ends: list[_End] = field(default_factory=list[_End])

    def parcel(self, seller: SellerId) -> _Parcel:
        return self.parcels.setdefault(seller, _Parcel())

    def ended(self, *kinds: type[_End]) -> bool:
        return any(isinstance(end, kinds) for end in self.ends)


class Shipments:
    """Every seller of a paid order dispatches one parcel, which arrives or is lost, unless nothing is shipped at all.

    A shipment that was recalled is waited for no longer, so its parcels may be anywhere.
    """

    hears: Mapping[Stream, tuple[type[Event], ...]] = {
        SHIPMENTS: (PaymentSucceeded, ParcelDispatched, ParcelDelivered, ParcelLost, ShipmentRecalled),
        TRANSACTIONS: (ShipmentDelivered, ShipmentPartlyDelivered, ShipmentLost, ShipmentFailed),
    }

    def __init__(self) -> None:
        self._shipments = defaultdict[TransactionId, _Shipment](_Shipment)

    def hear(self, said: Said) -> None:
        """Take in one event."""
        event = said.event
        match event:
            case PaymentSucceeded():
                shipment = self._shipments[event.transaction]
                for share in event.shares:
                    shipment.parcel(share.seller).owed = True
            case ParcelDispatched():
                self._shipments[event.transaction].parcel(event.seller).dispatched += 1
            case ParcelDelivered():
                self._shipments[event.transaction].parcel(event.seller).delivered += 1
            case ParcelLost():
                self._shipments[event.transaction].parcel(event.seller).lost += 1
            case ShipmentDelivered() | ShipmentPartlyDelivered() | ShipmentLost() | ShipmentFailed():
                self._shipments[event.transaction].ends.append(event)
            case ShipmentRecalled():
                self._shipments[event.transaction].ends.append(event)
            case _:
                raise TypeError(event)

    def checks(self) -> Mapping[str, int]:
        """Count parcels, and shipments that ended other than once or other than their parcels."""
        parcels = list(self._parcels())
        return {
            "parcels dispatched more than once": sum(parcel.dispatched > 1 for _, parcel in parcels),
            "parcels of paid orders that were never dispatched": sum(_forgotten(*one) for one in parcels),
            "parcels of orders nobody paid": sum(not parcel.owed for _, parcel in parcels),
            "dispatched parcels without exactly one end": sum(_unended(*one) for one in parcels),
            "paid orders without exactly one end of their shipment": sum(
                len(shipment.ends) != 1 for shipment in self._shipments.values()
            ),
            "shipments that ended other than their parcels": sum(
                not all(_agrees(end, shipment) for end in shipment.ends) for shipment in self._shipments.values()
            ),
        }

    def figures(self) -> Mapping[str, Mapping[str, int]]:
        """Nothing that another could disagree with."""
        return {}

    def _parcels(self) -> Iterator[tuple[_Shipment, _Parcel]]:
        return ((shipment, parcel) for shipment in self._shipments.values() for parcel in shipment.parcels.values())


def _forgotten(shipment: _Shipment, parcel: _Parcel) -> bool:
    return parcel.owed and not parcel.dispatched and not shipment.ended(ShipmentFailed, ShipmentRecalled)


def _unended(shipment: _Shipment, parcel: _Parcel) -> bool:
    """Whether a parcel has ended other than once, or without having been dispatched."""
    if shipment.ended(ShipmentRecalled):
        return parcel.ends > 1
    return parcel.ends != min(parcel.dispatched, 1)


def _agrees(end: _End, shipment: _Shipment) -> bool:
    """Whether a shipment has ended as its parcels have."""
    lost = {seller for seller, parcel in shipment.parcels.items() if parcel.lost}
    arrived = {seller for seller, parcel in shipment.parcels.items() if parcel.delivered}
    match end:
        case ShipmentDelivered():
            return not lost
        case ShipmentPartlyDelivered():
            return lost == set(end.lost) and bool(arrived)
        case ShipmentLost():
            return not arrived
        case ShipmentFailed():
            return not (arrived or lost or any(parcel.dispatched for parcel in shipment.parcels.values()))
        case ShipmentRecalled():
            return True
