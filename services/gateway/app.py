"""The gateway service: the marketplace's one door."""

from typing import Final

from agora.requests import Request, Submitted
from agora.service import Service
from market.catalogue import EVENTS
from market.streams import REQUESTS
from services.gateway.decide import INITIAL, Consumes, Publishes, decide

service: Final = Service(
    name="gateway",
    stream=REQUESTS,
    state=Request,
    initial=INITIAL,
    consumes=Consumes,
    publishes=Publishes,
    decide=decide,
    events=(*EVENTS, Submitted),
    ingress=True,
    front="services.gateway.http.front",
)
