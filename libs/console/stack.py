"""Brings a whole market up: servers of its own where none are named, databases, topics, and a process per service."""

import asyncio
import json
import shutil
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from filelock import FileLock, Timeout

from agora import discovery
from agora.embedded import EmbeddedKafka, EmbeddedPostgres, ServerError
from agora.login import login
from agora.settings import Settings
from console import site as sites
from console.children import Child, Family
from console.output import Failure
from console.provide import make_topics, provide
from console.site import Site

if TYPE_CHECKING:
    from agora.provision import Access

LOCK: Final = "stack.lock"
WATCH_SECONDS: Final = 1.0
NOT_FOR_SERVICES: Final = ("AGORA_POSTGRES", "AGORA_SHARES", "AGORA_WATCH", "AGORA_SHARE")
"""What is the administrator's alone, a port that only one process can have, and a part of what they have to do."""


class Stack:
    """A market that lives as long as this object is open."""

    def __init__(self, kind: str, settings: Settings, say: Callable[[str], None], rules: Mapping[str, str]) -> None:
        """``rules`` are variables for the services' environment."""
        self.directory = settings.home / kind
        self._settings = settings
        self._say = say
        self._rules = rules
        self._site = Site.here(kind, settings, self.directory)
        self._postgres = None if settings.postgres else EmbeddedPostgres(self.directory / "postgres")
        self._kafka = None if settings.kafka else EmbeddedKafka(self.directory / "kafka", settings.home / "cache")
        self._family = Family([], say, self._save)
        self._lock = FileLock(settings.home / LOCK)

    async def start(self, *, fresh: bool) -> Site:
        """Bring it all up; with ``fresh``, from nothing."""
        self._take_lock()
        self._save()
        await self._stop_servers()  # of a predecessor that was killed
        if fresh:
            shutil.rmtree(self.directory, ignore_errors=True)
        await self._start_servers()
        accesses = await self._prepare()
        self._family.children = [self._child(access) for access in accesses.values() if _is_heard(access.service)]
        self._say(f"starting {len(self._family.children)} services")
        try:
            await self._family.start()
        finally:
            self._save()
        self._site = replace(self._site, ready=True)
        self._save()
        return self._site

    async def start_postgres(self) -> str:
        """Start PostgreSQL alone and return the administrator's URL."""
        self._take_lock()
        self._save()
        self._kafka = None
        await self._stop_servers()
        await self._start_servers()
        return self._site.postgres

    async def watch(self) -> None:
        """Start again whatever dies, for as long as this is awaited."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for name, server in self._servers().items():
                if not server.is_running():
                    self._say(f"{name} has died and is started again")
                    with suppress(ServerError):  # it will be tried again
                        await _in_thread(server.start)
                    self._site = replace(self._site, servers=_server_pids(self.directory))
                    self._save()
            self._family.revive()

    async def stop(self) -> None:
        """Services first, then Kafka, then PostgreSQL. Only then may another market be brought up."""
        if not self._lock.is_locked:
            return  # what runs here is somebody else's
        try:
            await self._family.stop()
            await self._stop_servers()
        finally:
            self._family.kill()
            sites.forget(self._settings.home)
            self._lock.release()

    def _take_lock(self) -> None:
        self._settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            other = sites.running(self._settings.home)
            who = f"agora {other.kind} (process {other.pid})" if other else "another agora"
            end = "agora down" if other and other.kind == "up" else "Ctrl-C in its terminal"
            raise Failure(
                f"{who} already runs in {self._settings.home}. End it with {end}, or set AGORA_HOME"
            ) from None

    async def _start_servers(self) -> None:
        if self._kafka and not login().is_plain:
            raise Failure(
                "AGORA_KAFKA_USER, _PASSWORD, _CA and _TLS are for the Kafka that AGORA_KAFKA names: set it, too"
            )
        servers = self._servers()
        if servers:
            self._say(f"starting {' and '.join(servers)} in {self.directory}")
        await asyncio.gather(*(_in_thread(server.start) for server in servers.values()))
        self._site = replace(
            self._site,
            kafka=self._settings.kafka or (self._kafka.bootstrap if self._kafka else ""),
            postgres=self._settings.postgres or (self._postgres.url() if self._postgres else ""),
            servers=_server_pids(self.directory),
        )

    async def _prepare(self) -> "dict[str, Access]":
        accesses = await provide(self._settings, self._site.postgres, self.directory)
        await make_topics(self._settings, self._site.kafka)
        self._site = replace(self._site, databases={name: (access.url,) for name, access in accesses.items()})
        return accesses

    def _child(self, access: "Access") -> Child:
        environment = {
            "AGORA_KAFKA": self._site.kafka,
            "AGORA_DATABASE": access.url,
            "AGORA_NAMESPACE": self._settings.namespace,
            "AGORA_PARTITIONS": str(self._settings.partitions),
            "AGORA_HOME": str(self._settings.home),
            **dict.fromkeys(NOT_FOR_SERVICES, ""),  # an empty variable is an unset one
            **self._rules,
        }
        return Child(access.service, environment, self.directory / "logs" / f"{access.service}.log")

    async def _stop_servers(self) -> None:
        for server in reversed(self._servers().values()):
            await _in_thread(server.stop)

    def _servers(self) -> dict[str, EmbeddedKafka | EmbeddedPostgres]:
        """The servers of our own."""
        found = {"PostgreSQL": self._postgres, "Kafka": self._kafka}
        return {name: server for name, server in found.items() if server is not None}

    def _save(self) -> None:
        pids = {child.name: child.pid for child in self._family.children}
        self._site = replace(self._site, services=pids)
        self._site.save(self._settings.home)


@asynccontextmanager
async def market(
    kind: str, settings: Settings, say: Callable[[str], None], rules: Mapping[str, str], *, fresh: bool
) -> AsyncGenerator[Site]:
    """A running market; its services are kept running until the end, whatever the end."""
    stack = Stack(kind, settings, say, rules)
    watch: asyncio.Task[None] | None = None
    try:
        site = await stack.start(fresh=fresh)
        watch = asyncio.create_task(stack.watch())
        yield site
    finally:
        if watch is not None:
            watch.cancel()
        await stack.stop()


@asynccontextmanager
async def postgres_alone(settings: Settings, say: Callable[[str], None]) -> AsyncGenerator[str]:
    """The PostgreSQL of ``agora up`` without the rest; yields the administrator's URL."""
    stack = Stack("up", settings, say, {})
    try:
        yield await stack.start_postgres()
    finally:
        await stack.stop()


def _server_pids(directory: Path) -> dict[str, int]:
    notes = {path.parent.name: json.loads(path.read_text()) for path in sorted(directory.glob("*/run.json"))}
    return {name: int(note["pid"]) for name, note in notes.items()}


def _is_heard(name: str) -> bool:
    return not discovery.service(name).ingress


async def _in_thread(work: Callable[[], None]) -> None:
    """Run blocking work in a thread that nobody has to wait for at the end of the program."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - handed over to whoever awaits it
            _post(loop, done, error)
        else:
            _post(loop, done, None)

    threading.Thread(target=run, daemon=True).start()
    await done


def _post(loop: asyncio.AbstractEventLoop, done: "asyncio.Future[None]", error: BaseException | None) -> None:
    def settle() -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)
