"""Who comes in, how often, and with how much: keys, tokens, rates and limits at the front of every request."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Final, Protocol

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.http.keys import Keyring, Principal
from services.gateway.http.problems import Problem

TOKEN_DOTS: Final = 2
"""A token has three parts with dots between; the keys that are made here have no dot."""
_NO_KEY: Final = "send an API key: Authorization: Bearer agora_…"
_WRONG_KEY: Final = "this API key is unknown or revoked. Ask an operator for another"
_bearer: Final = HTTPBearer(auto_error=False, scheme_name="API key", description="A key such as `agora_…`.")
_token: Final = HTTPBearer(
    auto_error=False,
    scheme_name="Token",
    bearerFormat="JWT",
    description="A token of the issuer that this gateway trusts (OpenID Connect), if it trusts one.",
)


class Readable(Protocol):
    """Reads tokens of an issuer; ``whose`` raises ``Problem``."""

    async def whose(self, text: str) -> Principal: ...


class Entry:
    """Lets a request in by its key or token, and counts it. One principal has one rate, however it comes in.

    All that comes from one address with neither has one rate as well.
    """

    def __init__(
        self, keyring: Keyring, per_second: int, strangers_per_second: int, tokens: Readable | None = None
    ) -> None:
        self.keyring = keyring
        self._tokens = tokens
        self._rate = RateLimitItemPerSecond(per_second)
        self._strangers = RateLimitItemPerSecond(strangers_per_second)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def let_in(self, request: Request) -> Principal:
        """Whose request this is. Raises ``Problem`` for a stranger, and for who asks too often."""
        try:
            principal = await self._whose(request)
        except Problem:
            await self._count(self._strangers, "address", request.client.host if request.client else "")
            raise
        await self._count(self._rate, principal.scope, principal.agent)
        return principal

    def staying(self, request: Request, asker: Principal) -> Callable[[], Awaitable[bool]]:
        """Tells of who was let in whether it still would be, for as long as it stays. Nothing is counted."""

        async def may_stay() -> bool:
            try:
                return await self._whose(request) == asker
            except Problem:
                return False

        return may_stay

    async def _whose(self, request: Request) -> Principal:
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        found = None
        if scheme.lower() == "bearer" and text:
            if self._tokens and text.count(".") == TOKEN_DOTS and not self.keyring.is_own(text):
                return await self._tokens.whose(text)
            found = await self.keyring.whose(text)
        if found is None:
            detail = _WRONG_KEY if text else _NO_KEY
            raise Problem(HTTPStatus.UNAUTHORIZED, "no-key", detail, headers={"WWW-Authenticate": "Bearer"})
        return found

    async def _count(self, rate: RateLimitItemPerSecond, *whom: str) -> None:
        if not await self._limiter.hit(rate, *whom):
            detail = f"more than {rate.amount} requests in a second. Wait for as long as Retry-After says"
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", detail, headers={"Retry-After": "1"})


async def _let_in(
    request: Request,
    _shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None,
    _other: Annotated[HTTPAuthorizationCredentials | None, Depends(_token)] = None,
) -> Principal:
    entry: Entry = request.app.state.entry
    return await entry.let_in(request)


Asker = Annotated[Principal, Depends(_let_in)]
"""Whoever asks, let in by its key or its token."""


def must_be(asker: Principal, scope: str, agent: str) -> None:
    """Let only this agent, or an operator, go on. To everyone else there is nothing here. Raises ``Problem``."""
    if not asker.is_operator and (asker.scope, asker.agent) != (scope, agent):
        raise Problem(HTTPStatus.FORBIDDEN, "not-yours", f"this key may not speak for {scope} '{agent}'")


def must_operate(asker: Principal) -> None:
    """Let only operators go on. Raises ``Problem``."""
    if not asker.is_operator:
        raise Problem(HTTPStatus.FORBIDDEN, "not-yours", "this takes an operator's key")


class BodyLimit:
    """Turns away bodies that are larger than any request can be, before they are read whole."""

    def __init__(self, app: ASGIApp, bytes_max: int) -> None:
        self._app = app
        self._bytes_max = bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if int(length) > self._bytes_max:
            return await self._too_large().response()(scope, receive, send)
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._bytes_max:
                raise self._too_large()
            return message

        return await self._app(scope, counted, send)

    def _too_large(self) -> Problem:
        detail = f"the body is larger than {self._bytes_max:,} bytes"
        return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large", detail, headers={"Connection": "close"})
