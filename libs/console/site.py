"""Where a running market is: its Kafka, its databases and its processes, kept in one private file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import psutil

from agora import discovery
from agora.files import write_private
from agora.settings import Settings
from console.output import Failure
from console.shares import Shared, databases_of

FILE: Final = "stack.json"


@dataclass(frozen=True, slots=True)
class Site:
    """One market; ``pid`` is the process that owns it all.

    ``databases`` holds each service's URLs with their passwords: one, or one for each share of its partitions.

    ``services`` and ``servers`` are process ids by name; servers are there only where the market brought its own.
    """

    kind: str
    pid: int
    created: float
    kafka: str = ""
    postgres: str = ""
    namespace: str = ""
    partitions: int = 0
    directory: str = ""
    ready: bool = False
    databases: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    services: Mapping[str, int] = field(default_factory=dict[str, int])
    servers: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def here(cls, kind: str, settings: Settings, directory: Path) -> Self:
        """A market that this process is about to bring up."""
        process = psutil.Process()
        return cls(
            kind,
            process.pid,
            process.create_time(),
            namespace=settings.namespace,
            partitions=settings.partitions,
            directory=str(directory),
        )

    def save(self, home: Path) -> None:
        """Leave word of it for other commands."""
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(home / FILE, json.dumps(asdict(self), indent=2))

    def is_alive(self) -> bool:
        """Tell whether the owning process still runs."""
        try:
            process = psutil.Process(self.pid)
            return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - self.created) < 1
        except psutil.NoSuchProcess:
            return False

    def urls(self, service: str) -> Sequence[str]:
        """The URLs of a service's databases."""
        if service not in self.databases:
            raise Failure(f"the service '{service}' has no database here. Run: agora down, then agora up")
        return self.databases[service]

    def database(self, service: str) -> str:
        """The URL of a service's one database."""
        url, *others = self.urls(service)
        if others:
            raise Failure(f"the service '{service}' has {1 + len(others)} databases. Set AGORA_DATABASE to one of them")
        return url


def running(home: Path) -> Site | None:
    """The market that was brought up from this AGORA_HOME, if it still runs."""
    try:
        found: dict[str, Any] = json.loads((home / FILE).read_text())
        site = Site(**found)
    except (OSError, ValueError, TypeError):
        return None
    return site if site.is_alive() else None


def forget(home: Path) -> None:
    """Drop the word of a market that is gone."""
    (home / FILE).unlink(missing_ok=True)


def locate(settings: Settings) -> Site:
    """The market to work with: the one running here, or the one AGORA_KAFKA and AGORA_POSTGRES name."""
    site = running(settings.home)
    if site is not None and site.ready:
        return site
    if site is not None:
        raise Failure(f"the market of process {site.pid} is still being brought up. Try again in some seconds")
    if settings.kafka is None or settings.postgres is None:
        raise Failure(
            "no market is running here. Start one with: agora up, or set AGORA_KAFKA and AGORA_POSTGRES to where one is"
        )
    return _elsewhere(settings, settings.kafka, settings.postgres)


def _elsewhere(settings: Settings, kafka: str, postgres: str) -> Site:
    """A market whose servers and services others run: its databases are reached with the administrator's login."""
    names = {name: f"{settings.namespace}agora_{name}" for name in discovery.folders()}
    databases = {name: (urlsplit(postgres)._replace(path=f"/{database}").geturl(),) for name, database in names.items()}
    if (shares := Shared.read().shares) is not None:
        databases |= databases_of(shares, postgres, names, settings.partitions)
    site = Site.here("elsewhere", settings, settings.home)
    return replace(site, pid=0, kafka=kafka, postgres=postgres, databases=databases, ready=True)
