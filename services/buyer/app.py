"""The buyer service."""

from typing import Final

from agora.service import Service
from market.catalogue import EVENTS
from market.streams import BUYERS
from services.buyer.decide import Consumes, Publishes, decide
from services.buyer.rows import RefusedOrder
from services.buyer.state import Buyer, Unregistered

service: Final = Service(
    name="buyer",
    stream=BUYERS,
    state=Buyer,
    initial=Unregistered(),
    consumes=Consumes,
    publishes=Publishes,
    decide=decide,
    events=EVENTS,
    rows=(RefusedOrder,),
)
