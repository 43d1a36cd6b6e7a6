"""A seller: its catalogue, and the orders it has to fill.

The seller numbers what it says about its products. Products and watching buyers hear it from this one partition, so
every cart sees one seller's updates in the seller's order.
"""

from datetime import datetime
from typing import TypeAlias

from agora.decision import Append, Decision, Put, Remove, become, publish
from market.money import is_currency
from market.products import PriceChanged, ProductListed, ProductQuoted, ProductReplaced
from market.sellers import (
    ChangePrice,
    ListingRefused,
    ListProduct,
    PriceChangeRefused,
    ProductTaken,
    ProductUnwatched,
    ProductWatched,
    RegisterSeller,
    ReplacementRefused,
    ReplaceProduct,
    SellerRegistered,
    SellerRegistrationRefused,
    WatchRefused,
)
from market.transactions import OrderDispatched, PaymentSucceeded, TransactionSettled
from services.seller import catalogue
from services.seller.catalogue import CatalogueCommand, WatchNews
from services.seller.rows import OpenOrder, Sale
from services.seller.state import Registered, Seller

Consumes: TypeAlias = (
    RegisterSeller | CatalogueCommand | WatchNews | ProductTaken | PaymentSucceeded | TransactionSettled
)
Publishes: TypeAlias = (
    SellerRegistered
    | SellerRegistrationRefused
    | ProductListed
    | ListingRefused
    | PriceChanged
    | PriceChangeRefused
    | ProductReplaced
    | ReplacementRefused
    | ProductQuoted
    | WatchRefused
    | OrderDispatched
)


def decide(seller: Seller, event: Consumes, now: datetime) -> Decision[Seller]:
    """Take one turn of a seller. Its orders are rows alone: filling one leaves the state as it is."""
    match event:
        case PaymentSucceeded():
            return _fill(event, now)
        case TransactionSettled():
            return _close(event, now)
        case RegisterSeller():
            return _register(seller, event)
        case ListProduct() | ChangePrice() | ReplaceProduct() as command:
            return catalogue.obey(seller, command)
        case ProductWatched() | ProductUnwatched() as news:
            return catalogue.watch(seller, news)
        case ProductTaken():
            return catalogue.withdraw(seller, event)


def _fill(event: PaymentSucceeded, now: datetime) -> Decision[Seller]:
    (share,) = event.shares
    order = OpenOrder(share.seller, event.transaction, share.amount_minor, event.total.currency, now)
    return publish(OrderDispatched(transaction=event.transaction, seller=share.seller), rows=(Put(order),))


def _close(event: TransactionSettled, now: datetime) -> Decision[Seller]:
    (payout,) = event.payouts
    sale = Sale(payout.seller, event.transaction, payout.amount_minor, payout.fee_minor, event.currency, now)
    return publish(rows=(Remove(OpenOrder, (payout.seller, event.transaction)), Append(sale)))


def _register(seller: Seller, event: RegisterSeller) -> Decision[Seller]:
    if isinstance(seller, Registered):
        return publish(SellerRegistrationRefused(seller=event.seller, reason="already registered"))
    if not is_currency(event.currency):
        return publish(SellerRegistrationRefused(seller=event.seller, reason="malformed currency"))
    registered = SellerRegistered(seller=event.seller, currency=event.currency)
    return become(Registered(event.seller, event.currency), registered)
