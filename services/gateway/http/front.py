"""The gateway as one process: the door, the views and the HTTP server on one event loop."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncGenerator, Coroutine, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import asyncpg
import uvicorn
from starlette.types import ASGIApp

from agora.door import open_door
from agora.partition import HistoryLost
from agora.projector import Projector
from agora.serve import Address, ServeError
from agora.service import Service
from agora.turns import Engine
from agora.view_store import Superseded
from services.gateway.http.api import create_app
from services.gateway.http.asking import Counter
from services.gateway.http.asks import ANSWERS
from services.gateway.http.auditor import Auditor
from services.gateway.http.desk import Desk, Outcomes
from services.gateway.http.entry import Entry
from services.gateway.http.house import House
from services.gateway.http.keys import Keyring, Pool
from services.gateway.http.live import Live
from services.gateway.http.looking import Looks
from services.gateway.http.problems import AWAY
from services.gateway.http.trust import Trust
from services.gateway.queries import feed
from services.gateway.views import VIEWS

if TYPE_CHECKING:
    from agora.watch import Watch

CONNECTIONS_MAX: Final = 8
STATEMENT_SECONDS_MAX: Final = 5
OPEN_REQUESTS_MAX: Final = 10_000
GRACE_SECONDS: Final = 5
TRIM_SECONDS: Final = 60.0

NO_OPERATOR: Final = "nobody has a key yet, so nothing can be asked: start with an AGORA_OPERATOR_KEY made at random"

log = logging.getLogger("agora.gateway")


async def work(service: Service, address: Address, watch: "Watch | None" = None) -> int:
    """Serve until told to stop; return the exit code. Raises ``ServeError``."""
    house, tokens = House.read(), Trust.read().tokens()
    listening = _listen(house)
    projector = Projector(VIEWS, address.kafka, address.database, address.namespace)
    async with (
        asyncpg.create_pool(
            address.database,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            server_settings={"statement_timeout": str(STATEMENT_SECONDS_MAX * 1000)},
        ) as pool,
        open_door(service, address.kafka, address.database, address.namespace, _waiting) as ingress,
    ):
        desk, outcomes = Desk(ingress), Outcomes(partial(_answers, pool), projector.changed)
        app = create_app(house.http_body_bytes)
        keyring = Keyring(pool, _secret(house))
        if tokens is None and not await keyring.has_operator():
            log.warning(NO_OPERATOR)
        app.state.entry = Entry(keyring, house.http_rate, house.http_strangers, tokens)
        app.state.counter = Counter(desk, outcomes, pool)
        app.state.live = Live(pool, projector.changed, house.http_readers)
        app.state.looks = looks = Looks(pool, projector.freshness)
        app.state.auditor = auditor = Auditor(looks.audit)
        app.state.not_ready = partial(_not_ready, ingress.engine, projector)
        served: ASGIApp = app
        watching: tuple[Coroutine[None, None, None], ...] = ()
        if watch:
            from services.gateway.http.figures import Figures  # noqa: PLC0415 - who is not watched does not carry it

            figures = Figures(service.name, watch.metrics.registry, pool, projector.freshness, app.state.live)
            served, watching = figures.counting(app), (figures.work(),)
        server = _Server(_config(served))
        beside = (
            desk.work(),
            outcomes.work(),
            auditor.work(),
            projector.run(),
            _trim(pool, house.feed_events),
            *watching,
        )
        async with _beside(server, *beside):
            log.info("ready", extra={"url": f"http://{house.http}"})
            with watch.following(ingress.engine) if watch else nullcontext():
                await server.serve([listening])
    log.info("stopped")
    return server.code


class _Server(uvicorn.Server):
    """Told to stop, it lets the rest of the process come to its end."""

    code = 0

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 0)):
            loop.add_signal_handler(number, self._stop, code)
        yield

    def _stop(self, code: int) -> None:
        self.code = code
        self.should_exit = True


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=OPEN_REQUESTS_MAX,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _listen(house: House) -> socket.socket:
    host, port = house.listens
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        raise ServeError(f"AGORA_HTTP: nothing can listen at {house.http}: {error.strerror}") from None


@asynccontextmanager
async def _beside(server: uvicorn.Server, *work: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    """Run work beside the server; where some of it fails, the server stops, and the failure is raised."""
    tasks = [asyncio.create_task(one) for one in work]
    for task in tasks:
        task.add_done_callback(lambda _: setattr(server, "should_exit", True))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, (HistoryLost, Superseded)):
            raise ServeError(str(end)) from None
        if isinstance(end, Exception):
            raise end


def _not_ready(engine: Engine, projector: Projector) -> str | None:
    if not engine.owned:
        return "the door is shut: its database is not there"
    return None if projector.freshness() else "the log was not reached yet"


async def _answers(pool: Pool, stories: Sequence[str]) -> Sequence[feed.Outcome]:
    """What is known so far; where the database is away, nothing is, and it is asked again."""
    with suppress(*AWAY):
        return await feed.outcomes(pool, stories, ANSWERS)
    return ()


async def _trim(pool: Pool, keep: int) -> None:
    """Keep the feed from growing without end."""
    while True:
        with suppress(*AWAY):
            await feed.trim(pool, keep)
        await asyncio.sleep(TRIM_SECONDS)


def _waiting(words: str) -> None:
    log.warning("waiting for %s", words)


def _secret(house: House) -> str | None:
    return house.operator_key.get_secret_value() if house.operator_key else None
