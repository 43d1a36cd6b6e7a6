"""How many turns one order causes, from its checkout to its settlement, and at whose agents.

``tests/bench`` holds the numbers to orders that are traded in the in-memory world.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from agora.discovery import services
from console.orders import Order


@dataclass(frozen=True, slots=True)
class PerAgent:
    """Turns of one service's agent: in every order, and more for each product and each seller of the order."""

    each: int = 0
    per_product: int = 0
    per_seller: int = 0

    def of(self, products: int, sellers: int) -> int:
        """The turns of one agent in one order."""
        return self.each + self.per_product * products + self.per_seller * sellers


TURNS: Final[Mapping[str, PerAgent]] = {
    "buyer": PerAgent(4),
    "concierge": PerAgent(2),
    "risk": PerAgent(2),
    "product": PerAgent(2),
    "seller": PerAgent(3),
    "transaction": PerAgent(3, per_product=1),
    "fulfilment": PerAgent(4, per_seller=1),
}
"""By service. The agents of an order: one of each stream, but for each of its products and each of its sellers one."""


def turns_of(products: int, sellers: int) -> dict[str, int]:
    """All turns of one order, by service."""
    agents = {"products": products, "sellers": sellers}
    return {name: TURNS[name].of(products, sellers) * agents.get(stream, 1) for name, stream in hearers().items()}


def by_agent(order: Order) -> Iterator[tuple[str, str, int]]:
    """The stream, the key and the turns of every agent that has a part in an order."""
    products, sellers = {line.product for line in order.lines}, {line.seller for line in order.lines}
    keys = {"buyers": {order.buyer}, "products": products, "sellers": sellers}
    for name, stream in hearers().items():
        turns = TURNS[name].of(len(products), len(sellers))
        for key in sorted(keys.get(stream, {order.id})):
            yield stream, key, turns


@cache
def hearers() -> Mapping[str, str]:
    """The stream that each service hears."""
    return {service.name: service.stream.name for service in services() if not service.ingress}
