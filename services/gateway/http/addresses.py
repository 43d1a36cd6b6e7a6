"""Addresses: an id in a path may hold whatever can be percent-encoded, a slash as well.

Servers hand on a path that is decoded already, in which ``a%2Fb`` can no longer be told from ``a/b``. So routes are
matched on the path as it was written, and an id is decoded once, when its route is known.
"""

import re
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, unquote

from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.http.problems import Problem

_BROKEN: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNREADABLE: Final = (
    "the path is not percent-encoded UTF-8: write a % as %25, and every other byte that is no text as %XX"
)


class Addresses:
    """Has routes matched on the path as it was written, in one spelling; what cannot be read is turned away."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            try:
                # In place: whoever counts requests finds out by this scope which route it was.
                scope["path"] = spelled(scope["raw_path"])
            except ValueError:
                problem = Problem(HTTPStatus.BAD_REQUEST, "bad-request", _UNREADABLE)
                return await problem.response()(scope, receive, send)
        return await self._app(scope, receive, send)


class NamedRoute(APIRoute):
    """A route whose names are decoded: once, and after it was chosen."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["path_params"] = {name: unquote(value) for name, value in scope["path_params"].items()}
        await super().handle(scope, receive, send)


def spelled(path: bytes) -> str:
    """The one spelling of a path: in each segment nothing is encoded that need not be. Raises ``ValueError``."""
    text = path.decode("ascii")
    if "%" not in text:
        return text
    if _BROKEN.search(text):
        raise ValueError(text)
    return "/".join(quote(unquote(segment, errors="strict"), safe="") for segment in text.split("/"))
