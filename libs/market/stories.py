"""The stories of the marketplace, each as the events that tell it, in order."""

from typing import Final

from agora.papers.story import Story
from agora.requests import Submitted
from market.buyers import (
    AddToCart,
    BuyerRegistered,
    BuyerRegistrationRefused,
    CartChanged,
    CartRefused,
    ChangeCartLine,
    CheckOut,
    FundsHeld,
    FundsRefused,
    FundsReleased,
    OrderRefused,
    RegisterBuyer,
    RemoveFromCart,
)
from market.products import (
    PriceChanged,
    ProductListed,
    ProductQuoted,
    ProductReplaced,
    Replenish,
    ReplenishmentRefused,
    StockRefused,
    StockReplenished,
    StockReserved,
)
from market.requests import (
    RequestRefused,
)
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
from market.shipments import (
    ShipmentDelivered,
)
from market.stories_after_payment import AFTER_PAYMENT
from market.transactions import (
    OrderPlaced,
    OrderReserved,
    PaymentSucceeded,
    TransactionCancelled,
    TransactionOpened,
    TransactionRefused,
    TransactionSettled,
    TransactionTimedOut,
)

STORIES: Final = (
    Story(
        "A buyer, a seller and a product come to the market",
        "Both register, and the seller lists what it sells; from then on the product keeps its own stock.",
        (
            RegisterBuyer,
            BuyerRegistered,
            RegisterSeller,
            SellerRegistered,
            ListProduct,
            ProductListed,
            Replenish,
            StockReplenished,
        ),
    ),
    Story(
        "An order, paid and settled",
        "Every product promises its units, the buyer holds the money, escrow takes it; once every parcel has arrived, "
        "escrow pays the sellers.",
        (
            CheckOut,
            OrderPlaced,
            TransactionOpened,
            StockReserved,
            OrderReserved,
            FundsHeld,
            PaymentSucceeded,
            ShipmentDelivered,
            TransactionSettled,
        ),
    ),
    Story(
        "A product is out of stock",
        "One product's refusal undoes the order, and every other product takes its promise back.",
        (CheckOut, OrderPlaced, TransactionOpened, StockReserved, StockRefused, TransactionCancelled),
    ),
    Story(
        "The payment is declined",
        "All products have promised their units, but the buyer will not pay.",
        (
            CheckOut,
            OrderPlaced,
            TransactionOpened,
            StockReserved,
            OrderReserved,
            FundsRefused,
            TransactionCancelled,
        ),
    ),
    Story(
        "The money comes too late",
        "The time limit passes first, so the order is undone and the buyer gets back what it holds.",
        (
            CheckOut,
            OrderPlaced,
            TransactionOpened,
            StockReserved,
            OrderReserved,
            TransactionTimedOut,
            FundsHeld,
            TransactionCancelled,
            FundsReleased,
        ),
    ),
    Story(
        "The buyer itself refuses the order",
        "The mandate, the budget, a malformed line or an open order of the same id: nobody else hears of it.",
        (CheckOut, OrderRefused),
    ),
    Story(
        "The order's id is another transaction's",
        "The running transaction is not disturbed; the order just placed comes to nothing.",
        (CheckOut, OrderPlaced, TransactionRefused, OrderRefused),
    ),
    Story(
        "A cart follows its sellers' prices",
        "What is in a cart is watched at its seller, who tells today's price and every later one.",
        (
            AddToCart,
            CartChanged,
            ProductWatched,
            ProductQuoted,
            ChangePrice,
            PriceChanged,
            CartChanged,
            ReplaceProduct,
            ProductReplaced,
            CartChanged,
            ChangeCartLine,
            CartChanged,
            RemoveFromCart,
            CartChanged,
            ProductUnwatched,
        ),
    ),
    Story(
        "A seller does not offer what is put into the cart",
        "The cart lets go of the product again.",
        (AddToCart, CartChanged, ProductWatched, WatchRefused, CartRefused, ProductUnwatched),
    ),
    Story(
        "A product is another seller's already",
        "The product stays with the seller that listed it first; the other withdraws it, and its watchers hear of it.",
        (ListProduct, ProductListed, ProductTaken, ListingRefused, WatchRefused, CartRefused, ProductUnwatched),
    ),
    Story(
        "A command is refused by the one it asks",
        "A refusal is an event of its own: it answers whoever asked, and nothing else changes.",
        (
            RegisterBuyer,
            BuyerRegistrationRefused,
            AddToCart,
            CartRefused,
            RegisterSeller,
            SellerRegistrationRefused,
            ListProduct,
            ListingRefused,
            ChangePrice,
            PriceChangeRefused,
            ReplaceProduct,
            ReplacementRefused,
            Replenish,
            ReplenishmentRefused,
        ),
    ),
    Story(
        "A request is turned away at the door",
        "Its key was used for another request, or it cannot be read as a command.",
        (Submitted, RequestRefused),
    ),
    *AFTER_PAYMENT,
)
