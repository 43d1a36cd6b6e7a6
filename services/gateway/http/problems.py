"""Errors as problem details (RFC 9457): what happened, to what, and what to do next."""

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import asyncpg
import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic_core import ErrorDetails, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from services.gateway.queries.paging import BadCursor

SCHEMAS: Final = "#/components/schemas/"
MEDIA_TYPE: Final = "application/problem+json"
CLOSED: Final = 499
"""For the log alone: whoever asked has gone."""
ERRORS_MAX: Final = 20
TEXT_CHARS_MAX: Final = 300

AWAY: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
"""How a look fails whose database is away, or takes too long."""

log = logging.getLogger("agora.gateway")


class Fault(BaseModel):
    """One thing that is wrong with a request: where (a JSON pointer, or a parameter's name), and what."""

    pointer: str = Field(examples=["/lines/0/quantity"])
    detail: str = Field(examples=["Input should be a valid integer"])


class ProblemDetails(BaseModel):
    """The body of every error."""

    type: str = Field(examples=["/problems/wrong-fields"])
    title: str
    status: int
    detail: str
    errors: tuple[Fault, ...] = ()


@dataclass(eq=False)
class Problem(Exception):
    """A request that is not carried out. ``kind`` names the problem, and stays the same from release to release."""

    status: HTTPStatus
    kind: str
    detail: str
    errors: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] | None = None

    def response(self) -> Response:
        """The problem as it is sent."""
        body: dict[str, Any] = {
            "type": f"/problems/{self.kind}",
            "title": self.kind.replace("-", " ").capitalize(),
            "status": int(self.status),
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = [{"pointer": pointer, "detail": detail} for pointer, detail in self.errors]
        return Response(msgspec.json.encode(body), self.status, self.headers, MEDIA_TYPE)


def wrong_fields(error: ValidationError, detail: str = "the body is not what it should be", at: str = "") -> Problem:
    """Fields that are not what they should be, of what is ``at`` this pointer. What was sent is not repeated."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return _wrong(detail, details, at)


def refuse_with_problems(app: FastAPI) -> None:
    """Have every error of an application be a problem."""
    app.add_exception_handler(Problem, lambda _, error: _as(error, Problem).response())
    app.add_exception_handler(RequestValidationError, lambda _, error: _parameters(error).response())
    app.add_exception_handler(HTTPException, lambda request, error: _of_http(app, request, error).response())
    app.add_exception_handler(BadCursor, lambda _, error: _no_such_page(error).response())
    for away in AWAY:
        app.add_exception_handler(away, lambda _, error: _away(error).response())
    app.add_exception_handler(ClientDisconnect, lambda _, __: Response(status_code=CLOSED))
    app.add_exception_handler(Exception, _unforeseen)


def _documented(words: str) -> dict[str, Any]:
    return {"description": words, "content": {MEDIA_TYPE: {"schema": {"$ref": f"{SCHEMAS}ProblemDetails"}}}}


RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: _documented("The request cannot be read."),
    401: _documented("No API key, or none that is known; or a token that is not sound."),
    403: _documented("The key or token may not ask this."),
    404: _documented("There is no such thing."),
    409: _documented("Its Idempotency-Key was used for another request, or for what cannot be told twice."),
    413: _documented("The body is too large."),
    422: _documented("Something is wrong with what the request says."),
    429: _documented("Too many requests in a second."),
    503: _documented("The gateway is too busy, or its database is away, or the issuer of a token."),
}
"""What may come of a request but success, as the document tells it."""
CODES: Final = (400, 401, 403, 404, 409, 422, 429, 503)
"""Those that may come of any request without a large body."""


def _as(error: Exception, kind: type[Problem]) -> Problem:
    if not isinstance(error, kind):
        raise error
    return error


def _parameters(error: Exception) -> Problem:
    if not isinstance(error, RequestValidationError):
        raise error
    return _wrong("a parameter is not what it should be", error.errors())


def _wrong(detail: str, details: Iterable[ErrorDetails], at: str = "") -> Problem:
    errors = tuple((at + _pointer(fault), fault["msg"][:TEXT_CHARS_MAX]) for fault in details)[:ERRORS_MAX]
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-fields", detail, errors)


def _pointer(fault: ErrorDetails) -> str:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in fault["loc"])
    return "".join(f"/{step}" for step in steps)[:TEXT_CHARS_MAX]


def _of_http(app: FastAPI, request: Request, error: Exception) -> Problem:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    is_wrong_method = status is HTTPStatus.METHOD_NOT_ALLOWED
    headers = {"Allow": _allowed(app, request.url.path)} if is_wrong_method else error.headers
    return Problem(status, status.phrase.lower().replace(" ", "-"), error.detail, headers=headers)


def _allowed(app: FastAPI, path: str) -> str:
    """Every method of an address: several routes may share it, and each knows of itself alone."""
    templates = app.openapi()["paths"].items()
    ways = [methods for template, methods in templates if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)]
    return ", ".join(sorted({method.upper() for methods in ways for method in methods})) or "GET"


def _no_such_page(error: Exception) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "not-found", str(error), (("/query/after", "no such page"),))


def _away(error: Exception) -> Problem:
    log.warning("a look failed: %s", type(error).__name__)
    words = "the gateway's database is away, or took too long. Ask again"
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "away", words, headers={"Retry-After": "5"})


async def _unforeseen(request: Request, error: Exception) -> Response:
    del request, error  # the server logs it, with its traceback; whoever asked learns nothing of the inside
    words = "the request failed for a reason that is ours. Ask again with the same Idempotency-Key"
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", words).response()
