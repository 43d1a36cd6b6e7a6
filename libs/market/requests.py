"""Events about requests from outside."""

from agora.event import Subject
from market.ids import RequestId
from market.language import MarketEvent
from market.streams import REQUESTS


class RequestRefused(MarketEvent):
    """A request was turned away at the door; ``kind`` is the wire name of what it asked."""

    request: RequestId
    kind: str
    reason: str

    def concerns(self) -> tuple[Subject, ...]:
        """Address the request."""
        return (REQUESTS(self.request),)
