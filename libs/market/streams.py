"""The streams of the marketplace, one per kind of subject."""

from typing import Final

from agora.event import Stream

BUYERS: Final = Stream("buyers")
SELLERS: Final = Stream("sellers")
PRODUCTS: Final = Stream("products")
TRANSACTIONS: Final = Stream("transactions")
SHIPMENTS: Final = Stream("shipments")
REQUESTS: Final = Stream("requests")

ALL: Final = (BUYERS, SELLERS, PRODUCTS, TRANSACTIONS, SHIPMENTS, REQUESTS)
