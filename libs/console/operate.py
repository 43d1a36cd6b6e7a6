"""What an operator asks of a running market: how it is, who is parked, and to take parked events again or drop one."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import psutil

from agora import discovery
from agora.control import RedriveParked, SkipParked
from agora.door import open_door
from agora.service import Service
from console.gauge import Gauge
from console.output import Failure
from console.site import Site

PARKED_SHOWN_MAX: Final = 1_000
MEGABYTE: Final = 1_000_000

Waiting = Callable[[str], None]

_PARKED: Final = """
SELECT subject, count(*) AS events, (array_agg(error ORDER BY position))[1] AS error
FROM parked GROUP BY subject ORDER BY min(timestamp_ms), subject LIMIT $1
"""
_PARKED_OF: Final = "SELECT count(*) AS events FROM parked WHERE subject = $1"
_DEAD: Final = "SELECT count(*) AS letters FROM dead_letters"


async def status(site: Site, waiting: Waiting) -> dict[str, Any]:
    """Every service and server with its health."""
    async with Gauge(site, waiting) as gauge:
        readings, lag = await gauge.all(), await gauge.lag()
        services: dict[str, Any] = {}
        for name, reading in readings.items():
            health = await gauge.health(name)
            services[name] = {
                **process(site.services.get(name, 0)),
                "turns": reading.turns,
                "agents": health["agents"],
                "lag": lag[name],
                "unpublished": reading.unpublished,
                "reminders": health["reminders"],
                "activities": health["activities"],
                "parked": health["parked"],
                "dead_letters": health["dead_letters"],
            }
    return {
        "running": True,
        "kind": site.kind,
        "pid": site.pid,
        "kafka": site.kafka,
        "directory": site.directory,
        "servers": {name: process(pid) for name, pid in site.servers.items()},
        "services": services,
    }


def process(pid: int) -> dict[str, Any]:
    """A process and what it keeps resident, with its children; of one that is not ours to see, nothing is known."""
    if not pid or not psutil.pid_exists(pid):
        return {"pid": None, "rss_mb": None}
    resident = 0
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        for member in (parent, *parent.children(recursive=True)):
            with suppress(psutil.Error):  # it may have ended meanwhile
                resident += member.memory_info().rss
    return {"pid": pid, "rss_mb": round(resident / MEGABYTE, 1)}


async def parked(site: Site, waiting: Waiting) -> dict[str, Any]:
    """Every parked agent, and how many dead letters each service keeps."""
    agents: list[dict[str, Any]] = []
    letters: dict[str, int] = {}
    async with Gauge(site, waiting) as gauge:
        for service in site.databases:
            rows = await gauge.rows(service, _PARKED, PARKED_SHOWN_MAX)
            agents += [{"agent": f"{service}/{row['subject']}", "service": service, **dict(row)} for row in rows][
                :PARKED_SHOWN_MAX
            ]
            letters[service] = (await gauge.sums(service, _DEAD))["letters"]
    return {"parked": agents, "dead_letters": letters}


async def speak(site: Site, agent: str, word: type[RedriveParked | SkipParked], waiting: Waiting) -> dict[str, Any]:
    """Send a word to a parked agent, and return how much is parked before and after it was heard."""
    service, subject = _agent(agent)
    async with Gauge(site, waiting) as gauge:
        before = await _events(gauge, service.name, subject)
        if not before:
            raise Failure(f"nothing is parked for {service.name}/{subject}. See what is with: agora parked")
        entry = door()
        async with open_door(entry, site.kafka, site.database(entry.name), site.namespace, waiting) as ingress:
            said = word(service=service.name, stream=service.stream.name, agent=subject)
            answer = await ingress.ask(f"{word.wire_name}-{uuid.uuid4().hex}", said)
            if answer.refusal is not None:
                raise Failure(answer.refusal)
        await gauge.passes(1)
        after = await _events(gauge, service.name, subject)
    return {"agent": f"{service.name}/{subject}", "parked_before": before, "parked": after}


def door() -> Service:
    """The service that lets requests in from outside."""
    for service in discovery.services():
        if service.ingress:
            return service
    raise Failure("no service is a door to the outside: one of services/*/app.py has to say ingress=True")


def service_named(name: str) -> Service:
    """A service by the name of its folder. Raises ``Failure``."""
    try:
        return discovery.service(name)
    except LookupError as error:
        raise Failure(str(error.args[0])) from None


async def _events(gauge: Gauge, service: str, subject: str) -> int:
    return (await gauge.sums(service, _PARKED_OF, subject))["events"]


def _agent(agent: str) -> tuple[Service, str]:
    name, slash, subject = agent.partition("/")
    if not slash or not subject:
        raise Failure(f"'{agent}' is no agent: write service/subject, such as transaction/536365")
    service = service_named(name)
    if service.ingress:
        raise Failure(f"'{name}' hears no stream, so no word reaches its agents")
    return service, subject
