"""What fulfilment has done outside of its turns: the carrier is asked to take parcels, and where they are."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import AwareDatetime, Field

from agora.activity import Task
from market.ids import SellerId, TransactionId
from market.lines import LINES_MAX
from market.shipments import Sellers


class BookParcels(Task):
    """Have the carrier take one parcel from each seller of an order."""

    transaction: TransactionId
    sellers: Sellers
    asked_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Tracked:
    """A parcel to ask about, by the number its carrier gave it."""

    seller: SellerId
    tracking: str


class TrackParcels(Task):
    """Ask the carrier where an order's parcels are."""

    transaction: TransactionId
    parcels: Annotated[tuple[Tracked, ...], Field(min_length=1, max_length=LINES_MAX)]
