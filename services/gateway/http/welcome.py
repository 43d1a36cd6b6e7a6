"""The first page, and how the gateway is."""

from collections.abc import Callable
from html import escape
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from services.gateway.http.looking import looks_of
from services.gateway.queries import feed

NotReady = Callable[[], str | None]
"""Why the gateway cannot work yet, or ``None``."""

welcome: Final = APIRouter(include_in_schema=False)

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3"><title>Agora</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem }}
pre {{ background: #8882; padding: 1rem; overflow-x: auto }}</style></head><body>
<h1>Agora</h1>
<p>A marketplace of agents that coordinate only by reacting to events: <b>{events:,}</b> so far{behind}.</p>
<p>What can be asked of it is in <a href="/openapi.json">its document</a> (OpenAPI 3.1). With a key:</p>
<pre>curl -H "Authorization: Bearer $KEY" {url}v1/products
curl -N -H "Authorization: Bearer $KEY" {url}v1/live</pre>
</body></html>
"""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


@welcome.get("/")
async def first_page(request: Request) -> HTMLResponse:
    """For whoever opens the address in a browser."""
    looks = looks_of(request)
    fresh = looks.fresh()
    behind = f", {fresh.behind:,} of them not shown yet" if fresh.behind else ""
    page = _PAGE.format(events=await feed.head(looks.pool), behind=behind, url=escape(str(request.base_url)))
    return HTMLResponse(page, headers=_HEADERS)


@welcome.get("/healthz")
async def healthz() -> Response:
    """Whether the process is alive, whatever it waits for."""
    return JSONResponse({"status": "alive"})


@welcome.get("/readyz")
async def readyz(request: Request) -> Response:
    """Whether it takes requests."""
    not_ready: NotReady = request.app.state.not_ready
    reason = not_ready()
    if reason is None:
        return JSONResponse({"status": "ready"})
    return JSONResponse({"status": "not ready", "reason": reason}, HTTPStatus.SERVICE_UNAVAILABLE)
