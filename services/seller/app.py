"""The seller service."""

from typing import Final

from agora.service import Service
from market.catalogue import EVENTS
from market.streams import SELLERS
from services.seller.decide import Consumes, Publishes, decide
from services.seller.rows import OpenOrder, Sale
from services.seller.state import Seller, Unregistered

service: Final = Service(
    name="seller",
    stream=SELLERS,
    state=Seller,
    initial=Unregistered(),
    consumes=Consumes,
    publishes=Publishes,
    decide=decide,
    events=EVENTS,
    rows=(OpenOrder, Sale),
    linger_seconds=0.05,
)
