"""What the buyer service's database can prove, once every order has ended."""

from typing import Final

from agora.audit import Check, Figure

CHECKS: Final = (
    Check("orders still open", "SELECT count(*) FROM open_orders"),
    Check("buyers above their budget", "SELECT count(*) FROM buyers WHERE spent_minor > budget_minor"),
    Check(
        "buyers with a paid order that is neither settled nor refunded",
        "SELECT count(*) FROM buyers WHERE paid <> settled + refunded",
    ),
)
FIGURES: Final = (
    Figure("spent by buyer", "SELECT buyer, spent_minor FROM buyers WHERE spent_minor <> 0"),
    Figure("paid orders by buyer", "SELECT buyer, paid FROM buyers WHERE paid <> 0"),
    Figure("settled orders by buyer", "SELECT buyer, settled FROM buyers WHERE settled <> 0"),
    Figure("refunded orders by buyer", "SELECT buyer, refunded FROM buyers WHERE refunded <> 0"),
    Figure("cancelled orders by buyer", "SELECT buyer, cancelled FROM buyers WHERE cancelled <> 0"),
    Figure("refused orders by buyer", "SELECT buyer, count(*) FROM refused_orders GROUP BY buyer"),
    Figure(
        "earliest update in carts by product",
        "SELECT product, min(seller_update) FROM carts GROUP BY product",
        across="min",
    ),
    Figure(
        "latest update in carts by product",
        "SELECT product, max(seller_update) FROM carts GROUP BY product",
        across="max",
    ),
    Figure("carts by product", "SELECT product, count(*) FROM carts GROUP BY product"),
)
