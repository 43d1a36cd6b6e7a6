"""A carrier of our own that carries nothing: what becomes of a parcel follows from a seed and its tracking number.

It remembers nothing, so it answers the same after any crash, and in every process.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

from market.shipments import Parcel
from services.fulfilment.carrier import Booking, Whereabouts
from services.fulfilment.tasks import BookParcels

NAME: Final = "Simulated Parcels"
LATE_TRANSITS: Final = 2
"""A late parcel takes so many transit times more than was promised."""
LOST_TRANSITS: Final = 1
"""So many transit times after its promise, a lost parcel is known to be lost."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_LOT_BYTES: Final = 8
_LOTS: Final = 256**_LOT_BYTES
_NUMBER: Final = re.compile(rf"SP([0-9a-f]{{1,12}})-([0-9a-f]{{{2 * _LOT_BYTES}}})")


@dataclass(frozen=True, slots=True)
class SimulatedCarrier:
    """Brings a parcel after ``transit``, but for a share that is late and a share that is lost."""

    transit: timedelta = timedelta(seconds=10)
    late_share: float = 0.0
    lost_share: float = 0.0
    seed: str = ""

    def __post_init__(self) -> None:
        if self.late_share + self.lost_share > 1:
            raise ValueError("the shares of late and of lost parcels add up to more than all parcels")

    async def book(self, request: BookParcels, key: str) -> Booking:
        milliseconds = -((_EPOCH - request.asked_at - self.transit) // _MILLISECOND)  # rounded up
        promised_at = _EPOCH + milliseconds * _MILLISECOND
        return Booking(
            NAME,
            tuple(
                Parcel(seller, f"SP{milliseconds:x}-{_drawn(self.seed, key, seller)}", promised_at)
                for seller in request.sellers
            ),
        )

    async def track(self, numbers: tuple[str, ...], now: datetime) -> tuple[Whereabouts, ...]:
        known = ((number, _NUMBER.fullmatch(number)) for number in numbers)
        return tuple(
            self._where(number, _EPOCH + int(match[1], 16) * _MILLISECOND, int(match[2], 16) / _LOTS, now)
            for number, match in known
            if match
        )

    def _where(self, number: str, promised_at: datetime, lot: float, now: datetime) -> Whereabouts:
        """Follow a parcel whose fate was drawn as ``lot``, from 0 to 1: the first are lost, the next are late."""
        if lot < self.lost_share:
            known_at = promised_at + LOST_TRANSITS * self.transit
            return Whereabouts(number, "lost") if now >= known_at else Whereabouts(number, "in transit")
        late = lot < self.lost_share + self.late_share
        arrives_at = promised_at + LATE_TRANSITS * self.transit if late else promised_at
        if now >= arrives_at:
            return Whereabouts(number, "delivered")
        return Whereabouts(number, "in transit", arrives_at if now >= promised_at else promised_at)


def _drawn(*words: str) -> str:
    """A lot in hexadecimal, the same for the same words."""
    return blake2b(repr(words).encode(errors="replace"), digest_size=_LOT_BYTES).hexdigest()
