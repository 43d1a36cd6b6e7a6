"""The postings of a transaction: money goes from the buyer into escrow, and from there to the sellers and the fees.

What no seller is paid goes back from escrow to the buyer. No posting makes or loses money: its entries add up to
nothing, and the database refuses one whose entries do not.
"""

from collections.abc import Container, Iterable
from datetime import datetime
from typing import Final

from agora.decision import Append
from market.ids import SellerId
from market.lines import by_seller
from market.transactions import Payout
from services.transaction.rows import LedgerEntry
from services.transaction.state import Order

ESCROW: Final = "escrow"
FEES: Final = "fees"
BASIS_POINTS: Final = 10_000


def payouts(order: Order, fee_basis_points: int, lost: Container[SellerId] = ()) -> tuple[Payout, ...]:
    """Part the share of each seller whose parcel is not lost into payout and fee; fees are rounded down."""
    return tuple(
        Payout(seller, share - fee, fee)
        for seller, share in by_seller(order.lines).items()
        if seller not in lost
        for fee in (share * fee_basis_points // BASIS_POINTS,)
    )


def captured(order: Order, now: datetime) -> tuple[Append, ...]:
    """Post the buyer's money into escrow."""
    total = order.total.minor
    return _posting(order, "captured", ((f"buyer:{order.buyer}", -total), (ESCROW, total)), now)


def settled(order: Order, paid: tuple[Payout, ...], now: datetime) -> tuple[Append, ...]:
    """Post escrow out to these sellers and the fees."""
    fees = sum(payout.fee_minor for payout in paid)
    out = sum(payout.amount_minor for payout in paid) + fees
    sellers = ((f"seller:{payout.seller}", payout.amount_minor) for payout in paid)
    return _posting(order, "settled", ((ESCROW, -out), *sellers, (FEES, fees)), now)


def refunded(order: Order, amount_minor: int, now: datetime) -> tuple[Append, ...]:
    """Post this much of escrow back to the buyer."""
    return _posting(order, "refunded", ((ESCROW, -amount_minor), (f"buyer:{order.buyer}", amount_minor)), now)


def _posting(order: Order, posting: str, amounts: Iterable[tuple[str, int]], now: datetime) -> tuple[Append, ...]:
    return tuple(
        Append(LedgerEntry(order.transaction, posting, entry, account, amount, order.total.currency, now))
        for entry, (account, amount) in enumerate(amounts)
    )
