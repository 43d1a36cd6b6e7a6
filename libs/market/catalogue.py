"""Every event of the marketplace, and those that may be asked from outside."""

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
