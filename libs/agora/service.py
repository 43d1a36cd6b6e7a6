"""One service: a name, the stream it hears, and its one decision."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agora.activity import Activity
from agora.decision import Decision, Row
from agora.event import Event, Stream


@dataclass(frozen=True, slots=True)
class Service:
    """Everything the runtime needs to know of a service.

    ``state`` is the type (often a union of frozen dataclasses told apart by ``status``) that stored states open as;
    ``initial`` is the state of an agent nobody has spoken to yet. ``consumes`` and ``publishes`` are the aliases
    at the top of its ``decide.py``, or tuples of classes; ``events`` is every event class of the shared language.
    ``activities`` say how what a decision asks to be done outside is done.
    A service with ``ingress`` does not hear its stream: requests from outside are its log. ``front`` then names the
    module whose ``work(service, address, watch)`` runs it as a process of its own.
    A service for whose word nobody waits may let ``linger_seconds`` pass from poll to poll and hear in one batch what
    has come meanwhile: at steady traffic that costs everyone much less. What comes after a silence it hears at once.
    """

    name: str
    stream: Stream
    state: Any
    initial: Any
    consumes: Any
    publishes: Any
    decide: Callable[[Any, Any, datetime], Decision[Any]]
    events: tuple[type[Event], ...]
    rows: tuple[type[Row], ...] = ()
    ingress: bool = False
    front: str = ""
    activities: tuple[Activity, ...] = ()
    linger_seconds: float = 0.0
