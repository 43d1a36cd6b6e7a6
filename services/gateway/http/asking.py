"""Asks as routes: a body is checked, goes through the door as a request, and is answered 202, or with its outcome."""

import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

import msgspec
from fastapi import FastAPI, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, create_model

from agora.event import Event
from agora.requests import KEY_REUSED, asking
from market.language import TEXT_LENGTH_MAX
from services.gateway.http.addresses import NamedRoute
from services.gateway.http.asks import ASKS, Ask
from services.gateway.http.desk import Desk, Outcomes
from services.gateway.http.entry import Asker, Entry, must_be, must_operate
from services.gateway.http.keys import Pool, Principal
from services.gateway.http.looking import NO_NUL
from services.gateway.http.problems import RESPONSES, SCHEMAS, Problem, wrong_fields
from services.gateway.queries import products
from services.gateway.queries.feed import Outcome

WAIT_SECONDS_MAX: Final = 30
REVIEWER: Final = "reviewer"

_KEY: Final = re.compile(r"[!-~]{1,100}")
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=100,
        pattern=r"^[!-~]+$",
        description="Your name for this request: sent again under it, it counts once.",
        examples=["order-1-checkout"],
    ),
]
Prefer = Annotated[
    str | None,
    Header(
        description=f"`wait=N` holds the answer until the outcome is there, N seconds at most ({WAIT_SECONDS_MAX}).",
        examples=["wait=5"],
    ),
]

_BY_NAME: Final = {ask.command.__name__: ask for ask in ASKS}
_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_names: Final = TypeAdapter(
    dict[str, Annotated[str, StringConstraints(min_length=1, max_length=TEXT_LENGTH_MAX, pattern=NO_NUL)]]
)


class Accepted(BaseModel):
    """What became of a request so far: the event that answers it, once there is one."""

    status: str = Field(description="`accepted`, or `answered` once there is an outcome.", examples=["answered"])
    story: str = Field(description="The id that all events bear to which the request leads.")
    type: str | None = Field(None, description="The event that answers the request.", examples=["BuyerRegistered.v1"])
    at: str | None = Field(None, description="When it was said.")
    data: dict[str, Any] | None = Field(None, description="What it says.")


_LOCATION: Final = {"Location": {"description": "Where the outcome will be.", "schema": {"type": "string"}}}
_ANSWERED: Final = {
    "description": "The outcome came in the time of `Prefer: wait`.",
    "model": Accepted,
    "headers": _LOCATION,
}
_ACCEPTED: Final = {
    "description": "Let in, and safe. The outcome comes as an event.",
    "model": Accepted,
    "headers": _LOCATION,
}


@dataclass(frozen=True, slots=True)
class Counter:
    """Where asks are handed in, and what is known of them."""

    desk: Desk
    outcomes: Outcomes
    pool: Pool


def add_asks(app: FastAPI) -> None:
    """Add every ask; the application's state holds the ``counter`` and the ``entry``."""
    for ask in ASKS:
        app.router.add_api_route(
            ask.path,
            _parameters,
            methods=[ask.method],
            name=ask.command.__name__,
            operation_id=ask.command.__name__,
            summary=_words(ask.command),
            description=_description(ask),
            status_code=HTTPStatus.ACCEPTED,
            response_model=None,
            responses={200: _ANSWERED, 202: _ACCEPTED, **RESPONSES},
            openapi_extra=_documented(ask),
            tags=["asks"],
            route_class_override=_AskRoute,
        )


async def _parameters(asker: Asker, key: IdempotencyKey, prefer: Prefer = None) -> None:
    """What the document tells of every ask; ``_AskRoute`` reads it itself."""


