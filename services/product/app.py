"""The product service."""

from typing import Final

from agora.service import Service
from market.catalogue import EVENTS
from market.streams import PRODUCTS
from services.product.decide import Consumes, Publishes, decide
from services.product.state import Product, Unlisted

service: Final = Service(
    name="product",
    stream=PRODUCTS,
    state=Product,
    initial=Unlisted(),
    consumes=Consumes,
    publishes=Publishes,
    decide=decide,
    events=EVENTS,
)
