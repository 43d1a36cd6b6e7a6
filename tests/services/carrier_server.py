"""A carrier's side of the HTTP calls, for tests: in front of any carrier, or saying whatever a test wants."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from aiohttp import web
from pydantic import TypeAdapter

from services.fulfilment.carrier import Carrier
from services.fulfilment.tasks import BookParcels

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TOKEN: Final = "s3cret"  # noqa: S105 - opens nothing
_ANY: Final = TypeAdapter[Any](Any)


@asynccontextmanager
async def serving(handler: Handler) -> AsyncGenerator[str, None]:
    """A server on this machine that answers every POST with ``handler``. Gives its address."""
    app = web.Application(client_max_size=2**22)
    app.router.add_post("/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
        yield f"{site.name.rpartition(':')[0]}:{runner.addresses[0][1]}/v1/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def served(carrier: Carrier, now: Callable[[], datetime]) -> AsyncGenerator[str, None]:
    """Put a carrier behind HTTP. ``now`` is its clock."""

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        match request.path:
            case "/v1/bookings":
                asked = BookParcels.model_validate_json(await request.read())
                return _json(asdict(await carrier.book(asked, request.headers["Idempotency-Key"])), 201)
            case "/v1/tracking":
                numbers = tuple((await request.json())["tracking"])
                return _json({"parcels": [asdict(one) for one in await carrier.track(numbers, now())]}, 200)
            case _:
                return web.Response(status=404)

    async with serving(answer) as url:
        yield url


def _json(body: Any, status: int) -> web.Response:
    return web.Response(body=_ANY.dump_json(body), status=status, content_type="application/json")
