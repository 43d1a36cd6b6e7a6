"""What becomes of requests, and API keys."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final

import asyncpg
import msgspec
from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, Field, StringConstraints

from services.gateway.http.addresses import NamedRoute
from services.gateway.http.asking import Accepted, Counter, IdempotencyKey, Prefer, accepted, seconds_of
from services.gateway.http.asks import ANSWERS_TO
from services.gateway.http.entry import Asker, Entry, must_operate
from services.gateway.http.keys import Keyring, KeyShown, RequestReused, Scope
from services.gateway.http.looking import NO_NUL
from services.gateway.http.problems import CODES, RESPONSES, Problem
from services.gateway.queries import feed, requests

administration: Final = APIRouter(route_class=NamedRoute, responses={code: RESPONSES[code] for code in CODES})


RequestKey = Annotated[str, Path(min_length=1, max_length=100, pattern=NO_NUL, description="Its Idempotency-Key.")]


class KeyAsked(BaseModel):
    """Whose key is to be made: a buyer's or a seller's by its id, or an operator's by a name."""

    scope: Scope
    agent: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=NO_NUL)] = Field(examples=["ann"])


class KeyMade(BaseModel):
    """A new key. ``key`` is shown this once; nobody keeps it."""

    id: str
    scope: Scope
    agent: str
    made_at: datetime
    key: str = Field(examples=["agora_…"])


@administration.get("/v1/requests/{key}", tags=["asks"], summary="Ask what became of a request.")
async def outcome(request: Request, asker: Asker, key: RequestKey, prefer: Prefer = None) -> Accepted:
    """Your own requests, by their Idempotency-Keys. An outcome is the first event that answers what was asked."""
    counter: Counter = request.app.state.counter
    story = asker.request_id(key)
    types = ANSWERS_TO.get(await requests.kind_of(counter.pool, story) or "")
    if types is None:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found", f"no request under the Idempotency-Key '{key}' was let in")
    found = await feed.outcome(counter.pool, story, types)
    if found is None and types and (seconds := seconds_of(prefer)):
        found = await counter.outcomes.wait(story, types, seconds)
    return Accepted(**{**accepted(story, found), **({"data": msgspec.json.decode(found.data)} if found else {})})


@administration.post(
    "/v1/keys",
    status_code=HTTPStatus.CREATED,
    tags=["keys"],
    summary="Make an API key for a buyer, a seller or an operator.",
)
async def make_key(request: Request, asker: Asker, key: IdempotencyKey, asked: KeyAsked) -> KeyMade:
    """The key is in the answer and nowhere else. Where the answer was lost, revoke the key and make another."""
    must_operate(asker)
    name = asker.request_id(key)
    try:
        made, secret = await _keyring(request).make(name, asked.scope, asked.agent)
    except asyncpg.UniqueViolationError:
        words = f"the API key '{name}' was made under this Idempotency-Key, and is shown once. Revoke it if it was lost"
        raise Problem(HTTPStatus.CONFLICT, "key-made", words) from None
    return KeyMade(id=made.id, scope=made.scope, agent=made.agent, made_at=made.made_at, key=secret)


@administration.get("/v1/keys", tags=["keys"], summary="List API keys, newest first.")
async def keys(request: Request, asker: Asker) -> tuple[KeyShown, ...]:
    """Their ids and whose they are. The keys themselves are not kept."""
    must_operate(asker)
    return await _keyring(request).list()


@administration.delete(
    "/v1/keys/{name}", status_code=HTTPStatus.NO_CONTENT, tags=["keys"], summary="Revoke an API key."
)
async def revoke(
    request: Request,
    asker: Asker,
    key: IdempotencyKey,
    name: Annotated[str, Path(min_length=1, max_length=100, pattern=NO_NUL, description="Its id.")],
) -> None:
    """Here it opens nothing from then on, and within seconds at every other gateway of the same database."""
    must_operate(asker)
    try:
        found = await _keyring(request).revoke(name, asker.request_id(key))
    except RequestReused:
        words = "another API key was revoked under this Idempotency-Key. Take another"
        raise Problem(HTTPStatus.CONFLICT, "key-reused", words) from None
    if not found:
        raise Problem(HTTPStatus.NOT_FOUND, "not-found", f"there is no key '{name}'")


def _keyring(request: Request) -> Keyring:
    entry: Entry = request.app.state.entry
    return entry.keyring
