"""Shows a service's process to whoever watches it: whether it is ready, and its engine's figures."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from typing import NamedTuple, Protocol

from agora.metrics import Metrics
from agora.service import Service
from agora.shown import STILL_SECONDS_MAX, Shown, listening, saying
from agora.turns import Engine
from agora.watch_http import Answer


class Hearing(Protocol):
    """From where an engine has its partitions. Asked in the loop's thread."""

    def dealt(self) -> frozenset[int] | None:
        """The partitions dealt to this process; ``None`` while that is not settled."""
        ...

    def ends(self) -> Mapping[int, int]:
        """For every partition dealt, as far as it is known, the offset that the next record of the log will have."""
        ...

    def width(self) -> int | None:
        """How many partitions the stream has, if that is known."""
        ...


class Followed(NamedTuple):
    """The engine at work, and from where it has its partitions; nothing deals them out to an ingress."""

    engine: Engine
    hearing: Hearing | None


class Watch(Shown):
    """A service's process as others see it.

    Give it an engine with ``following`` once the database's revision was checked; an engine without ``hearing``, as an
    ingress has it, is ready at once.
    """

    def __init__(self, service: Service, host: str, port: int, still_seconds_max: float = STILL_SECONDS_MAX) -> None:
        """Listen. Raises ``OSError``."""
        self.metrics = Metrics(service)
        self._followed: Followed | None = None
        self._dealt: frozenset[int] | None = None
        super().__init__(self.metrics.registry, host, port, still_seconds_max)

    @contextmanager
    def following(self, engine: Engine, hearing: Hearing | None = None) -> Generator[None]:
        """Show this engine's work, as long as it lasts."""
        self.metrics.follow(engine, hearing.ends if hearing else None, hearing.width if hearing else None)
        self._followed = Followed(engine, hearing)
        try:
            yield
        finally:
            self._followed = self._dealt = None
            self.metrics.follow(None)

    def beat(self) -> None:
        if self._followed is not None and self._followed.hearing is not None:
            self._dealt = self._followed.hearing.dealt()
        self.metrics.beat()

    def readiness(self) -> Answer:
        followed, dealt = self._followed, self._dealt
        if followed is None:
            return saying(HTTPStatus.SERVICE_UNAVAILABLE, "waiting", "for PostgreSQL and Kafka, or it is stopping")
        if followed.hearing is None or followed.engine.owned:
            return saying(HTTPStatus.OK, "ready")
        if dealt is None:
            return saying(HTTPStatus.SERVICE_UNAVAILABLE, "waiting", "for Kafka to deal out the partitions")
        if not dealt:
            return saying(HTTPStatus.OK, "standby", "there are more processes than partitions")
        return saying(HTTPStatus.SERVICE_UNAVAILABLE, "waiting", "for PostgreSQL, to claim the partitions dealt to it")


def open_watch(service: Service, at: str) -> Watch:
    """Listen at ``host:port``, and nowhere else. Raises ``WatchError``."""
    return listening(at, partial(Watch, service))
