"""The concierge's mandate: how long a mood lasts, and what an apology may cost."""

from base64 import b32encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

from market.ids import BuyerId
from market.messages import Voucher
from market.money import AMOUNT_MINOR_MAX, Money
from market.transactions import PaymentSucceeded
from services.concierge.state import Known

BASIS_POINTS: Final = 10_000
CODE_DIGEST_BYTES: Final = 10
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Policy:
    """The house rules. A voucher is within each of its limits: its own, its part of the order, and all of a buyer's.

    With ``by_model`` a language model is asked for the words of every confirmation.
    """

    voucher_minor_max: int = 500
    voucher_basis_points_max: int = 1_000
    vouchers_max: int = 3
    goodwill_minor_max: int = 1_500
    voucher_validity: timedelta = timedelta(days=90)
    grievance_lasts: timedelta = timedelta(days=30)
    mood_half_life: timedelta = timedelta(days=7)
    by_model: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.voucher_basis_points_max <= BASIS_POINTS:
            raise ValueError(f"{self.voucher_basis_points_max} basis points of an order are not a part of it")
        amounts = (self.voucher_minor_max, self.goodwill_minor_max, self.vouchers_max)
        if not all(0 <= amount <= AMOUNT_MINOR_MAX for amount in amounts):
            raise ValueError(f"a mandate of {amounts} is out of range")
        if self.mood_half_life <= timedelta() or min(self.voucher_validity, self.grievance_lasts) < timedelta():
            raise ValueError("a mood, a voucher and a grievance last for some time")


POLICY: Final = Policy()


def mandate_minor(known: Known, total: Money, policy: Policy) -> int:
    """The largest voucher that may be given with an order now, in minor units; 0 if none may."""
    if known.vouchers >= policy.vouchers_max:
        return 0
    share_minor = total.minor * policy.voucher_basis_points_max // BASIS_POINTS
    left_minor = policy.goodwill_minor_max - known.goodwill_minor
    return max(0, min(policy.voucher_minor_max, share_minor, left_minor))


def voucher(event: PaymentSucceeded, amount_minor: int, now: datetime, policy: Policy) -> Voucher | None:
    """A voucher of this amount, if it is one, under a code that follows from the order."""
    if amount_minor <= 0:
        return None
    amount = Money(amount_minor, event.total.currency)
    valid_until = now + min(policy.voucher_validity, _LAST_MOMENT - now)
    return Voucher(_code(event.buyer, event.transaction), amount, valid_until)


def _code(buyer: BuyerId, transaction: str) -> str:
    cause = f"{buyer}\n{transaction}".encode(errors="backslashreplace")
    return f"SORRY-{b32encode(blake2b(cause, digest_size=CODE_DIGEST_BYTES).digest()).decode()}"
