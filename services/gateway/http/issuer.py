"""The keys of an issuer of tokens: fetched when they are first needed, kept for a while, and fetched anew in time."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp
import jwt

from services.gateway.http.problems import Problem
from services.gateway.http.urls import is_safe

FETCH_SECONDS_MAX: Final = 5.0
DOCUMENT_BYTES_MAX: Final = 256_000
KEYS_MAX: Final = 100
RSA_BITS_MIN: Final = 2_048
REFRESH_SECONDS: Final = 600.0
"""How old keys may be before they are fetched anew, beside the requests that need them."""
BELIEVED_SECONDS_MAX: Final = 3_600.0
"""How long keys are believed of an issuer that does not answer any more."""
FETCH_EVERY_SECONDS: Final = 60.0
"""However many tokens name keys that nobody knows, the issuer is asked no more often than this."""
RETRY_SECONDS: Final = 5.0
"""So soon is an issuer asked again that has not answered."""

ALGORITHMS: Final[Mapping[tuple[Any, Any], str]] = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("OKP", "Ed25519"): "EdDSA",
}
"""With which algorithm a key of which kind is used: its own, whatever a token says."""
_PUBLIC: Final = ("kty", "crv", "n", "e", "x", "y")
_AWAY: Final = "the issuer of tokens does not answer, so none can be checked. API keys are taken as ever. Ask again"

log = logging.getLogger("agora.gateway")


class IssuerError(Exception):
    """The issuer does not answer, or not with what it should."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What an issuer signs with: ``key`` is public, and good for this algorithm alone."""

    kid: str | None
    algorithm: str
    key: jwt.PyJWK


Fetch = Callable[[], Awaitable[bytes]]
"""Fetches an issuer's set of keys (RFC 7517). Raises ``IssuerError``."""


class IssuerKeys:
    """The keys of one issuer; ``clock`` tells seconds."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: tuple[SigningKey, ...] = ()
        self._read_at = self._may_fetch_at = float("-inf")
        self._is_away = False
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None) -> SigningKey | None:
        """The key of this name, or the only one there is. Raises ``Problem`` where the issuer cannot be asked."""
        found = self._known(kid)
        if found is None or self._age > REFRESH_SECONDS:
            fetching = self._begin()
            if fetching and (found is None or self._age > BELIEVED_SECONDS_MAX):
                await asyncio.shield(fetching)
                found = self._known(kid)
        if self._age > BELIEVED_SECONDS_MAX or (found is None and self._is_away):
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "issuer-away", _AWAY, headers={"Retry-After": "5"})
        return found

    @property
    def _age(self) -> float:
        return self._clock() - self._read_at

    def _known(self, kid: str | None) -> SigningKey | None:
        if kid is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.kid == kid), None)

    def _begin(self) -> asyncio.Task[None] | None:
        """The fetching that is under way, or a new one if it is time for one."""
        if self._fetching and not self._fetching.done():
            return self._fetching
        if self._clock() < self._may_fetch_at:
            return None
        self._fetching = asyncio.create_task(self._renew())
        return self._fetching

    async def _renew(self) -> None:
        self._may_fetch_at = self._clock() + FETCH_EVERY_SECONDS
        try:
            self._keys = read_keys(await self._fetch())
        except IssuerError as error:
            self._is_away, self._may_fetch_at = True, self._clock() + RETRY_SECONDS
            log.warning("the issuer's keys cannot be read: %s", error)
        else:
            self._is_away, self._read_at = False, self._clock()


def read_keys(document: bytes) -> tuple[SigningKey, ...]:
    """The keys of a set that can be used here. Raises ``IssuerError`` for what is no set, or has none of them."""
    listed = _json(document).get("keys")
    if not isinstance(listed, list):
        raise IssuerError("it answers with no set of keys")
    found = tuple(key for one in listed[:KEYS_MAX] if isinstance(one, dict) and (key := _key(one)))
    if not found:
        raise IssuerError("none of its keys can be used: RSA of 2,048 bits at least, P-256 or Ed25519, to sign with")
    return found


def _key(jwk: Mapping[str, Any]) -> SigningKey | None:
    """A key, if it is of a kind that is used here, and there to check signatures with."""
    try:
        algorithm = ALGORITHMS.get((jwk.get("kty"), jwk.get("crv")))
        if algorithm is None or jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm) != algorithm:
            return None
        key = jwt.PyJWK({name: jwk[name] for name in _PUBLIC if name in jwk}, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
        return None
    if algorithm == "RS256" and key.key.key_size < RSA_BITS_MIN:
        return None
    kid = jwk.get("kid")
    return SigningKey(kid if isinstance(kid, str) else None, algorithm, key)


def keys_of(issuer: str, place: str | None) -> IssuerKeys:
    """The keys of an issuer: from a URL or a file, or from where its own document says they are."""
    if place is None:
        return IssuerKeys(lambda: _discover(issuer))
    return IssuerKeys((lambda: _fetch(place)) if "://" in place else (lambda: _read(Path(place))))


async def _discover(issuer: str) -> bytes:
    document = _json(await _fetch(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
    if document.get("issuer") != issuer:
        raise IssuerError("its document is another issuer's")
    place = document.get("jwks_uri")
    if not isinstance(place, str) or not is_safe(place):
        raise IssuerError("its document names no https:// address of keys")
    return await _fetch(place)


async def _fetch(url: str) -> bytes:
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS_MAX)
    body = bytearray()
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, allow_redirects=False) as answer:
            if answer.status != HTTPStatus.OK:
                raise IssuerError(f"it answers {answer.status}")
            async for chunk in answer.content.iter_any():
                body += chunk
                if len(body) > DOCUMENT_BYTES_MAX:
                    raise IssuerError(f"it answers with more than {DOCUMENT_BYTES_MAX:,} bytes")
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise IssuerError(type(error).__name__) from None
    return bytes(body)


async def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            document = opened.read(DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        raise IssuerError(f"{file}: {error.strerror}") from None
    if len(document) > DOCUMENT_BYTES_MAX:
        raise IssuerError(f"{file} has more than {DOCUMENT_BYTES_MAX:,} bytes")
    return document


def _json(document: bytes) -> dict[str, Any]:
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        raise IssuerError("it answers with no JSON") from None
    if not isinstance(found, dict):
        raise IssuerError("it answers with no JSON object")
    return found
