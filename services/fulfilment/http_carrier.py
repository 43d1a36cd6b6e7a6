"""A carrier behind HTTP. Its few calls are described in this service's README; whatever else it says is nonsense."""

from collections.abc import AsyncGenerator
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from agora.activity import Declined
from agora.event import fault_of
from market.language import TEXT_LENGTH_MAX
from market.lines import LINES_MAX
from services.fulfilment.carrier import Booking, Nonsense, Whereabouts
from services.fulfilment.tasks import BookParcels

ANSWER_BYTES_MAX: Final = 1_048_576
TIMEOUT_SECONDS: Final = 9.0
"""A little less than the runtime gives an attempt, so that the failure says what it was."""
NOT_FINAL: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,  # these three speak of us, not of the parcels: someone has to set the token right
        HTTPStatus.FORBIDDEN,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.CONFLICT,  # the first request under this key is still at work
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)
"""What a carrier may say of a request of which it may yet say something else. Every other 4xx is final."""

Answer = TypeVar("Answer")


class NoAnswer(Exception):
    """The carrier could not be reached, or did not answer the question."""


class _Where(BaseModel):
    parcels: Annotated[tuple[Whereabouts, ...], Field(max_length=LINES_MAX)]


class _Refusal(BaseModel):
    reason: str


_BOOKING: Final = TypeAdapter(Booking)
_WHERE: Final = TypeAdapter(_Where)
_REFUSAL: Final = TypeAdapter(_Refusal)


class HttpCarrier:
    """The carrier at ``url``, which knows us by ``token``. Connections are kept until the event loop ends."""

    def __init__(self, url: str, token: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout = ClientTimeout(total=timeout_seconds)
        self._sessions = self._open()
        self._session: ClientSession | None = None

    async def book(self, request: BookParcels, key: str) -> Booking:
        headers = {"Idempotency-Key": quote(key, safe="/:")}
        return await self._post("/bookings", request.model_dump(mode="json"), _BOOKING, headers)

    async def track(self, numbers: tuple[str, ...], now: datetime) -> tuple[Whereabouts, ...]:
        del now  # the carrier has a clock of its own
        return (await self._post("/tracking", {"tracking": numbers}, _WHERE)).parcels

    async def close(self) -> None:
        """Close the connections, where the event loop goes on without this carrier."""
        await self._sessions.aclose()

    async def _open(self) -> AsyncGenerator[ClientSession, None]:
        """Hold one session. An event loop closes its generators when it ends, and so the session with this one."""
        async with ClientSession(
            headers=self._headers, timeout=self._timeout, cookie_jar=DummyCookieJar(), auto_decompress=False
        ) as session:
            while True:
                yield session

    async def _post(
        self, path: str, body: Any, answers: TypeAdapter[Answer], headers: dict[str, str] | None = None
    ) -> Answer:
        try:
            session = await anext(self._sessions)
            async with session.post(self._url + path, json=body, headers=headers, allow_redirects=False) as response:
                return _read(response.status, await _body(response), answers)
        except (ClientError, TimeoutError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}"[:TEXT_LENGTH_MAX]) from error


async def _body(response: ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise Nonsense(f"the carrier answered with more than {ANSWER_BYTES_MAX} bytes")
    return bytes(body)


def _read(status: int, body: bytes, answers: TypeAdapter[Answer]) -> Answer:
    """Raise ``Declined`` if asking again would not help, or else why there is no answer."""
    if status in {HTTPStatus.OK, HTTPStatus.CREATED}:
        return _parsed(body, answers)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in NOT_FINAL:
        raise Declined(_reason(status, body))
    raise NoAnswer(f"the carrier answered with HTTP {status}")


def _parsed(body: bytes, answers: TypeAdapter[Answer]) -> Answer:
    try:
        return answers.validate_json(body, strict=True)
    except ValidationError as error:
        raise Nonsense(f"the carrier's answer cannot be read: {fault_of(error)}") from None


def _reason(status: int, body: bytes) -> str:
    try:
        return _parsed(body, _REFUSAL).reason[:TEXT_LENGTH_MAX]
    except Nonsense:
        return f"the carrier answered with HTTP {status}"
