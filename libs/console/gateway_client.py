"""Somebody at the gateway's HTTP API: asks once however often it is sent, looks, and follows what happens.

Whatever can be had by asking again is asked again: when the gateway is away, busy or killed in the middle, or was asked
too often in a second. An ask is sent under the same Idempotency-Key every time, so it counts once.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from pydantic import SecretStr

from agora.requests import Submitted
from console.event_stream import Told, read_event_stream, told_of
from console.output import Failure
from console.reach import Reach
from services.gateway.http.asks import ASKS, Ask

REQUESTS_AT_ONCE_MAX: Final = 64
WAIT_SECONDS: Final = 20
ANSWER_SECONDS_MAX: Final = 45.0  # a gateway holds an answer for 30 s at most, and a commit for 10
CONNECT_SECONDS_MAX: Final = 5.0
OUTCOME_SECONDS_MAX: Final = 180.0
SILENCE_SECONDS_MAX: Final = 45.0  # it says that it is still there every 15 s
RETRY_SECONDS: Final = 0.2
RETRY_SECONDS_MAX: Final = 5.0
FAULTS_MAX: Final = 20
EVENTS_PER_PAGE: Final = 1_000

_ASKS: Final = {ask.command.wire_name: ask for ask in ASKS}
_KEY: Final = re.compile(r"[!-~]{1,100}")
_AWAY: Final = (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError)
_SHUT: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_NO_ENTRY: Final = (
    "the gateway does not take AGORA_KEY: it should be an operator's key, in AGORA_KEY or in the file agora_key of "
    "AGORA_SECRETS_DIR"
)


def client_of(reach: Reach, url: str, waiting: Callable[[str], None]) -> "GatewayClient":
    """Whoever holds the key, at this address. Raises ``Failure`` without a key."""
    if reach.key is None:
        raise Failure(
            f"to trade at {url}, set AGORA_KEY to an operator's key, or AGORA_SECRETS_DIR to a folder with it in "
            "the file agora_key"
        )
    return GatewayClient(url, reach.key, waiting)


class Reply(NamedTuple):
    """What came of an ask: that it was let in, under which story, and the event that answers it; or why it was not."""

    story: str = ""
    type: str = ""
    data: Mapping[str, Any] = {}
    refusal: str | None = None
    kind: str = ""


class GatewayClient:
    """One operator at one gateway. ``waiting`` is told, in plain words, what has to be waited for."""

    def __init__(self, url: str, key: SecretStr, waiting: Callable[[str], None]) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key.get_secret_value()}"}
        self._waiting = waiting
        self._places = asyncio.Semaphore(REQUESTS_AT_ONCE_MAX)
        self._not_before = 0.0
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=REQUESTS_AT_ONCE_MAX + 1), headers=self._headers
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def ready(self) -> None:
        """Wait until the gateway takes requests. Raises ``Failure`` if the key opens nothing."""
        await self._send("GET", "/readyz")
        await self.look("/v1/products", limit=1)

    async def look(self, path: str, **query: object) -> Mapping[str, Any] | None:
        """What is shown there; ``None`` where there is nothing. Raises ``Failure``."""
        status, body = await self._send("GET", f"{path}?{urlencode(query)}" if query else path)
        if status == HTTPStatus.NOT_FOUND:
            return None
        if status != HTTPStatus.OK:
            raise Failure(f"the gateway does not show {path}: {body.get('detail', status)}")
        return body

    async def ask(self, request: Submitted, wait: int = 0, **names: str) -> Reply:
        """Send a request; with ``wait``, its outcome is waited for so many seconds. Raises ``Failure``.

        ``names`` are parts of the address that the command itself does not say.
        """
        ask, path, body = _addressed(request, names)
        headers = {"Idempotency-Key": header_key(request.key), "Content-Type": "application/json"}
        status, told = await self._send(ask.method, path, body, {**headers, "Prefer": f"wait={wait}"})
        if status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
            return Reply(told["story"], told.get("type") or "", told.get("data") or {})
        return Reply(
            refusal=str(told.get("detail", status))[:200], kind=str(told.get("type", "")).removeprefix("/problems/")
        )

    async def outcome(self, request: Submitted, **names: str) -> Reply:
        """Send a request and wait for the event that answers it, however long that takes. Raises ``Failure``."""
        deadline = time.monotonic() + OUTCOME_SECONDS_MAX
        while True:
            reply = await self.ask(request, WAIT_SECONDS, **names)
            if reply.refusal is not None or reply.type:
                return reply
            if time.monotonic() > deadline:
                raise Failure(
                    f"{request.kind} '{request.key}' has had no answer for {OUTCOME_SECONDS_MAX:.0f} s. "
                    "See whether an agent is parked: GET /v1/parked"
                )
            self._waiting(f"an answer to {request.kind}")

    async def asked(self, key: str) -> str | None:
        """The story of what was asked under a key before; ``None`` if nothing was."""
        found = await self.look(f"/v1/requests/{quote(header_key(key), safe='')}")
        return found["story"] if found else None

    async def events(self, after: int = 0, limit: int = EVENTS_PER_PAGE, **of: str) -> tuple[Told, ...]:
        """A page of what was said, of a ``story``, of an ``agent`` (``stream/id``), or of everything."""
        found = await self.look("/v1/events", **of, after=after, limit=limit)
        return tuple(map(told_of, found["events"])) if found else ()

    async def follow(self) -> AsyncGenerator[Told]:
        """Everything that happens from now on, each event once, though connections break. Raises ``Failure``."""
        last: int | None = None
        pause = RETRY_SECONDS
        while True:
            try:
                async with aclosing(self._follow(last)) as told:
                    async for event in told:
                        if event.type == "coalesced":
                            async for missed in self._missed(event.after, event.seq):
                                yield missed
                        else:
                            yield event
                        last, pause = event.seq, RETRY_SECONDS
            except _AWAY as error:
                self._waiting(f"the gateway's live events: {_words(error)}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_SECONDS_MAX)

    async def _follow(self, last: int | None) -> AsyncGenerator[Told]:
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        timeout = aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS_MAX, sock_read=SILENCE_SECONDS_MAX)
        async with self._open.get(f"{self._url}/v1/live", headers=headers, timeout=timeout) as response:
            if response.status in _SHUT:
                raise Failure(_NO_ENTRY)
            if response.status != HTTPStatus.OK:
                raise aiohttp.ClientConnectionError(f"status {response.status}")
            async for event in read_event_stream(response.content.iter_any()):
                yield event

    async def _missed(self, after: int, until: int) -> AsyncGenerator[Told]:
        while after < until and (page := await self.events(after)):
            for event in page:
                if event.seq <= until:
                    yield event
            after = page[-1].seq

    async def _send(
        self, method: str, path: str, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """Send until there is an answer that will not be another one the next time."""
        pause, faults = RETRY_SECONDS, 0
        while True:
            await asyncio.sleep(max(0.0, self._not_before - time.monotonic()))
            try:
                async with self._places:
                    status, body, again = await self._send_once(method, path, data, headers)
            except _AWAY as error:
                self._waiting(f"the gateway at {self._url}: {_words(error)}")
            else:
                if status == HTTPStatus.TOO_MANY_REQUESTS:
                    self._not_before = time.monotonic() + again
                    continue
                if status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    return status, body
                faults += status == HTTPStatus.INTERNAL_SERVER_ERROR
                if faults > FAULTS_MAX:
                    raise Failure(f"{method} {path}: {body.get('detail', status)}")
                self._waiting(f"the gateway: {body.get('detail') or body.get('reason') or status}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_SECONDS_MAX)

    async def _send_once(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str] | None
    ) -> tuple[int, Mapping[str, Any], float]:
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS_MAX, sock_connect=CONNECT_SECONDS_MAX)
        sent = self._open.request(
            method, self._url + path, data=data, headers=headers, timeout=timeout, allow_redirects=False
        )
        async with sent as response:
            raw = await response.read()
            if response.status in _SHUT:
                raise Failure(_NO_ENTRY)
            return response.status, _object(raw), _seconds(response.headers.get("Retry-After"))

    @property
    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("enter the client first")
        return self._session


def header_key(key: str) -> str:
    """A request's key as a header can say it: as it is or, where a header cannot, a digest of it."""
    return key if _KEY.fullmatch(key) else blake2b(key.encode(), digest_size=16).hexdigest()


def _addressed(request: Submitted, names: Mapping[str, str]) -> tuple[Ask, str, bytes]:
    """Where a request goes, and what is left of it as its body."""
    ask = _ASKS[request.kind]
    said: dict[str, Any] = msgspec.json.decode(request.body)
    for name in ("reviewer", *re.findall(r"{(\w+)}", ask.path)):
        names = {name: str(said.pop(name, "")), **names}
    path = ask.path.format(**{name: quote(value, safe="") for name, value in names.items()})
    return ask, path, msgspec.json.encode(said)


def _words(error: Exception) -> str:
    """How a connection failed; what a library says of one that broke off is of no help to people."""
    return "it broke off" if isinstance(error, aiohttp.ClientPayloadError) else str(error) or type(error).__name__


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdecimal() else 1.0
