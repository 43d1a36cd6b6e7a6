"""What a carrier may do wrong, on the wire and in what it says: nothing of it becomes a fact."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from gzip import compress
from typing import Any

import pytest
from aiohttp import web

from agora.activity import Activity, Call, Declined, Task
from agora.event import Event
from agora.promise import Promises
from market.ids import SellerId
from market.language import TEXT_LENGTH_MAX
from market.shipments import BookingFailed, Parcel, TrackingFailed
from services.fulfilment.activities import activities
from services.fulfilment.carrier import AHEAD_MAX, Booking, Carrier, Nonsense, Whereabouts
from services.fulfilment.http_carrier import ANSWER_BYTES_MAX, HttpCarrier, NoAnswer
from services.fulfilment.simulator import SimulatedCarrier
from services.fulfilment.tasks import BookParcels, Tracked, TrackParcels
from tests.services.carrier_server import Handler, serving
from tests.services.words import NOW, R, S, T

BOOK = BookParcels(transaction=T, sellers=(S, R), asked_at=NOW)
TRACK = TrackParcels(transaction=T, parcels=(Tracked(S, "SP-1"), Tracked(R, "SP-2")))
CALL = Call("key", 1, NOW)
SECONDS_MAX = 2.0
"""How long these tests wait for an answer that does not come."""


async def attempt(carrier: Carrier, task: Task) -> Event:
    """One attempt at a task, as the runtime makes it."""
    return await activity_of(carrier, task).perform(task, CALL)


def activity_of(carrier: Carrier, task: Task) -> Activity:
    (activity,) = (one for one in activities(carrier) if one.task is type(task))
    return activity


async def attempt_behind_http(handler: Handler, task: Task = BOOK) -> Event:
    async with serving(handler) as url:
        carrier = HttpCarrier(url, timeout_seconds=SECONDS_MAX)
        try:
            return await attempt(carrier, task)
        finally:
            await carrier.close()


def saying(body: bytes | str, status: int = 200, encoding: str = "identity") -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers={"Content-Encoding": encoding})

    return answer


# On the wire

UNREADABLE: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"<html>Welcome</html>",
    "half of it": b'{"carrier": "Post", "parcels": [',
    "no UTF-8": b'{"carrier": "\xff"}',
    "something else": b'{"error": "no"}',
    "a list": b"[]",
    "parcels without a date": b'{"carrier": "Post", "parcels": [{"seller": "S", "tracking": "1"}]}',
    "a date without a zone": b'{"carrier": "Post", "parcels": [{"seller": "S", "tracking": "1", '
    b'"promised_at": "2030-01-02T00:00:00"}]}',
    "no list of parcels": b'{"carrier": "Post", "parcels": {}}',
    "a number for a name": b'{"carrier": 1, "parcels": [{"seller": "S", "tracking": "1", '
    b'"promised_at": "2030-01-02T00:00:00Z"}]}',
    "a number for a date": b'{"carrier": "Post", "parcels": [{"seller": "S", "tracking": "1", '
    b'"promised_at": 1893456000}]}',
    "very deep": b"[" * 100_000,
}


@pytest.mark.parametrize("task", [BOOK, TRACK], ids=["booking", "tracking"])
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_answer_that_cannot_be_read_is_none(body: bytes, task: Task) -> None:
    with pytest.raises(Nonsense, match="cannot be read"):
        await attempt_behind_http(saying(body), task)


async def test_an_answer_without_an_end_is_not_read_to_its_end() -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 100 * ANSWER_BYTES_MAX:
            await response.write(b" " * 65_536)
            sent += 65_536
        return response

    with pytest.raises(Nonsense, match=f"more than {ANSWER_BYTES_MAX} bytes"):
        await attempt_behind_http(endless)
    assert sent < 20 * ANSWER_BYTES_MAX


async def test_an_answer_of_the_largest_size_is_read() -> None:
    with pytest.raises(Nonsense, match="cannot be read"):
        await attempt_behind_http(saying(b" " * ANSWER_BYTES_MAX))


async def test_what_is_sent_compressed_is_not_blown_up() -> None:
    with pytest.raises(Nonsense, match="cannot be read"):
        await attempt_behind_http(saying(compress(b" " * 2 * ANSWER_BYTES_MAX), encoding="gzip"))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, headers={"Location": "/v1/stolen"})

    with pytest.raises(NoAnswer, match=str(status)):
        await attempt_behind_http(elsewhere)
    assert asked == ["/v1/bookings"]


@pytest.mark.parametrize("status", [202, 204, 401, 403, 407, 408, 409, 425, 429, 500, 502, 503, 504])
async def test_a_carrier_that_cannot_say_now_is_asked_again(status: int) -> None:
    with pytest.raises(NoAnswer, match=f"HTTP {status}"):
        await attempt_behind_http(saying(b"", status))


@pytest.mark.parametrize("status", [400, 402, 404, 405, 410, 413, 422, 451])
async def test_a_no_of_the_carrier_is_final(status: int) -> None:
    with pytest.raises(Declined, match=r"^no such street$"):
        await attempt_behind_http(saying('{"reason": "no such street"}', status))
    with pytest.raises(Declined, match=f"HTTP {status}"):
        await attempt_behind_http(saying(b"No.", status))


async def test_a_carrier_that_takes_its_time_has_not_answered() -> None:
    released = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        await released.wait()
        return web.Response()

    async with serving(slow) as url:
        carrier = HttpCarrier(url, timeout_seconds=SECONDS_MAX)
        with pytest.raises(NoAnswer, match="Timeout"):
            await attempt(carrier, BOOK)
        released.set()
        await carrier.close()


async def test_a_carrier_that_hangs_up_has_not_answered() -> None:
    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    with pytest.raises(NoAnswer):
        await attempt_behind_http(hang_up)


async def test_nobody_at_the_address_is_no_answer() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port: int = taken.getsockname()[1]
    carrier = HttpCarrier(f"http://127.0.0.1:{port}", "s3cret")
    with pytest.raises(NoAnswer) as nobody:
        await attempt(carrier, BOOK)
    await carrier.close()
    assert "s3cret" not in str(nobody.value)


async def test_connections_end_with_their_event_loop() -> None:
    """Nobody closes the carrier here; a session left open would warn, and warnings are errors."""

    async def ask() -> None:
        async with serving(saying(b"{}")) as url:
            with pytest.raises(Nonsense):
                await attempt(HttpCarrier(url), BOOK)

    await asyncio.to_thread(asyncio.run, ask())


# In what it says


@dataclass
class Misbehaving:
    """A carrier that does something with every answer of a sound one."""

    booked: Callable[[Booking], Booking] = lambda booking: booking
    tracked: Callable[[tuple[Whereabouts, ...]], tuple[Whereabouts, ...]] = lambda answer: answer

    async def book(self, request: BookParcels, key: str) -> Booking:
        return self.booked(await SimulatedCarrier().book(request, key))

    async def track(self, numbers: tuple[str, ...], now: datetime) -> tuple[Whereabouts, ...]:
        del now
        return self.tracked(tuple(Whereabouts(number, "in transit") for number in numbers))


def parcels(change: Callable[[tuple[Parcel, ...]], tuple[Parcel, ...]]) -> Callable[[Booking], Booking]:
    return lambda booking: replace(booking, parcels=change(booking.parcels))


def first(**changes: Any) -> Callable[[Booking], Booking]:
    return parcels(lambda booked: (replace(booked[0], **changes), *booked[1:]))


BOOKINGS: dict[str, Callable[[Booking], Booking]] = {
    "a parcel too few": parcels(lambda booked: booked[:1]),
    "no parcels": parcels(lambda _: ()),
    "a parcel twice": parcels(lambda booked: (*booked, booked[0])),
    "a second parcel of one seller": parcels(lambda booked: (*booked, replace(booked[0], tracking="N"))),
    "the same parcel for both": parcels(lambda booked: (booked[0], booked[0])),
    "a stranger's parcel": first(seller=SellerId("X")),
    "one number for two": parcels(lambda booked: tuple(replace(parcel, tracking="N") for parcel in booked)),
    "no number": first(tracking=""),
    "a long number": first(tracking="N" * (TEXT_LENGTH_MAX + 1)),
    "a number with a line break": first(tracking="N\n"),
    "a number that no database keeps": first(tracking="\x00\ud800"),
    "a promise of the past": first(promised_at=NOW - timedelta(seconds=1)),
    "a promise for ever after": first(promised_at=NOW + AHEAD_MAX + timedelta(seconds=1)),
    "no name": lambda booking: replace(booking, carrier=""),
    "a long name": lambda booking: replace(booking, carrier="P" * (TEXT_LENGTH_MAX + 1)),
}


@pytest.mark.parametrize("booked", BOOKINGS.values(), ids=BOOKINGS)
async def test_a_booking_that_nobody_asked_for_is_none(booked: Callable[[Booking], Booking]) -> None:
    with pytest.raises(Nonsense):
        await attempt(Misbehaving(booked=booked), BOOK)


ANSWERS: dict[str, Callable[[tuple[Whereabouts, ...]], tuple[Whereabouts, ...]]] = {
    "nothing": lambda _: (),
    "one parcel alone": lambda answer: answer[:1],
    "one parcel twice": lambda answer: (*answer, answer[0]),
    "another parcel": lambda answer: (answer[0], replace(answer[1], tracking="SP-3")),
    "a parcel for ever after": lambda answer: (
        answer[0],
        replace(answer[1], expected_at=NOW + AHEAD_MAX + timedelta(seconds=1)),
    ),
}


@pytest.mark.parametrize("tracked", ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_about_other_parcels_is_none(
    tracked: Callable[[tuple[Whereabouts, ...]], tuple[Whereabouts, ...]],
) -> None:
    with pytest.raises(Nonsense):
        await attempt(Misbehaving(tracked=tracked), TRACK)


async def test_a_sound_answer_keeps_its_contract() -> None:
    for task in (BOOK, TRACK):
        Promises().written(await attempt(Misbehaving(), task))


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("no such street", "no such street"),
        ("", "no reason given"),
        (" \t\n\x00", "no reason given"),
        ("x" * 10_000, "x" * TEXT_LENGTH_MAX),
        ("no\x1b[2J\r\nsuch\x00street\ud800", "no [2J such street"),
    ],
)
def test_whatever_reason_a_carrier_gives_can_be_said(said: str, heard: str) -> None:
    for task, failed in ((BOOK, BookingFailed), (TRACK, TrackingFailed)):
        outcome = activity_of(Misbehaving(), task).failed(task, said)
        assert outcome == failed(transaction=T, reason=heard)
        Promises().written(outcome)
