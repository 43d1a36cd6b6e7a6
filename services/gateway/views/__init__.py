"""What the gateway can tell: tables built of the events of all streams, which may be dropped and are built anew."""

from typing import Final

from agora.view import View
from services.gateway.views import agents, carts, feed, ledger, orders, parked, products, sales

VIEWS: Final[tuple[View, ...]] = (
    feed.VIEW,
    products.VIEW,
    carts.VIEW,
    orders.VIEW,
    sales.VIEW,
    ledger.VIEW,
    agents.VIEW,
    parked.VIEW,
)
