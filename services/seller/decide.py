"""A seller: its catalogue, and the orders it has to fill.

The seller numbers what it says about its products. Products and watching buyers hear it from this one partition, so
every cart sees one seller's updates in the seller's order.
"""

from datetime import datetime
from typing import TypeAlias

from agora.decision import Append, Decision, Put, Remove, become, publish
from market.ids import SellerId, TransactionId
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
from market.shipments import ParcelDispatched, ShipmentPlanned
from market.transactions import ParcelRefunded, PaymentSucceeded, TransactionRefunded, TransactionSettled
from services.seller import catalogue
from services.seller.catalogue import CatalogueCommand, WatchNews
from services.seller.rows import OpenOrder, Sale
from services.seller.state import Registered, Seller

OrderNews: TypeAlias = PaymentSucceeded | ShipmentPlanned | TransactionSettled | ParcelRefunded | TransactionRefunded
Consumes: TypeAlias = RegisterSeller | CatalogueCommand | WatchNews | ProductTaken | OrderNews
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
    | ParcelDispatched
)


def decide(seller: Seller, event: Consumes, now: datetime) -> Decision[Seller]:
    """Take one turn of a seller. Its orders are rows alone: filling one leaves the state as it is."""
    match event:
        case PaymentSucceeded():
            return _open(event, now)
        case ShipmentPlanned():
            return _dispatch(event)
        case TransactionSettled():
            return _sell(event, now)
        case ParcelRefunded() | TransactionRefunded():
            return _give_up(event)
        case RegisterSeller():
            return _register(seller, event)
        case ListProduct() | ChangePrice() | ReplaceProduct() as command:
            return catalogue.obey(seller, command)
        case ProductWatched() | ProductUnwatched() as news:
            return catalogue.watch(seller, news)
        case ProductTaken():
            return catalogue.withdraw(seller, event)


def _open(event: PaymentSucceeded, now: datetime) -> Decision[Seller]:
    (share,) = event.shares
    order = OpenOrder(share.seller, event.transaction, share.amount_minor, event.total.currency, now)
    return publish(rows=(Put(order),))


def _dispatch(event: ShipmentPlanned) -> Decision[Seller]:
    (parcel,) = event.parcels
    return publish(ParcelDispatched(transaction=event.transaction, seller=parcel.seller))


def _sell(event: TransactionSettled, now: datetime) -> Decision[Seller]:
    (payout,) = event.payouts
    sale = Sale(payout.seller, event.transaction, payout.amount_minor, payout.fee_minor, event.currency, now)
    return publish(rows=(_closed(payout.seller, event.transaction), Append(sale)))


def _give_up(event: ParcelRefunded | TransactionRefunded) -> Decision[Seller]:
    """Close an order of which the buyer has its money back: no sale comes of it."""
    (seller,) = (event.seller,) if isinstance(event, ParcelRefunded) else event.sellers
    return publish(rows=(_closed(seller, event.transaction),))


def _closed(seller: SellerId, transaction: TransactionId) -> Remove:
    return Remove(OpenOrder, (seller, transaction))


def _register(seller: Seller, event: RegisterSeller) -> Decision[Seller]:
    if isinstance(seller, Registered):
        return publish(SellerRegistrationRefused(seller=event.seller, reason="already registered"))
    if not is_currency(event.currency):
        return publish(SellerRegistrationRefused(seller=event.seller, reason="malformed currency"))
    registered = SellerRegistered(seller=event.seller, currency=event.currency)
    return become(Registered(event.seller, event.currency), registered)
