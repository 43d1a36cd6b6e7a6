"""An agent with its state, as far as the views have it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from pydantic import Field

from services.gateway.queries import agents, carts, ledger, orders, products, sales
from services.gateway.queries.paging import Reader, Told


class BuyerState(Told):
    """A buyer's cart, and what it has paid (less than nothing) in each currency, in minor units."""

    cart: carts.Cart
    balances: tuple[ledger.Balance, ...]


class SellerState(Told):
    """A seller's sums, and what it was paid in each currency, in minor units."""

    sums: tuple[sales.Sums, ...]
    balances: tuple[ledger.Balance, ...]


State: TypeAlias = products.Product | orders.Order | BuyerState | SellerState


class AgentShown(Told):
    """An agent and its state."""

    agent: agents.Agent
    state: State | None = Field(description="A product's offer and stock, an order, a buyer's cart, a seller's sums.")


async def shown(reader: Reader, stream: str, subject: str) -> AgentShown | None:
    """One agent, if anything was ever said of it."""
    agent = await agents.one(reader, stream, subject)
    if agent is None:
        return None
    look = _LOOKS.get(stream)
    return AgentShown(agent=agent, state=await look(reader, subject) if look else None)


async def _buyer(reader: Reader, subject: str) -> BuyerState:
    account = await ledger.account(reader, f"buyer:{subject}", limit=1)
    return BuyerState(cart=await carts.of_buyer(reader, subject), balances=account.balances)


async def _seller(reader: Reader, subject: str) -> SellerState:
    account = await ledger.account(reader, f"seller:{subject}", limit=1)
    return SellerState(sums=(await sales.dashboard(reader, subject, limit=1)).sums, balances=account.balances)


async def _order(reader: Reader, subject: str) -> orders.Order | None:
    story = await orders.one(reader, subject)
    return story and story.order


_LOOKS: Final[Mapping[str, Callable[[Reader, str], Awaitable[State | None]]]] = {
    "buyers": _buyer,
    "sellers": _seller,
    "products": products.one,
    "transactions": _order,
    "shipments": _order,
}
"""By stream."""
