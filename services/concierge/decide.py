"""The concierge: it tells a buyer that an order is paid, in a tone that fits how the buyer has fared of late.

What the marketplace did to a buyer, a late or a lost parcel, is apologised for once, perhaps with a voucher. What a
buyer writes changes the tone, never the money: otherwise complaining would pay. A language model, if there is one,
finds the words, and decides nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias

from agora.decision import NOTHING, Append, Decision, Perform, become
from market.buyers import OrderRefused
from market.messages import (
    ConfirmationComposed,
    ConfirmationWorded,
    MessageSent,
    ReviewLeft,
    Tone,
    WordingFailed,
)
from market.shipments import ParcelLate, ParcelLost
from market.transactions import PaymentSucceeded, TransactionCancelled, TransactionRefunded, TransactionSettled
from services.concierge import goodwill, mood, templates
from services.concierge.goodwill import POLICY, Policy
from services.concierge.rows import Confirmation
from services.concierge.state import WAITING_MAX, Buyer, Grievance, Kind, Known, Letter, Moment, Reading
from services.concierge.tasks import WordConfirmation

Consumes: TypeAlias = (
    PaymentSucceeded
    | OrderRefused
    | TransactionCancelled
    | TransactionSettled
    | TransactionRefunded
    | ParcelLate
    | ParcelLost
    | ReviewLeft
    | MessageSent
    | ConfirmationWorded
    | WordingFailed
)
Publishes: TypeAlias = ConfirmationComposed

SORRY_POINTS: Final = -2_500
"""A mood no better than this gets an apology: one delay of these days, or three refusals."""
WARM_POINTS: Final = 1_000
"""A mood no worse than this gets thanks: one order settled within the week."""
POINTS: Final[Mapping[Kind, int]] = {
    "settled": 2_000,
    "refused": -1_000,
    "cancelled": -1_000,
    "late": -4_000,
    "lost": -6_000,
    "refunded": -4_000,
}
RATING_POINTS: Final = (-6_000, -3_000, 0, 2_000, 4_000)
"""For one star to five."""
READING_POINTS: Final[Mapping[Reading, int]] = {"good": 2_000, "bad": -3_000, "neutral": 0, "language unknown": 0}
REVIEW_PART: Final = 2
"""In a review the stars are certain and the words a guess, so its words count for this part of a message's."""


def decide(buyer: Buyer, event: Consumes, now: datetime, policy: Policy = POLICY) -> Decision[Buyer]:
    """Take one turn of the concierge with one buyer."""
    match event:
        case PaymentSucceeded():
            return _confirm(_known(buyer, now), event, now, policy)
        case TransactionSettled() | OrderRefused() | TransactionCancelled() | TransactionRefunded():
            return become(_live(_known(buyer, now), _kind(event), now, policy))
        case ParcelLate() | ParcelLost():
            return become(_suffer(_known(buyer, now), event, now, policy))
        case ReviewLeft() | MessageSent():
            return become(_known(buyer, now).feel(_moment(event, now), policy.mood_half_life))
        case ConfirmationWorded() | WordingFailed():
            return _worded(buyer, event, now)


def _known(buyer: Buyer, now: datetime) -> Known:
    return buyer if isinstance(buyer, Known) else Known(now)


def _kind(event: TransactionSettled | OrderRefused | TransactionCancelled | TransactionRefunded) -> Kind:
    match event:
        case TransactionSettled():
            return "settled"
        case OrderRefused():
            return "refused"
        case TransactionCancelled():
            return "cancelled"
        case TransactionRefunded():
            return "refunded"


def _live(known: Known, kind: Kind, now: datetime, policy: Policy) -> Known:
    return known.feel(Moment(kind, now, POINTS[kind]), policy.mood_half_life)


