"""How a paid transaction ends: settled for what arrived, and refunded for what did not.

The shipment decides, unless the payout is held: then how it ended is kept for the reviewer. The first end counts, and
whatever is heard after it changes nothing.
"""

from collections.abc import Container
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias

from agora.decision import NOTHING, Decision, become
from agora.event import Event
from market.lines import by_product, by_seller
from market.money import Money
from market.shipments import ShipmentDelivered, ShipmentFailed, ShipmentLost, ShipmentPartlyDelivered
from market.transactions import ParcelRefunded, Returned, TransactionRefunded, TransactionSettled
from services.transaction import ledger
from services.transaction.state import (
    Carried,
    Held,
    Order,
    Paid,
    Refunded,
    Settled,
    ShipmentEnd,
    Transaction,
    Unshipped,
)

ShipmentNews: TypeAlias = ShipmentDelivered | ShipmentPartlyDelivered | ShipmentLost | ShipmentFailed

LOST: Final = "every parcel was lost"


def hear(state: Transaction, news: ShipmentNews, now: datetime, fee_basis_points: int) -> Decision[Transaction]:
    """End as the shipment has ended or, while the payout is held, note it."""
    if isinstance(state, Paid):
        return end(state, _end_of(state.order, news), now, fee_basis_points)
    if isinstance(state, Held) and state.ended is None:
        return become(replace(state, ended=_end_of(state.order, news)))
    return NOTHING


def end(
    paid: Paid | Held, ended: ShipmentEnd, now: datetime, fee_basis_points: int, *first: Event
) -> Decision[Transaction]:
    """Settle with the sellers whose parcels arrived; if none did, refund everything. ``first`` is said before."""
    if isinstance(ended, Unshipped):
        return refund(paid, ended, ended.reason, now, *first)
    if len(ended.lost) == len(paid.order.sellers):
        return refund(paid, ended, LOST, now, *first)
    return _settle(paid, ended, now, fee_basis_points, *first)


def refund(
    paid: Paid | Held, ended: ShipmentEnd | None, reason: str, now: datetime, *first: Event
) -> Decision[Transaction]:
    """Give the buyer everything back, and the products every unit but those of parcels that were lost."""
    order = paid.order
    refunded = TransactionRefunded(
        transaction=order.transaction,
        buyer=order.buyer,
        amount=order.total,
        reason=reason,
        sellers=order.sellers,
        returned=_returned(order, set(ended.lost) if isinstance(ended, Carried) else ()),
    )
    state = Refunded(order, paid.paid_at, now, reason, ended)
    return become(state, *first, refunded, rows=ledger.refunded(order, order.total.minor, now))


def _settle(
    paid: Paid | Held, ended: Carried, now: datetime, fee_basis_points: int, *first: Event
) -> Decision[Transaction]:
    """Pay the sellers whose parcels arrived, and give the buyer the shares of the others back."""
    order, currency = paid.order, paid.order.total.currency
    payouts = ledger.payouts(order, fee_basis_points, set(ended.lost))
    settled = TransactionSettled(transaction=order.transaction, buyer=order.buyer, currency=currency, payouts=payouts)
    rows = ledger.settled(order, payouts, now)
    if not ended.lost:
        return become(Settled(order, paid.paid_at, now), *first, settled, rows=rows)
    shares = by_seller(order.lines)
    refunds = (
        ParcelRefunded(
            transaction=order.transaction, buyer=order.buyer, seller=seller, amount=Money(shares[seller], currency)
        )
        for seller in ended.lost
    )
    refunded_minor = sum(shares[seller] for seller in ended.lost)
    state = Settled(order, paid.paid_at, now, refunded_minor, ended)
    return become(state, *first, *refunds, settled, rows=(*rows, *ledger.refunded(order, refunded_minor, now)))


def _end_of(order: Order, news: ShipmentNews) -> ShipmentEnd:
    """Take from a shipment's end what concerns this order: who is no seller of it has lost nothing."""
    match news:
        case ShipmentDelivered():
            return Carried()
        case ShipmentPartlyDelivered():
            lost = set(news.lost)
            return Carried(tuple(seller for seller in order.sellers if seller in lost))
        case ShipmentLost():
            return Carried(order.sellers)
        case ShipmentFailed():
            return Unshipped(news.reason)


def _returned(order: Order, lost: Container[str]) -> tuple[Returned, ...]:
    """Add up each product's units but those of the lost parcels."""
    kept = by_product(line for line in order.lines if line.seller not in lost)
    return tuple(Returned(product, sum(line.quantity for line in lines)) for product, lines in kept.items())
