"""API keys: who may ask for what. A key is random, shown once, and kept as a digest alone."""

import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final, Literal, TypeAlias

import asyncpg
from cachetools import TTLCache

from services.gateway.queries.paging import Pool

PREFIX: Final = "agora_"
SECRET_BYTES: Final = 32
KNOWN_SECONDS: Final = 5.0
"""How long a key that was looked up is believed; so long may one that another process revoked still be used."""
KNOWN_MAX: Final = 10_000
LISTED_MAX: Final = 1_000

Scope: TypeAlias = Literal["buyer", "seller", "operator"]

_FIND: Final = "SELECT scope, agent FROM api_keys WHERE digest = $1 AND revoked_at IS NULL"
_ADD: Final = """
INSERT INTO api_keys (id, digest, scope, agent, made_at) VALUES ($1, $2, $3, $4, now()) RETURNING made_at
"""
_OPERATOR: Final = "SELECT EXISTS (SELECT FROM api_keys WHERE scope = 'operator' AND revoked_at IS NULL)"
_LIST: Final = "SELECT id, scope, agent, made_at, revoked_at FROM api_keys ORDER BY made_at DESC, id LIMIT $1"
_REVOKE: Final = """
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()),
    revoked_under = CASE WHEN revoked_at IS NULL THEN $2 ELSE revoked_under END
WHERE id = $1 RETURNING id
"""
_REVOKED_OTHER: Final = "SELECT EXISTS (SELECT FROM api_keys WHERE revoked_under = $2 AND id <> $1)"


class RequestReused(Exception):
    """A request of this name has revoked another key."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a buyer or a seller under its own id, or an operator under a name."""

    scope: Scope
    agent: str

    @property
    def is_operator(self) -> bool:
        """Whether it may do everything."""
        return self.scope == "operator"

    def request_id(self, key: str) -> str:
        """The name of a request in the market: nobody else's key ever comes to the same."""
        return sha256(f"{self.scope}\0{self.agent}\0{key}".encode()).hexdigest()[:32]


_UNSEEN: Final = Principal("operator", "")


@dataclass(frozen=True, slots=True)
class KeyShown:
    """A key as it is listed: without the secret, which nobody has kept."""

    id: str
    scope: Scope
    agent: str
    made_at: datetime
    revoked_at: datetime | None = None


class Keyring:
    """The keys of one gateway. ``operator_key`` is one that the process was started with."""

    def __init__(self, pool: Pool, operator_key: str | None) -> None:
        self._pool = pool
        self._own = digest_of(operator_key) if operator_key else None
        self._known: TTLCache[bytes, Principal | None] = TTLCache(KNOWN_MAX, KNOWN_SECONDS, time.monotonic)
        self._revocations = 0

    async def has_operator(self) -> bool:
        """Whether anybody can make other keys."""
        return self._own is not None or await self._pool.fetchval(_OPERATOR)

    async def whose(self, text: str) -> Principal | None:
        """Whose key this is; ``None`` if it is nobody's, or revoked."""
        digest = digest_of(text)
        if self.is_own(text):
            return Principal("operator", "operator")
        known = self._known.get(digest, _UNSEEN)
        return await self._find(digest) if known is _UNSEEN else known

    def is_own(self, text: str) -> bool:
        """Whether this is the key that the process was started with."""
        return self._own is not None and secrets.compare_digest(digest_of(text), self._own)

    async def _find(self, digest: bytes) -> Principal | None:
        revocations = self._revocations
        row = await self._pool.fetchrow(_FIND, digest)
        found = Principal(row["scope"], row["agent"]) if row else None
        if revocations == self._revocations:  # else it may have been revoked after it was found
            self._known[digest] = found
        return found

    async def make(self, name: str, scope: Scope, agent: str) -> tuple[KeyShown, str]:
        """Make a key under a name nobody has used; the second of the two is the secret, which cannot be had again."""
        secret = new_key()
        made_at = await self._pool.fetchval(_ADD, name, digest_of(secret), scope, agent)
        return KeyShown(name, scope, agent, made_at), secret

    async def list(self) -> tuple[KeyShown, ...]:
        """The latest keys, newest first."""
        return tuple(KeyShown(**dict(row)) for row in await self._pool.fetch(_LIST, LISTED_MAX))

    async def revoke(self, name: str, request: str) -> bool:
        """Let a key open nothing any more; tell whether there is such a key. Raises ``RequestReused``.

        Here it opens nothing from now on. Who revokes what is revoked changes nothing, and nothing is kept of it.
        """
        if await self._pool.fetchval(_REVOKED_OTHER, name, request):
            raise RequestReused
        try:
            found = await self._pool.fetchval(_REVOKE, name, request) is not None
        except asyncpg.UniqueViolationError:
            raise RequestReused from None
        self._revocations += 1
        self._known.clear()
        return found


def new_key() -> str:
    """A key at random."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def digest_of(text: str) -> bytes:
    """What is kept of a key. It has 256 random bits, so nothing slower is needed to keep it from being guessed."""
    return sha256(text.encode()).digest()
