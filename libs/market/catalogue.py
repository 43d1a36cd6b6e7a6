"""Every event of the marketplace: those that may be asked from outside, those that end a story, and reminders."""

from inspect import getmembers, isclass
from typing import Final

from agora.event import Event
from market import buyers, messages, products, requests, risks, sellers, shipments, transactions
from market.before import retired


def _events() -> tuple[type[Event], ...]:
    """Gather the events of every module. A class that others are made from is never said itself."""
    modules = (requests, buyers, sellers, products, transactions, shipments, risks, messages, retired)
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
    transactions.ClearPayout,
    transactions.RejectPayout,
    transactions.RequestReturn,
    shipments.ConfirmDelivery,
    messages.LeaveReview,
    messages.SendMessage,
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
    transactions.HoldRefused,
    transactions.PayoutHeld,
    transactions.ReturnRefused,
    transactions.VerdictRefused,
    shipments.DeliveryRefused,
    shipments.ParcelDelivered,
    shipments.ShipmentRecalled,
    risks.FraudScored,
    messages.ConfirmationComposed,
    messages.MessageRefused,
    messages.ReviewRefused,
)
"""What nobody has to act on: it answers whoever asked, or tells people what became of something. Any may hear it."""
REMINDERS: Final[tuple[type[Event], ...]] = (shipments.TrackingDue, transactions.TransactionTimedOut)
"""What an agent says to itself alone, when it falls due."""
OUTCOMES: Final[tuple[type[Event], ...]] = (
    shipments.BookingFailed,
    shipments.ParcelsBooked,
    shipments.ParcelsTracked,
    shipments.TrackingFailed,
    messages.ConfirmationWorded,
    messages.WordingFailed,
)
"""What an agent hears of its activities: said for it by the runtime, to itself alone."""
RETIRED: Final[tuple[type[Event], ...]] = (retired.DeliveryDue, retired.OrderDelivered, retired.OrderDispatched)
"""What nobody says or hears any more."""
