"""Work outside of any turn, such as a call to a carrier or a model: what is asked, how it is done, what is said of it.

A decision asks for it (``agora.decision.Perform``), and the asking is committed with the turn. It is done afterwards,
again and again if need be and always under the same key, until its outcome comes back as an event.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from agora.event import Event, Subject


class Task(Event):
    """What is to be done outside: stored with the turn that asks for it, never published. Versioned like any event."""

    def concerns(self) -> tuple[Subject, ...]:
        """Nobody: a task is not said to anyone."""
        return ()


class Call(NamedTuple):
    """One attempt at a task.

    ``key`` is fixed before the first attempt and the same in every later one, in this process or the next: the other
    side uses it to do the task once. ``attempt`` counts from 1.
    """

    key: str
    attempt: int
    now: datetime


class Declined(Exception):
    """The other side has said no; to ask again would not help. Its words are the reason."""


@dataclass(frozen=True, slots=True)
class Activity:
    """How one kind of task is done.

    ``perform`` makes one attempt and returns the outcome, an event for the agent that asked. It raises ``Declined`` to
    give up at once; anything else it raises, an outcome that breaks its contract, and no answer within
    ``timeout_seconds`` count as one failed attempt. Attempts are spaced by a backoff that doubles, with jitter. After
    ``attempts_max`` of them, or ``give_up_seconds`` after it was asked for, the outcome is what ``failed`` makes of the
    task and the last reason.

    Activities of one ``target`` share a circuit breaker and at most ``concurrency_max`` calls at a time.
    """

    task: type[Task]
    target: str
    perform: Callable[[Any, Call], Awaitable[Event]]
    failed: Callable[[Any, str], Event]
    timeout_seconds: float = 10.0
    attempts_max: int = 6
    backoff_seconds: float = 0.5
    backoff_seconds_max: float = 60.0
    give_up_seconds: float = 3_600.0
    concurrency_max: int = 32
