"""The whole market in memory: between any two agents events keep their order, and between all others they keep none.

That is what partitions promise. What is asked to be done outside is a channel of its own, and so is a reminder. A test
says which channel delivers next, so hypothesis can look for races; the clock moves with the turns, and leaps to
whatever falls due.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from pydantic import TypeAdapter

from agora.activity import Activity, Call, Declined, Task
from agora.decision import Abandon, Append, Decision, Forget, Perform, Put, Remind, Remove, Row
from agora.discovery import services
from agora.event import Event
from agora.service import Service
from agora.turns import members
from tests.services.words import NOW

TURNS_MAX: Final = 10_000
A_TURN: Final = timedelta(milliseconds=1)

Mishap: TypeAlias = Literal["none", "the answer is lost", "the call fails"]


class Agent(NamedTuple):
    """One agent of one service; several services may hear the same subject."""

    service: str
    subject: str


class Attempt(NamedTuple):
    """A task that is still to be done, for the so-manieth time, under a key that never changes."""

    name: str
    key: str
    task: Task
    number: int


class Outcome(NamedTuple):
    """What came of a task, on its way back to who asked for it."""

    name: str
    key: str
    event: Event


Waiting: TypeAlias = Event | Remind | Attempt | Outcome
Channel: TypeAlias = tuple[Any, Agent]


def everyone() -> list[Service]:
    """Every service that hears a stream."""
    return [service for service in services() if not service.ingress]


@dataclass
class Bazaar:
    """Agents, what they have said and not heard yet, what they have asked for, and the rows they wrote."""

    services: Iterable[Service] = field(default_factory=everyone)
    agents: dict[Agent, Any] = field(default_factory=dict[Agent, Any])
    channels: dict[Channel, deque[Waiting]] = field(default_factory=dict[Channel, deque[Waiting]])
    said: list[Event] = field(default_factory=list[Event])
    asked: dict[tuple[Agent, str], str] = field(default_factory=dict[tuple[Agent, str], str])
    appended: list[Row] = field(default_factory=list[Row])
    kept: dict[tuple[type[Row], tuple[Any, ...]], Row] = field(
        default_factory=dict[tuple[type[Row], tuple[Any, ...]], Row]
    )
    now: datetime = NOW
    turns: int = 0
    tasks: int = 0

    def __post_init__(self) -> None:
        self._services = {service.name: service for service in self.services}

    def tell(self, *events: Event, source: str = "outside") -> None:
        """Say something from outside."""
        for event in events:
            self._send(source, event)

    def drain(
        self,
        pick: Callable[[int], int] = lambda _: 0,
        *,
        patient: bool = True,
        mishap: Callable[[], Mishap] = lambda: "none",
        until: type[Event] | None = None,
    ) -> None:
        """Deliver everything, or only ``until`` something is said; ``pick(n)`` chooses one of ``n`` channels.

        While ``patient``, reminders come only when there is nothing else to hear, the earliest first. ``mishap()``
        says what befalls each call to the outside.
        """
        heard = len(self.said)
        while ready := self._ready(patient=patient):
            if until and any(isinstance(event, until) for event in self.said[heard:]):
                return
            channel = ready[pick(len(ready))]
            waiting = self.channels[channel].popleft()
            if not self.channels[channel]:
                del self.channels[channel]
            self._deliver(channel[1], waiting, mishap)

    def state(self, service: str, subject: str) -> Any:
        """What an agent remembers."""
        return self.agents.get(Agent(service, subject), self._services[service].initial)

    def states(self, service: str) -> list[Any]:
        """What every agent of a service remembers."""
        return [state for agent, state in self.agents.items() if agent.service == service]

    def _ready(self, *, patient: bool) -> list[Channel]:
        if not patient:
            return list(self.channels)
        firsts = ((channel, waiting[0]) for channel, waiting in self.channels.items())
        due = {channel: first.at for channel, first in firsts if isinstance(first, Remind)}
        others = [channel for channel in self.channels if channel not in due]
        return others or sorted(due, key=lambda channel: due[channel])[:1]

    def _deliver(self, hearer: Agent, waiting: Waiting, mishap: Callable[[], Mishap]) -> None:
        match waiting:
            case Remind():  # it comes when it is due, or later: everything else may take as long as it likes
                self.now = max(self.now, waiting.at)
                self._turn(hearer, waiting.event)
            case Attempt():
                if self.asked.get((hearer, waiting.name)) == waiting.key:  # else nobody waits for it any more
                    self._attempt(hearer, waiting, mishap())
            case Outcome():
                if self.asked.get((hearer, waiting.name)) == waiting.key:
                    del self.asked[hearer, waiting.name]
                    self._turn(hearer, waiting.event)
            case Event():
                self._turn(hearer, waiting)

    # Turns

    def _send(self, source: Any, event: Event) -> None:
        for subject in event.concerns():
            seen = event.seen_by(subject)
            for service in self._services.values():
                if service.stream is subject.stream and isinstance(event, members(service.consumes)):
                    self._wait(source, Agent(service.name, subject.id), through_json(seen))

    def _wait(self, source: Any, hearer: Agent, waiting: Waiting) -> None:
        self.channels.setdefault((source, hearer), deque()).append(waiting)

    def _turn(self, agent: Agent, event: Event) -> None:
        self.turns += 1
        assert self.turns <= TURNS_MAX, "the market does not come to rest"
        self.now += A_TURN
        service = self._services[agent.service]
        decision = service.decide(self.state(*agent), event, self.now)
        if decision.state is not None:
            states = adapter(service.state)
            self.agents[agent] = states.validate_json(states.dump_json(decision.state))
            assert self.agents[agent] == decision.state
        for said in decision.publishes:
            assert isinstance(said, members(service.publishes))
            self.said.append(said)
            self._send(agent, said)
        self._ask(agent, decision)
        for change in decision.rows:
            self._write(change)

    def _ask(self, agent: Agent, decision: Decision[Any]) -> None:
        """Set reminders and activities. A reminder may fall due just as it is forgotten, so it comes all the same."""
        for reminder in decision.reminders:
            match reminder:
                case Remind(name=name):
                    self._wait(("reminder", name), agent, reminder)
                case Forget():
                    pass
        for activity in decision.activities:
            match activity:
                case Perform(name=name, task=task):
                    self.tasks += 1
                    key = self.asked[agent, name] = f"{agent.service} {agent.subject} {name} {self.tasks}"
                    self._wait(key, agent, Attempt(name, key, through_json(task), 1))
                case Abandon(name=name):
                    self.asked.pop((agent, name), None)

    def _write(self, change: Append | Put | Remove) -> None:
        if isinstance(change, Remove):
            del self.kept[change.table, change.key]
            return
        row = change.row
        key = (type(row), tuple(getattr(row, name) for name in row.key))
        assert row.append_only is isinstance(change, Append)
        if isinstance(change, Append):
            assert not row.key or key not in self.kept, "a row is appended once"
            self.appended.append(row)
        self.kept[key] = row

    # Activities

    def _attempt(self, agent: Agent, attempt: Attempt, mishap: Mishap) -> None:
        """Make one attempt. Failed ones are made again under the same key, until there are too many of them."""
        activity = self._activity(agent, attempt.task)
        outcome = _performed(activity, attempt, self.now, mishap)
        if isinstance(outcome, str) and attempt.number < activity.attempts_max:
            self._wait(attempt.key, agent, attempt._replace(number=attempt.number + 1))
            return
        event = activity.failed(attempt.task, outcome) if isinstance(outcome, str) else outcome
        assert isinstance(event, members(self._services[agent.service].consumes))
        self._wait(attempt.key, agent, Outcome(attempt.name, attempt.key, through_json(event)))

    def _activity(self, agent: Agent, task: Task) -> Activity:
        activities = self._services[agent.service].activities
        return next(activity for activity in activities if activity.task is type(task))


@cache
def adapter(state: Any) -> TypeAdapter[Any]:
    """How states are stored; costly to make, so made once."""
    return TypeAdapter(state)


def through_json(event: Any) -> Any:
    """An event, or a task, as it arrives."""
    return type(event).model_validate_json(event.model_dump_json())


def _performed(activity: Activity, attempt: Attempt, now: datetime, mishap: Mishap) -> Event | str:
    """The outcome of one attempt, or why there is none. An answer may be lost after the work was done."""
    if mishap == "the call fails":
        return mishap
    call = Call(attempt.key, attempt.number, now)

    async def perform() -> Event:
        return await activity.perform(attempt.task, call)

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        try:
            outcome = runner.run(perform())
        except Declined as declined:
            return activity.failed(attempt.task, str(declined))
    return mishap if mishap == "the answer is lost" else outcome
