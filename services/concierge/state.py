"""What the concierge remembers of a buyer: how it has fared of late, its mood, and what it was given."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from market.ids import TransactionId
from market.messages import Tone, Voucher
from market.money import Money

MOMENTS_MAX: Final = 8
"""How many of the latest moments are kept, for people to see why a buyer feels as it does."""
GRIEVANCES_MAX: Final = 8
ANSWERED_MAX: Final = 32
"""Of so many orders it is known that their grievance was answered."""
WAITING_MAX: Final = 16
"""So many letters of one buyer may wait for a language model."""
MOOD_POINTS_MAX: Final = 10_000

Kind: TypeAlias = Literal["settled", "refused", "cancelled", "late", "lost", "refunded", "review", "message"]
Reading: TypeAlias = Literal["good", "bad", "neutral", "language unknown"]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a buyer or that it wrote, and how many points its mood moved by."""

    kind: Kind
    at: datetime
    points: int
    rating: int | None = None
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Grievance:
    """An order of which a parcel came late or not at all, so that the buyer is owed an apology."""

    transaction: TransactionId
    kind: Literal["late", "lost"]
    at: datetime


@dataclass(frozen=True, slots=True)
class Letter:
    """All that a confirmation says but its words. ``about`` is what it apologises for."""

    transaction: TransactionId
    total: Money
    tone: Tone
    about: Grievance | None = None
    voucher: Voucher | None = None
    mandate_minor: int | None = None
    """The largest voucher that the mandate still allowed, where one is given."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """Nothing is known of this buyer."""

    status: Literal["stranger"] = "stranger"


@dataclass(frozen=True, slots=True)
class Known:
    """A buyer with a history. Its mood was ``mood_points`` when it last moved; ``waiting`` letters are being worded."""

    moved_at: datetime
    mood_points: int = 0
    paid: int = 0
    counts: dict[Kind, int] = field(default_factory=dict[Kind, int])
    moments: tuple[Moment, ...] = ()
    grievances: tuple[Grievance, ...] = ()
    answered: tuple[TransactionId, ...] = ()
    vouchers: int = 0
    goodwill_minor: int = 0
    waiting: tuple[Letter, ...] = ()
    status: Literal["known"] = "known"

    def mood(self, now: datetime, half_life: timedelta) -> int:
        """The mood in points: half of it is gone after each half-life, and evenly so in between. Whole numbers only."""
        halvings, rest = divmod(max(now - self.moved_at, timedelta()), half_life)
        size = abs(self.mood_points) >> min(halvings, 64)
        size -= size * rest // (2 * half_life)
        return size if self.mood_points > 0 else -size

    def feel(self, moment: Moment, half_life: timedelta) -> "Known":
        """Live through a moment."""
        points = self.mood(moment.at, half_life) + moment.points
        return replace(
            self,
            moved_at=max(self.moved_at, moment.at),
            mood_points=max(-MOOD_POINTS_MAX, min(points, MOOD_POINTS_MAX)),
            counts={**self.counts, moment.kind: self.counts.get(moment.kind, 0) + 1},
            moments=(*self.moments, moment)[-MOMENTS_MAX:],
        )

    def grieve(self, grievance: Grievance) -> "Known":
        """Be owed an apology, once for each order: what becomes worse is still the same grievance."""
        if grievance.transaction in self.answered:
            return self
        others = (known for known in self.grievances if known.transaction != grievance.transaction)
        return replace(self, grievances=(*others, grievance)[-GRIEVANCES_MAX:])

    def pay(self, letter: Letter, answered: Iterable[TransactionId]) -> "Known":
        """Have paid for an order, and be answered: no grievance is left open, nor ever paid for again."""
        voucher = letter.voucher
        return replace(
            self,
            paid=self.paid + 1,
            grievances=(),
            answered=(*self.answered, *answered)[-ANSWERED_MAX:],
            vouchers=self.vouchers + (voucher is not None),
            goodwill_minor=self.goodwill_minor + (voucher.amount.minor if voucher else 0),
        )

    def letter(self, transaction: TransactionId) -> Letter | None:
        """The letter of an order that waits for its words."""
        return next((letter for letter in self.waiting if letter.transaction == transaction), None)

    def wait(self, letter: Letter) -> "Known":
        """Wait for a letter's words."""
        return replace(self, waiting=(*self.waiting, letter))

    def send(self, letter: Letter) -> "Known":
        """Wait for a letter's words no longer."""
        return replace(self, waiting=tuple(waiting for waiting in self.waiting if waiting != letter))


Buyer: TypeAlias = Stranger | Known
