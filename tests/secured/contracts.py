"""What each service needs of Kafka, read off its own code, and not off what grants are made from."""

import inspect
import re
from collections.abc import Iterator
from typing import Any, Final, get_args

from agora.discovery import folders, service
from agora.event import Event
from agora.service import Service
from market import streams as named
from services.gateway.views import VIEWS

AGENTS: Final = ("buyers", "products", "sellers", "shipments", "transactions")
"""Where there are agents that can be parked, and told to go on."""
STREAMS: Final = (*AGENTS, "errors", "requests")


def may_read(name: str) -> set[str]:
    """The stream of a service, and those that its views hear."""
    one = service(name)
    shown = {stream.name for view in VIEWS for stream in view.hears} if one.ingress else set[str]()
    return {one.stream.name} | shown


def may_write(name: str) -> set[str]:
    """Where a service speaks: to those whom its events concern, to itself, and of what went wrong."""
    one = service(name)
    to_itself = {one.stream.name} if _reminds_itself(name) or one.activities else set[str]()
    to_all_agents = set(AGENTS) if one.ingress else set[str]()
    concerned = {stream for event in _published(one) for stream in _concerned(event)}
    return concerned | to_itself | to_all_agents | {"errors"}


def may_join(name: str) -> set[str]:
    """Its group, and those of its shares; a door has none."""
    return {name} if service(name).ingress else {name, f"{name}.0-3", f"{name}.4"}


def _published(one: Service) -> Iterator[type[Event]]:
    alias: Any = one.publishes
    return iter(alias if isinstance(alias, tuple) else get_args(alias) or (alias,))


def _concerned(event: type[Event]) -> set[str]:
    """The streams that an event's own ``concerns`` names."""
    return {
        getattr(named, constant).name
        for constant in re.findall(r"\b[A-Z]+\b", inspect.getsource(event.concerns))
        if hasattr(named, constant)
    }


def _reminds_itself(name: str) -> bool:
    return any(re.search(r"\bRemind\(", path.read_text(encoding="utf-8")) for path in folders()[name].glob("*.py"))
