"""Carriers that misbehave: they answer nonsense, late, twice or never, or do with each order what it is called."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from agora.activity import Declined
from market.shipments import Parcel
from services.fulfilment.carrier import Booking, Whereabouts
from services.fulfilment.simulator import SimulatedCarrier
from services.fulfilment.tasks import BookParcels


@dataclass
class Witness:
    """A carrier that behaves, and keeps every key it was ever asked under."""

    carrier: SimulatedCarrier = field(default_factory=SimulatedCarrier)
    keys: Counter[str] = field(default_factory=Counter[str])
    booked: dict[str, Booking] = field(default_factory=dict[str, Booking])

    async def book(self, request: BookParcels, key: str) -> Booking:
        self.keys[key] += 1
        return self.booked.setdefault(key, await self.carrier.book(request, key))

    async def track(self, numbers: tuple[str, ...], now: datetime) -> tuple[Whereabouts, ...]:
        return await self.carrier.track(numbers, now)


@dataclass
class Silent(Witness):
    """Never answers, or only after so many calls."""

    silent_calls: int = 10**9

    async def book(self, request: BookParcels, key: str) -> Booking:
        booking = await super().book(request, key)
        if self.keys.total() <= self.silent_calls:
            raise TimeoutError
        return booking


@dataclass
class Speechless(Witness):
    """Takes parcels, and never says a word about them again."""

    async def track(self, numbers: tuple[str, ...], now: datetime) -> tuple[Whereabouts, ...]:
        raise TimeoutError(f"nothing of {numbers} at {now}")


@dataclass
class Nonsensical(Witness):
    """Books parcels of sellers nobody asked for, and speaks of numbers nobody knows."""

    async def book(self, request: BookParcels, key: str) -> Booking:
        booking = await super().book(request, key)
        (first, *_) = booking.parcels
        return Booking("", (*booking.parcels, Parcel(first.seller, "", first.promised_at)))


@dataclass
class Wavering(Witness):
    """Says everything twice, and of every second word the opposite."""

    async def track(self, numbers: tuple[str, ...], now: datetime) -> tuple[Whereabouts, ...]:
        said = await super().track(numbers, now)
        return (*said, *(Whereabouts(one.tracking, "lost") for one in said))


FATES: Final = ("unbookable", "lost", "slow", "mute", "recalled")
"""What may become of an order's parcels, beside their delivery; an order called so meets it."""


@dataclass
class Fated:
    """Does with an order's parcels what its id says; of ``partly lost`` it loses the second seller's."""

    transit: timedelta = timedelta(seconds=10)

    async def book(self, request: BookParcels, key: str) -> Booking:
        if request.transaction == "unbookable":
            raise Declined(f"no room for {key}")
        promised_at = request.asked_at + self.transit
        parcels = (
            Parcel(seller, f"{request.transaction}/{place}/{promised_at.timestamp()}", promised_at)
            for place, seller in enumerate(request.sellers)
        )
        return Booking("Fated", tuple(parcels))

    async def track(self, numbers: tuple[str, ...], now: datetime) -> tuple[Whereabouts, ...]:
        return tuple(self._where(number, now) for number in numbers)

    def _where(self, number: str, now: datetime) -> Whereabouts:
        fate, place, promised_at = number.split("/")
        late = now.timestamp() - float(promised_at)
        if fate == "mute" and late < 4 * self.transit.total_seconds():  # longer than it is asked in one go
            raise TimeoutError
        if fate == "slow" and late < self.transit.total_seconds():
            return Whereabouts(number, "in transit", now + self.transit)
        return Whereabouts(number, "lost" if fate == "lost" or (fate, place) == ("partly lost", "1") else "delivered")