class _AskRoute(NamedRoute):
    """Reads the few parameters that all asks have in common without FastAPI, which takes as long as all the rest."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return _handler(_BY_NAME[self.name])


def _handler(ask: Ask) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    body_of = body_model(ask).__pydantic_validator__.validate_json

    async def handle(request: Request) -> Response:
        entry: Entry = request.app.state.entry
        counter: Counter = request.app.state.counter
        asker = await entry.let_in(request)
        names = _names_of(request)
        await _check(ask, asker, names, counter.pool)
        raw = await request.body()
        if _NUL.search(raw):
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-fields", "no text may hold a NUL (\\u0000)")
        try:
            key = _key_of(request.headers.get("idempotency-key"))
            body: BaseModel = body_of(raw or b"{}")
        except ValidationError as error:
            raise wrong_fields(error) from None
        command = ask.command.model_construct(**_fields(ask, body, names, asker))
        story = asker.request_id(key)
        answer = await counter.desk.ask(asking(story, command))
        if answer.refusal is not None:
            raise _refused(answer.refusal)
        seconds = seconds_of(request.headers.get("prefer"))
        found = await counter.outcomes.wait(story, ask.answer_types, seconds) if seconds and ask.answers else None
        headers = {"Location": f"/v1/requests/{quote(key, safe='')}"}
        if found is None:
            return _json(accepted(story, None), HTTPStatus.ACCEPTED, headers)
        return _json(accepted(story, found), HTTPStatus.OK, {**headers, "Preference-Applied": "wait"})

    return handle


def _names_of(request: Request) -> dict[str, str]:
    try:
        return _names.validate_python(request.path_params)
    except ValidationError as error:
        raise wrong_fields(error, "a name in the path is not what it should be", "/path") from None


def _key_of(text: str | None) -> str:
    if text is not None and _KEY.fullmatch(text):
        return text
    words = "every ask needs an Idempotency-Key of yours: 1 to 100 visible ASCII characters"
    errors = (("/header/Idempotency-Key", "Field required" if text is None else "1 to 100 visible ASCII characters"),)
    raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "wrong-fields", words, errors)


def _json(body: dict[str, Any], status: HTTPStatus, headers: Mapping[str, str]) -> Response:
    return Response(msgspec.json.encode(body), status, headers, "application/json")


async def _check(ask: Ask, asker: Principal, names: Mapping[str, str], pool: Pool) -> None:
    if ask.scope == "operator":
        return must_operate(asker)
    must_be(asker, ask.scope, names[ask.scope])
    if ask.own_product and not asker.is_operator and not await products.owns(pool, names["seller"], names["product"]):
        words = f"no product '{names['product']}' of seller '{names['seller']}' is known yet"
        raise Problem(HTTPStatus.NOT_FOUND, "not-found", words)
    return None


def _fields(ask: Ask, body: BaseModel, fixed: Mapping[str, str], asker: Principal) -> dict[str, Any]:
    given = body.model_fields_set & ask.trusted
    if given and not asker.is_operator:
        errors = tuple((f"/{name}", "only an operator may say this") for name in sorted(given))
        raise Problem(HTTPStatus.FORBIDDEN, "not-yours", "the body says what this key may not say", errors)
    known = ask.command.model_fields
    named = {name: value for name, value in fixed.items() if name in known}
    reviewer = {REVIEWER: asker.agent} if REVIEWER in known else {}
    return {**{name: getattr(body, name) for name in type(body).model_fields}, **named, **reviewer}


def seconds_of(prefer: str | None) -> int:
    """How long the answer may wait for the outcome."""
    for preference in (prefer or "").split(","):
        name, _, value = preference.strip().partition("=")
        if name.lower() == "wait" and value.isdecimal():
            return min(int(value), WAIT_SECONDS_MAX)
    return 0


def _refused(refusal: str) -> Problem:
    if refusal == KEY_REUSED:
        return Problem(HTTPStatus.CONFLICT, "key-reused", f"{refusal}. Take another Idempotency-Key")
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "refused", refusal)


def accepted(story: str, found: Outcome | None) -> dict[str, Any]:
    """What became of a request that was let in."""
    if found is None:
        return {"status": "accepted", "story": story}
    data = msgspec.Raw(found.data.encode())
    return {"status": "answered", "story": story, "type": found.type, "at": found.at, "data": data}


def body_model(ask: Ask) -> type[BaseModel]:
    """The body of an ask: the fields of its command that neither the path nor the key says."""
    said = {*_in_path(ask), REVIEWER}
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in ask.command.model_fields.items() if name not in said
    }
    fields |= {name: (Literal[values], ...) for name, values in ask.one_of.items()}
    config = ConfigDict(extra="forbid", strict=True, str_min_length=1, str_max_length=TEXT_LENGTH_MAX)
    return create_model(f"{ask.command.__name__}Body", __config__=config, __doc__=ask.command.__doc__, **fields)


def _in_path(ask: Ask) -> tuple[str, ...]:
    return tuple(part[1:-1] for part in ask.path.split("/") if part.startswith("{"))


def _documented(ask: Ask) -> dict[str, Any]:
    model = body_model(ask)
    content = {"schema": {"$ref": f"{SCHEMAS}{model.__name__}"}, "example": dict(ask.example)}
    name = {"type": "string", "minLength": 1, "maxLength": TEXT_LENGTH_MAX, "pattern": NO_NUL}
    examples = {"buyer": "ann", "seller": "sam", "product": "mug", "transaction": "order-1"}
    documented: dict[str, Any] = {
        "parameters": [
            {"name": part, "in": "path", "required": True, "schema": name, "example": examples[part]}
            for part in _in_path(ask)
        ]
    }
    if model.model_fields:
        required = any(field.is_required() for field in model.model_fields.values())
        documented["requestBody"] = {"required": required, "content": {"application/json": content}}
    return documented


def _words(command: type[Event]) -> str:
    return (command.__doc__ or command.__name__).splitlines()[0]


def _description(ask: Ask) -> str:
    who = "An operator" if ask.scope == "operator" else f"The {ask.scope} itself, or an operator"
    answers = " or ".join(f"`{answer}`" for answer in ask.answer_types) or "nothing: it is done once it is let in"
    return f"{who} may ask this. Answered by {answers}."
