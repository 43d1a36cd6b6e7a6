"""The whole market in memory: between any two agents events keep their order, and between all others they keep none.

That is what partitions promise. A test says which channel delivers next, so hypothesis can look for races.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from agora.decision import Append, Forget, Put, Remind, Row
from agora.event import Event, Subject
from agora.service import Service
from services.buyer.app import service as buyer
from services.product.app import service as product
from services.seller.app import service as seller
from services.transaction.app import service as transaction
from services.transaction.decide import DELIVERY, TIME_LIMIT
from tests.services.words import NOW

SERVICES = {service.stream: service for service in (buyer, seller, product, transaction)}
STATES = {service.name: TypeAdapter[Any](service.state) for service in SERVICES.values()}
HEARS = {service.name: service.consumes.__args__ for service in SERVICES.values()}
REMINDERS = (TIME_LIMIT, DELIVERY)
SAYS = {service.name: service.publishes.__args__ for service in SERVICES.values()}


@dataclass
class Bazaar:
    """Agents, what they have said and not heard yet, and the rows they wrote."""

    agents: dict[Subject, Any] = field(default_factory=dict[Subject, Any])
    channels: dict[tuple[Any, Subject], deque[Event]] = field(default_factory=dict[tuple[Any, Subject], deque[Event]])
    said: list[Event] = field(default_factory=list[Event])
    appended: list[Row] = field(default_factory=list[Row])
    kept: dict[tuple[type[Row], tuple[Any, ...]], Row] = field(
        default_factory=dict[tuple[type[Row], tuple[Any, ...]], Row]
    )
    turns: int = 0

    def tell(self, *commands: Event, source: str = "outside") -> None:
        """Say something from outside."""
        for command in commands:
            self._send(source, command)

    def drain(self, pick: Callable[[int], int] = lambda _: 0, *, patient: bool = True) -> None:
        """Deliver everything; ``pick(n)`` chooses one of ``n`` channels with something to deliver.

        While ``patient``, a reminder comes only when there is nothing else to hear.
        """
        while ready := self._ready(patient=patient):
            channel = ready[pick(len(ready))]
            self._turn(channel[1], self.channels[channel].popleft())

    def state(self, subject: Subject) -> Any:
        """What an agent remembers."""
        return self.agents.get(subject, SERVICES[subject.stream].initial)

    def states(self, service: Service) -> list[Any]:
        """What every agent of a service remembers."""
        return [state for subject, state in self.agents.items() if subject.stream is service.stream]

    def _ready(self, *, patient: bool) -> list[tuple[Any, Subject]]:
        ready = [channel for channel, waiting in self.channels.items() if waiting]
        said = [channel for channel in ready if channel[0] not in REMINDERS]
        return said or ready if patient else ready

    def _send(self, source: Any, event: Event) -> None:
        for subject in event.concerns():
            service = SERVICES[subject.stream]
            if isinstance(event, HEARS[service.name]):
                seen = type(event).model_validate_json(event.seen_by(subject).model_dump_json())
                self.channels.setdefault((source, subject), deque()).append(seen)

    def _turn(self, subject: Subject, event: Event) -> None:
        self.turns += 1
        service = SERVICES[subject.stream]
        decision = service.decide(self.state(subject), event, NOW + timedelta(milliseconds=self.turns))
        if decision.state is not None:
            states = STATES[service.name]
            self.agents[subject] = states.validate_json(states.dump_json(decision.state))
            assert self.agents[subject] == decision.state
        for said in decision.publishes:
            assert isinstance(said, SAYS[service.name])
            self.said.append(said)
            self._send(subject, said)
        for reminder in decision.reminders:
            self._remind(subject, reminder)
        for change in decision.rows:
            if isinstance(change, Append):
                self.appended.append(change.row)
            elif isinstance(change, Put):
                self.kept[type(change.row), tuple(getattr(change.row, name) for name in change.row.key)] = change.row
            else:
                del self.kept[change.table, change.key]

    def _remind(self, subject: Subject, reminder: Remind | Forget) -> None:
        """A reminder is a channel of its own: it may come at any time, and even once it has been forgotten."""
        if isinstance(reminder, Remind):
            self.channels.setdefault((reminder.name, subject), deque()).append(reminder.event)
