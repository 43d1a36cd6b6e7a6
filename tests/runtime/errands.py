"""A tiny service that asks the outside for things and remembers what it heard, and an outside that does as told."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from agora.activity import Activity, Call, Declined, Task
from agora.decision import Abandon, Decision, Perform, become
from agora.service import Service
from tests.runtime.counting import COUNTERS, AboutCounter

OTHER_TARGET: Final = "post:"


class Ask(AboutCounter, command=True):
    what: str
    name: str = "errand"
    repeat: int = 1


class Drop(AboutCounter, command=True):
    name: str = "errand"


class Fetched(AboutCounter):
    what: str


class FetchFailed(AboutCounter):
    what: str
    reason: str


class Stray(AboutCounter):
    """Known to the language, not heard by this service."""


class Fetch(Task):
    counter: str
    what: str


class Post(Task):
    """The same, from another side."""

    counter: str
    what: str


class Unheard(Task):
    """No activity says how this is done."""


@dataclass(frozen=True, slots=True)
class Errands:
    heard: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    status: Literal["asking"] = "asking"


Consumes: TypeAlias = Ask | Drop | Fetched | FetchFailed


def decide(state: Errands, event: Consumes, now: datetime) -> Decision[Errands]:
    del now
    match event:
        case Ask(what="unheard of"):
            return become(state, activities=(Perform(event.name, Unheard()),))
        case Ask(counter=counter, what="nonsense"):
            return become(state, activities=(Perform(event.name, Fetch.model_construct(counter=counter, what=5)),))
        case Ask(counter=counter, what=what):
            kind = Post if what.startswith(OTHER_TARGET) else Fetch
            return become(state, activities=(Perform(event.name, kind(counter=counter, what=what * event.repeat)),))
        case Drop(name=name):
            return become(state, activities=(Abandon(name),))
        case Fetched(what=what):
            return become(replace(state, heard=(*state.heard, what)))
        case FetchFailed(what=what, reason=reason):
            return become(replace(state, failed=(*state.failed, (what, reason))))


Answer: TypeAlias = Callable[[Any, Call], Awaitable[Any]]


async def fetched(task: Any, call: Call) -> Any:
    """What the outside says when all is well."""
    del call
    return Fetched(counter=task.counter, what=task.what)


async def declined(task: Any, call: Call) -> Any:
    del task, call
    raise Declined("we are closed")


async def broken(task: Any, call: Call) -> Any:
    raise ConnectionError(f"attempt {call.attempt} of {task.what}")


@dataclass
class Outside:
    """Everyone else. ``answers`` by what is asked for, else all is well; ``calls`` is what it has seen."""

    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    otherwise: Answer = fetched
    calls: list[tuple[str, Call]] = field(default_factory=list[tuple[str, Call]])
    under_way: int = 0
    under_way_max: int = 0

    async def perform(self, task: Any, call: Call) -> Any:
        self.calls.append((task.what, call))
        self.under_way += 1
        self.under_way_max = max(self.under_way, self.under_way_max)
        try:
            return await self.answers.get(task.what, self.otherwise)(task, call)
        finally:
            self.under_way -= 1

    def keys(self, what: str) -> set[str]:
        """Under which keys something was asked for."""
        return {call.key for asked, call in self.calls if asked == what}

    def attempts(self, what: str) -> list[int]:
        """The attempts seen at something, as they were numbered."""
        return [call.attempt for asked, call in self.calls if asked == what]


def failed(task: Any, reason: str) -> FetchFailed:
    return FetchFailed(counter=task.counter, what=task.what, reason=reason)


def errands(outside: Outside, **options: Any) -> Service:
    """The service; ``options`` say how its activities are done."""
    how: dict[str, Any] = {"perform": outside.perform, "failed": failed, **options}
    return Service(
        name="counter",
        stream=COUNTERS,
        state=Errands,
        initial=Errands(),
        consumes=Consumes,
        publishes=(),
        decide=decide,
        events=(Ask, Drop, Fetched, FetchFailed, Stray),
        activities=(Activity(task=Fetch, target="shop", **how), Activity(task=Post, target="post office", **how)),
    )
