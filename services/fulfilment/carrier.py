"""The port to a carrier: what it is asked, what it may answer, and which of its answers are nonsense."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from pydantic import AwareDatetime

from market.language import TEXT_LENGTH_MAX
from market.shipments import Parcels
from services.fulfilment.tasks import BookParcels

AHEAD_MAX: Final = timedelta(days=366)
"""No carrier promises, or expects, anything later than this."""

_SOUND: Final = re.compile(f"[ -~]{{1,{TEXT_LENGTH_MAX}}}")
"""What a carrier may call itself or a parcel: printable ASCII."""


@dataclass(frozen=True, slots=True)
class Booking:
    """The carrier, by the name under which it goes, will take these parcels."""

    carrier: str
    parcels: Parcels


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where one parcel is, and when it is expected while it is in transit."""

    tracking: str
    status: Literal["in transit", "delivered", "lost"]
    expected_at: AwareDatetime | None = None


class Carrier(Protocol):
    """Carries parcels. Both calls raise ``Declined`` for a final no, and anything else for "not now"."""

    async def book(self, request: BookParcels, key: str) -> Booking:
        """Take one parcel from each seller. Under a key it is done once; asked again, the first answer comes again."""
        ...

    async def track(self, numbers: tuple[str, ...], now: datetime) -> tuple[Whereabouts, ...]:
        """Say where parcels are at ``now``, by tracking number. Numbers that are not the carrier's are left out."""
        ...


class Nonsense(Exception):
    """The carrier has answered something else than it was asked."""


def booking_fault(request: BookParcels, booking: Booking) -> str | None:
    """Say why a booking is not what was asked for; ``None`` if it is."""
    if Counter(parcel.seller for parcel in booking.parcels) != Counter(request.sellers):
        return "booked other parcels than asked for"
    if not all(map(_SOUND.fullmatch, (booking.carrier, *(parcel.tracking for parcel in booking.parcels)))):
        return "gave a name or a number that cannot be printed"
    if len({parcel.tracking for parcel in booking.parcels}) != len(booking.parcels):
        return "gave two parcels one tracking number"
    earliest, latest = request.asked_at, request.asked_at + AHEAD_MAX
    if not all(earliest <= parcel.promised_at <= latest for parcel in booking.parcels):
        return "promised a date that cannot be"
    return None


def tracking_fault(numbers: tuple[str, ...], answer: tuple[Whereabouts, ...], now: datetime) -> str | None:
    """Say why an answer is not what was asked for; ``None`` if it is."""
    if Counter(parcel.tracking for parcel in answer) != Counter(numbers):
        return "spoke of other parcels than asked for"
    latest = now + AHEAD_MAX
    if any(parcel.expected_at is not None and parcel.expected_at > latest for parcel in answer):
        return "expects a parcel at a date that cannot be"
    return None