def _suffer(known: Known, event: ParcelLate | ParcelLost, now: datetime, policy: Policy) -> Known:
    kind = "late" if isinstance(event, ParcelLate) else "lost"
    return _live(known.grieve(Grievance(event.transaction, kind, now)), kind, now, policy)


def _moment(event: ReviewLeft | MessageSent, now: datetime) -> Moment:
    """How the buyer feels by its own words."""
    reading = mood.read(event.text)
    points = READING_POINTS[reading]
    if isinstance(event, MessageSent):
        return Moment("message", now, points, reading=reading)
    return Moment("review", now, RATING_POINTS[event.rating - 1] + points // REVIEW_PART, event.rating, reading)


def _confirm(known: Known, event: PaymentSucceeded, now: datetime, policy: Policy) -> Decision[Buyer]:
    """Write to the buyer, or have a model find the words, unless too many letters are waiting for theirs already."""
    grievances = tuple(one for one in known.grievances if now - one.at <= policy.grievance_lasts)
    letter = Letter(event.transaction, event.total, _tone(known, grievances, now, policy))
    if grievances:
        letter = _apologised(letter, known, event, grievances[-1], now, policy)
    paid = known.pay(letter, (one.transaction for one in known.grievances))
    if policy.by_model and len(known.waiting) < WAITING_MAX:
        return become(paid.wait(letter), activities=(_ask(event, letter),))
    return _compose(paid, event, letter, templates.write(letter), now, by_model=False)


def _tone(known: Known, grievances: tuple[Grievance, ...], now: datetime, policy: Policy) -> Tone:
    points = known.mood(now, policy.mood_half_life)
    if grievances or points <= SORRY_POINTS:
        return "sorry"
    return "warm" if points >= WARM_POINTS else "plain"


def _apologised(
    letter: Letter, known: Known, event: PaymentSucceeded, about: Grievance, now: datetime, policy: Policy
) -> Letter:
    """One apology for all grievances, and one voucher, as far as the mandate goes."""
    allowed_minor = goodwill.mandate_minor(known, event.total, policy)
    voucher = goodwill.voucher(event, allowed_minor, now, policy)
    return replace(letter, about=about, voucher=voucher, mandate_minor=allowed_minor if voucher else None)


def _ask(event: PaymentSucceeded, letter: Letter) -> Perform:
    written = templates.write(letter)
    task = WordConfirmation(
        buyer=event.buyer,
        transaction=event.transaction,
        tone=letter.tone,
        subject=written.subject,
        text=written.words,
    )
    return Perform(f"wording-{event.transaction}", task)


def _worded(buyer: Buyer, event: ConfirmationWorded | WordingFailed, now: datetime) -> Decision[Buyer]:
    """Send a letter in the model's words, or else the template's. Nobody waits for a second answer."""
    letter = buyer.letter(event.transaction) if isinstance(buyer, Known) else None
    if not isinstance(buyer, Known) or letter is None:
        return NOTHING
    template = templates.write(letter)
    written = template.worded(event.text) if isinstance(event, ConfirmationWorded) else template
    return _compose(buyer.send(letter), event, letter, written, now, by_model=written is not template)


def _compose(
    known: Known,
    event: PaymentSucceeded | ConfirmationWorded | WordingFailed,
    letter: Letter,
    written: templates.Written,
    now: datetime,
    *,
    by_model: bool,
) -> Decision[Buyer]:
    composed = ConfirmationComposed(
        buyer=event.buyer,
        transaction=letter.transaction,
        tone=letter.tone,
        subject=written.subject,
        text=written.text,
        voucher=letter.voucher,
    )
    voucher = letter.voucher
    row = Confirmation(
        letter.transaction,
        event.buyer,
        letter.tone,
        by_model,
        voucher.code if voucher else None,
        voucher.amount.minor if voucher else None,
        letter.mandate_minor,
        voucher.amount.currency if voucher else None,
        voucher.valid_until if voucher else None,
        now,
    )
    return become(known, composed, rows=(Append(row),))
