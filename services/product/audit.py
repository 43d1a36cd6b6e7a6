"""What the product service's database can prove, once every transaction has ended."""

from typing import Final

from agora.audit import Check, Figure

CHECKS: Final = (
    Check("products with stock still reserved", "SELECT count(*) FROM stock WHERE reserved <> 0"),
    Check("open reservations", "SELECT count(*) FROM reservations"),
    Check("products with stock below zero", "SELECT count(*) FROM stock WHERE stock < 0 OR reserved > stock"),
    Check(
        "products whose reserved stock is not the sum of its reservations",
        "SELECT count(*) FROM stock WHERE reserved <> (SELECT coalesce(sum(quantity), 0) FROM reservations "
        "WHERE reservations.product = stock.product)",
    ),
)
FIGURES: Final = (
    Figure("units sold by product", "SELECT product, sold FROM stock WHERE sold <> 0"),
    Figure("update by product", "SELECT product, seller_update FROM stock"),
    Figure("version by product", "SELECT product, version FROM stock"),
)
