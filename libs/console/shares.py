"""Which services have several databases: what AGORA_SHARES tells the operator's commands."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import Field

from agora import discovery
from agora.settings import SettingsError, Variables
from agora.shares import Share

SHAPE: Final = 'JSON such as {"transaction": {"0-3": "postgresql://one:5432", "4-7": "postgresql://two:5432"}}'
SHOWN_CHARS_MAX: Final = 40


class Shared(Variables):
    """By service, and by share of its partitions, the server that has it, as JSON."""

    shares: str | None = Field(default=None, repr=False)


def databases_of(text: str, admin: str, names: Mapping[str, str], partitions: int) -> dict[str, tuple[str, ...]]:
    """The URLs of every service that has shares, in the order of their first partitions.

    ``names`` holds the name of each service's database; the login and the options are those of the administrator's
    URL. What a share's own URL says of any of these counts instead. Raises ``SettingsError``.
    """
    found: dict[str, tuple[str, ...]] = {}
    for service, shares in _parsed(text).items():
        divided = _divided(service, shares, partitions)
        servers = [_server(service, share, server) for share, server in divided]
        found[service] = tuple(_url(server, urlsplit(admin), names[service]) for server in servers)
        if len(set(found[service])) < len(divided):
            raise SettingsError(
                f"AGORA_SHARES: {service}: two shares have the same database. Where they are on one server, name each "
                f"one's: postgresql://host:5432/{names[service]}_0"
            )
    return found


def _parsed(text: str) -> dict[str, dict[str, Any]]:
    try:
        found: Any = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"AGORA_SHARES: should be {SHAPE}: {error}") from None
    if not isinstance(found, dict) or not all(isinstance(shares, dict) and shares for shares in found.values()):
        raise SettingsError(f"AGORA_SHARES: should be {SHAPE}")
    heard = [service.name for service in discovery.services() if not service.ingress]
    if strange := sorted(found.keys() - set(heard)):
        raise SettingsError(
            f"AGORA_SHARES: {strange[0][:SHOWN_CHARS_MAX]!r} is no service that hears a stream; there are "
            f"{', '.join(heard)}"
        )
    return found


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        doubled = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{doubled[:SHOWN_CHARS_MAX]!r} stands twice in one object")
    return found


def _divided(service: str, shares: Mapping[str, Any], partitions: int) -> list[tuple[Share, Any]]:
    """The shares of one service, which must hold every partition once between them."""
    found: list[tuple[Share, Any]] = []
    for name, server in shares.items():
        try:
            found.append((Share.parse(name, partitions), server))
        except ValueError as error:
            raise SettingsError(f"AGORA_SHARES: {service}: a share {error}") from None
    holders = {number: [share for share, _ in found if number in share] for number in range(partitions)}
    for number, sharers in holders.items():
        if len(sharers) > 1:
            raise SettingsError(f"AGORA_SHARES: {service}: {sharers[0]} and {sharers[1]} both name partition {number}")
        if not sharers:
            raise SettingsError(
                f"AGORA_SHARES: {service}: no share names partition {number} of the {partitions} that "
                "AGORA_PARTITIONS says there are"
            )
    return sorted(found, key=lambda one: min(one[0].partitions))


def _server(service: str, share: Share, server: object) -> SplitResult:
    try:
        parts = urlsplit(server if isinstance(server, str) else "")
        sound = parts.scheme in {"postgresql", "postgres"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound, parts = False, urlsplit("")
    if not sound:
        raise SettingsError(
            f"AGORA_SHARES: {service}: the server of {share} should be a URL such as postgresql://host:5432"
        )
    return parts


def _url(server: SplitResult, admin: SplitResult, database: str) -> str:
    login = server.netloc if "@" in server.netloc else f"{admin.netloc.rpartition('@')[0]}@{server.netloc}".lstrip("@")
    path = server.path if server.path.strip("/") else f"/{database}"
    return server._replace(netloc=login, path=path, query=server.query or admin.query).geturl()
