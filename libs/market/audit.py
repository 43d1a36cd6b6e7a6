"""What must agree: where two services count the same thing, and where a service counts what the log holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agora.audit import LOG, Fold
from market.audit_carts import Carts
from market.audit_orders import Requests, Transactions
from market.audit_reviews import Reviews
from market.audit_shipments import Shipments
from market.audit_tallies import Tallies


def folds() -> tuple[Fold, ...]:
    """Everything that hears the log for the audit, with nothing heard yet."""
    return Requests(), Transactions(), Shipments(), Reviews(), Carts(), Tallies()


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure of one service, or of the log."""

    service: str
    figure: str


@dataclass(frozen=True, slots=True)
class Equality:
    """Two readings that agree key by key; ``name`` says what a disagreement is, and a missing key is one.

    ``partial``: only the keys of ``left`` count, as when few of all products lie in carts.
    """

    name: str
    left: Reading
    right: Reading
    partial: bool = False

    def violations(self, left: Mapping[str, int], right: Mapping[str, int]) -> int:
        """Count the keys that do not agree."""
        keys = left.keys() if self.partial else left.keys() | right.keys()
        return sum(left.get(key) != right.get(key) for key in keys)


EQUALITIES: Final = (
    Equality(
        "products whose units sold are not the units paid for",
        Reading("product", "units sold by product"),
        Reading("transaction", "units paid by product"),
    ),
    Equality(
        "buyers who spent other than what was captured from them",
        Reading("buyer", "spent by buyer"),
        Reading("transaction", "captured by buyer"),
    ),
    Equality(
        "buyers who count other paid orders than there are transactions",
        Reading("buyer", "paid orders by buyer"),
        Reading("transaction", "paid orders by buyer"),
    ),
    Equality(
        "buyers who count other settled orders than there are transactions",
        Reading("buyer", "settled orders by buyer"),
        Reading("transaction", "settled orders by buyer"),
    ),
    Equality(
        "buyers who count other refunded orders than there are transactions",
        Reading("buyer", "refunded orders by buyer"),
        Reading("transaction", "refunded orders by buyer"),
    ),
    Equality(
        "buyers who count other cancelled orders than there are transactions",
        Reading("buyer", "cancelled orders by buyer"),
        Reading("transaction", "cancelled orders by buyer"),
    ),
    Equality(
        "sellers who were paid other than what escrow paid out",
        Reading("seller", "payout by seller"),
        Reading("transaction", "payout by seller"),
    ),
    Equality("fees not kept once", Reading("seller", "fees"), Reading("transaction", "fees")),
    Equality(
        "dashboards that do not show what is paid and not settled",
        Reading("seller", "open amount by seller"),
        Reading("transaction", "unsettled amount by seller"),
    ),
    Equality(
        "buyers whose payments were not each scored once",
        Reading("risk", "scored payments by buyer"),
        Reading("transaction", "paid orders by buyer"),
    ),
    Equality(
        "transactions flagged by their score and not in the log, or the other way round",
        Reading("risk", "flagged by transaction"),
        Reading(LOG, "flagged by transaction"),
    ),
    Equality(
        "buyers whose payments were not each confirmed once",
        Reading("concierge", "confirmations by buyer"),
        Reading("transaction", "paid orders by buyer"),
    ),
    # Partial: an order may be undone just as its last parcel arrives, and is then no shipped order to its transaction.
    Equality(
        "transactions that ended with other parcels than were shipped",
        Reading("transaction", "parcels by transaction"),
        Reading("fulfilment", "parcels by transaction"),
        partial=True,
    ),
    Equality(
        "products that missed their seller's last update",
        Reading("product", "update by product"),
        Reading("seller", "update by product"),
    ),
    Equality(
        "products not sold in their seller's last version",
        Reading("product", "version by product"),
        Reading("seller", "version by product"),
    ),
    Equality(
        "carts that missed a seller's last update",
        Reading("buyer", "earliest update in carts by product"),
        Reading("seller", "update by product"),
        partial=True,
    ),
    Equality(
        "carts that heard of an update their seller did not make",
        Reading("buyer", "latest update in carts by product"),
        Reading("seller", "update by product"),
        partial=True,
    ),
    Equality(
        "products in carts unwatched, or watched for no cart",
        Reading("buyer", "carts by product"),
        Reading("seller", "watchers by product"),
    ),
    Equality(
        "accepted checkouts that are not in the log",
        Reading("gateway", "checkouts accepted by key"),
        Reading(LOG, "checkouts by key"),
        partial=True,
    ),
    *(
        Equality(f"buyers whose {figure} are not their events", Reading("buyer", key), Reading(LOG, key))
        for figure, key in (
            ("paid orders", "paid orders by buyer"),
            ("settled orders", "settled orders by buyer"),
            ("refunded orders", "refunded orders by buyer"),
            ("cancelled orders", "cancelled orders by buyer"),
            ("refused orders", "refused orders by buyer"),
            ("payments", "spent by buyer"),
        )
    ),
    Equality(
        "dashboards whose entries are not the seller's paid and unsettled orders",
        Reading("seller", "open orders by seller"),
        Reading(LOG, "open orders by seller"),
    ),
)
