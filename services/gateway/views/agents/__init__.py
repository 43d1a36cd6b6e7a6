"""Agents: every subject of a stream, how much was said of it, and whether it may trade as far as events tell."""

from collections.abc import Iterable
from typing import Final

from agora.control import RedriveParked, SkipParked
from agora.view import Add, Change, Patch, Told, Value, View
from market.buyers import BuyerRegistered, BuyerRegistrationRefused
from market.catalogue import EVENTS
from market.products import ProductListed
from market.sellers import SellerRegistered, SellerRegistrationRefused
from services.gateway.views.agents.rows import AgentCard
from services.gateway.views.streams import AGENTS


def show(told: Told) -> Iterable[Change]:
    """Count a record, and note what it says of its subject's standing."""
    key = (told.stream, told.subject)
    columns: dict[str, Value] = {"last_type": told.type, "last_at": told.at}
    match told.event:
        case BuyerRegistered() | SellerRegistered() | ProductListed():
            columns["registered_at"] = told.at
        case BuyerRegistrationRefused() | SellerRegistrationRefused():
            columns["refused_at"] = told.at
        case _:
            pass
    yield Patch(AgentCard, key, columns)
    yield Add(AgentCard, key, {"records": 1})


VIEW: Final = View(
    name="agents",
    hears=dict.fromkeys(AGENTS, (*EVENTS, RedriveParked, SkipParked)),
    show=show,
    rows=(AgentCard,),
)
