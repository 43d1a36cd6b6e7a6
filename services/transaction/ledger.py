"""The postings of a transaction: money goes from the buyer into escrow, and from escrow to the sellers and the fees.

No posting makes or loses money: its entries add up to nothing, and the database refuses one whose entries do not.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from agora.decision import Append
from market.lines import by_seller
from market.transactions import Payout
from services.transaction.rows import LedgerEntry
from services.transaction.state import Order

ESCROW: Final = "escrow"
FEES: Final = "fees"
BASIS_POINTS: Final = 10_000


def payouts(order: Order, fee_basis_points: int) -> tuple[Payout, ...]:
    """Part each seller's share into payout and fee; fees are rounded down to whole minor units."""
    return tuple(
        Payout(seller, share - fee, fee)
        for seller, share in by_seller(order.lines).items()
        for fee in (share * fee_basis_points // BASIS_POINTS,)
    )


def captured(order: Order, now: datetime) -> tuple[Append, ...]:
    """Post the buyer's money into escrow."""
    total = order.total.minor
    return _posting(order, "captured", ((f"buyer:{order.buyer}", -total), (ESCROW, total)), now)


def settled(order: Order, paid: tuple[Payout, ...], now: datetime) -> tuple[Append, ...]:
    """Post escrow out to every seller and the fees."""
    fees = sum(payout.fee_minor for payout in paid)
    sellers = ((f"seller:{payout.seller}", payout.amount_minor) for payout in paid)
    return _posting(order, "settled", ((ESCROW, -order.total.minor), *sellers, (FEES, fees)), now)


def _posting(order: Order, posting: str, amounts: Iterable[tuple[str, int]], now: datetime) -> tuple[Append, ...]:
    return tuple(
        Append(LedgerEntry(order.transaction, posting, entry, account, amount, order.total.currency, now))
        for entry, (account, amount) in enumerate(amounts)
    )
