"""What may be asked over HTTP: each command with its address, who may ask it, and which events answer it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from agora.control import RedriveParked, SkipParked
from agora.event import Event
from market.buyers import (
    AddToCart,
    BuyerRegistered,
    BuyerRegistrationRefused,
    CartChanged,
    CartRefused,
    ChangeCartLine,
    CheckOut,
    OrderRefused,
    RegisterBuyer,
    RemoveFromCart,
)
from market.messages import LeaveReview, MessageRefused, MessageSent, ReviewLeft, ReviewRefused, SendMessage
from market.products import (
    PriceChanged,
    ProductListed,
    ProductReplaced,
    Replenish,
    ReplenishmentRefused,
    StockReplenished,
)
from market.sellers import (
    ChangePrice,
    ListingRefused,
    ListProduct,
    PriceChangeRefused,
    RegisterSeller,
    ReplacementRefused,
    ReplaceProduct,
    SellerRegistered,
    SellerRegistrationRefused,
)
from market.shipments import ConfirmDelivery, DeliveryRefused, ParcelDelivered
from market.streams import ALL
from market.transactions import (
    ClearPayout,
    PaymentSucceeded,
    PayoutCleared,
    PayoutRejected,
    RejectPayout,
    RequestReturn,
    ReturnRefused,
    TransactionCancelled,
    TransactionRefunded,
    TransactionRefused,
    VerdictRefused,
)
from services.gateway.http.keys import Scope

BUYER: Final = "/v1/buyers/{buyer}"
SELLER: Final = "/v1/sellers/{seller}"
ORDER: Final = "/v1/orders/{transaction}"


@dataclass(frozen=True, slots=True)
class Ask:
    """One command. The path's names are fields of it, as is ``reviewer``, which is whoever asks; the rest is the body.

    Beside operators, who may ask everything, only the agent named in the path under ``scope`` may ask it.
    ``trusted`` fields are taken from operators alone. ``own_product`` asks for a product that is the seller's;
    ``one_of`` names the only values that some fields may have.
    """

    method: Literal["POST", "PUT", "DELETE"]
    path: str
    command: type[Event]
    answers: tuple[type[Event], ...]
    example: Mapping[str, Any]
    scope: Scope = "operator"
    trusted: frozenset[str] = frozenset()
    own_product: bool = False
    one_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def answer_types(self) -> tuple[str, ...]:
        """The wire names of its answers."""
        return tuple(answer.wire_name for answer in self.answers)


_LINE: Final = {"product": "mug", "version": 1, "seller": "sam", "quantity": 2, "price_minor": 450}
_CARD: Final = {"method": "credit", "instalments": 1, "token": "tok_1"}
_PARKED: Final = {"service": "buyer", "stream": "buyers", "agent": "ann"}
_STREAMS: Final = {"stream": tuple(stream.name for stream in ALL)}

ASKS: Final = (
    Ask(
        "POST",
        "/v1/buyers",
        RegisterBuyer,
        (BuyerRegistered, BuyerRegistrationRefused),
        {
            "buyer": "ann",
            "currency": "GBP",
            "budget_minor": 100_000,
            "mandate": {"order_limit_minor": 20_000, "total_limit_minor": 90_000, "sellers": ["sam"]},
        },
    ),
    Ask(
        "POST",
        "/v1/sellers",
        RegisterSeller,
        (SellerRegistered, SellerRegistrationRefused),
        {"seller": "sam", "currency": "GBP"},
    ),
    Ask(
        "POST",
        f"{SELLER}/products",
        ListProduct,
        (ProductListed, ListingRefused),
        {"product": "mug", "prices_minor": [450], "stock": 100},
        "seller",
    ),
    Ask(
        "PUT",
        f"{SELLER}/products/{{product}}/price",
        ChangePrice,
        (PriceChanged, PriceChangeRefused),
        {"price_minor": 425},
        "seller",
    ),
    Ask(
        "POST",
        f"{SELLER}/products/{{product}}/replacement",
        ReplaceProduct,
        (ProductReplaced, ReplacementRefused),
        {"prices_minor": [475], "stock": 50},
        "seller",
    ),
    Ask(
        "POST",
        f"{SELLER}/products/{{product}}/stock",
        Replenish,
        (StockReplenished, ReplenishmentRefused),
        {"quantity": 20},
        "seller",
        own_product=True,
    ),
    Ask("POST", f"{BUYER}/cart", AddToCart, (CartChanged, CartRefused), {"line": _LINE}, "buyer"),
    Ask("PUT", f"{BUYER}/cart/{{product}}", ChangeCartLine, (CartChanged, CartRefused), {"quantity": 3}, "buyer"),
    Ask("DELETE", f"{BUYER}/cart/{{product}}", RemoveFromCart, (CartChanged, CartRefused), {}, "buyer"),
    Ask(
        "POST",
        f"{BUYER}/orders",
        CheckOut,
        (PaymentSucceeded, OrderRefused, TransactionRefused, TransactionCancelled),
        {"order": "order-1", "lines": [_LINE], "currency": "GBP", "payment": _CARD},
        "buyer",
        trusted=frozenset({"ordered_at"}),
    ),
    Ask(
        "POST",
        f"{BUYER}/orders/{{transaction}}/review",
        LeaveReview,
        (ReviewLeft, ReviewRefused),
        {"rating": 5, "text": "Lovely mug."},
        "buyer",
    ),
    Ask(
        "POST",
        f"{BUYER}/orders/{{transaction}}/return",
        RequestReturn,
        (TransactionRefunded, ReturnRefused),
        {"reason": "changed my mind"},
        "buyer",
    ),
    Ask("POST", f"{BUYER}/messages", SendMessage, (MessageSent, MessageRefused), {"text": "Where is it?"}, "buyer"),
    Ask("POST", f"{ORDER}/deliveries", ConfirmDelivery, (ParcelDelivered, DeliveryRefused), {"seller": "sam"}),
    Ask("POST", f"{ORDER}/payout/clear", ClearPayout, (PayoutCleared, VerdictRefused), {}),
    Ask(
        "POST",
        f"{ORDER}/payout/reject",
        RejectPayout,
        (PayoutRejected, VerdictRefused),
        {"reason": "a stolen card"},
    ),
    Ask("POST", "/v1/parked/redrive", RedriveParked, (), _PARKED, one_of=_STREAMS),
    Ask("POST", "/v1/parked/skip", SkipParked, (), _PARKED, one_of=_STREAMS),
)
"""Every command there is, in the order in which a market needs them. Without answers, a request is done once let in."""
ANSWERS: Final = tuple(sorted({answer for ask in ASKS for answer in ask.answer_types}))
"""The wire names of every event that answers some ask."""
ANSWERS_TO: Final = {ask.command.wire_name: ask.answer_types for ask in ASKS}
"""The wire names of the answers to each command."""
