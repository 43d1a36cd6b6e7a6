"""Every event of the marketplace: those that may be asked from outside, those that end a story, and reminders."""

from inspect import getmembers, isclass
from typing import Final

from agora.event import Event
from market import buyers, products, requests, sellers, transactions


def _events() -> tuple[type[Event], ...]:
    """Gather the events of every module. A class that others are made from is never said itself."""
    modules = (requests, buyers, sellers, products, transactions)
    return tuple(
        member
        for module in modules
        for _, member in getmembers(module, isclass)
        if issubclass(member, Event) and member.__module__ == module.__name__ and not member.__subclasses__()
    )


EVENTS: Final = _events()
COMMANDS: Final[tuple[type[Event], ...]] = (
    buyers.RegisterBuyer,
    buyers.AddToCart,
    buyers.ChangeCartLine,
    buyers.RemoveFromCart,
    buyers.CheckOut,
    sellers.RegisterSeller,
    sellers.ListProduct,
    sellers.ChangePrice,
    sellers.ReplaceProduct,
    products.Replenish,
    transactions.ConfirmDelivery,
)
"""What may be asked from outside."""
FINAL: Final[tuple[type[Event], ...]] = (
    buyers.BuyerRegistered,
    buyers.BuyerRegistrationRefused,
    buyers.CartChanged,
    buyers.CartRefused,
    buyers.FundsReleased,
    buyers.OrderRefused,
    products.ReplenishmentRefused,
    products.StockReplenished,
    requests.RequestRefused,
    sellers.ListingRefused,
    sellers.PriceChangeRefused,
    sellers.ReplacementRefused,
    sellers.SellerRegistered,
    sellers.SellerRegistrationRefused,
    transactions.DeliveryRefused,
    transactions.OrderDelivered,
)
"""What nobody has to act on: it answers whoever asked, or tells people what became of something."""
REMINDERS: Final[tuple[type[Event], ...]] = (transactions.DeliveryDue, transactions.TransactionTimedOut)
"""What an agent says to itself alone, when it falls due."""
