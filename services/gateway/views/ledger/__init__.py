"""The ledger, rebuilt: what each event posts, entry by entry. No posting makes or loses money.

What a buyer has set aside is not in it: money moves with the payment, and not before.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

from agora.view import Add, Change, Patch, Told, View
from market.streams import TRANSACTIONS
from market.transactions import ParcelRefunded, PaymentSucceeded, TransactionRefunded, TransactionSettled
from services.gateway.views.ledger.rows import Account, LedgerEntry

ESCROW: Final = "escrow"
FEES: Final = "fees"

Amounts: TypeAlias = tuple[tuple[str, int], ...]


def show(told: Told) -> Iterable[Change]:
    """Post what an event moves. Several lost parcels of an order are one refund, whose amounts are added up."""
    match told.event:
        case PaymentSucceeded(total=total) as event:
            moved = ((f"buyer:{event.buyer}", -total.minor), (ESCROW, total.minor))
            yield from _post(event.transaction, "captured", moved, total.currency, told)
        case TransactionSettled() as event:
            yield from _post(event.transaction, "settled", _settled(event), event.currency, told)
        case ParcelRefunded(amount=amount) | TransactionRefunded(amount=amount) as event:
            moved = ((ESCROW, -amount.minor), (f"buyer:{event.buyer}", amount.minor))
            yield from _post(event.transaction, "refunded", moved, amount.currency, told)
        case _:
            return


def _settled(event: TransactionSettled) -> Amounts:
    fees = sum(payout.fee_minor for payout in event.payouts)
    paid = sum(payout.amount_minor for payout in event.payouts)
    sellers = ((f"seller:{payout.seller}", payout.amount_minor) for payout in event.payouts)
    return ((ESCROW, -paid - fees), *sellers, (FEES, fees))


def _post(transaction: str, posting: str, amounts: Amounts, currency: str, told: Told) -> Iterable[Change]:
    for entry, (account, amount) in enumerate(amounts):
        key = (transaction, posting, entry)
        yield Patch(LedgerEntry, key, {"account": account, "currency": currency, "posted_at": told.said_at})
        yield Add(LedgerEntry, key, {"amount_minor": amount})
        yield Add(Account, (account, currency), {"balance_minor": amount})


VIEW: Final = View(
    name="ledger",
    hears={TRANSACTIONS: (PaymentSucceeded, TransactionSettled, ParcelRefunded, TransactionRefunded)},
    show=show,
    rows=(LedgerEntry, Account),
)
