"""The HTTP application: its routes, its document, and how it is doing."""

from importlib.metadata import version
from typing import Any, Final

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from services.gateway.http.addresses import Addresses
from services.gateway.http.administration import administration
from services.gateway.http.asking import add_asks, body_model
from services.gateway.http.asks import ASKS
from services.gateway.http.entry import BodyLimit
from services.gateway.http.live import live
from services.gateway.http.looking import NO_NUL, looking
from services.gateway.http.problems import SCHEMAS, ProblemDetails, refuse_with_problems
from services.gateway.http.welcome import welcome

DESCRIPTION: Final = """\
A marketplace of agents that coordinate only by reacting to events.

**Asks** change something. Each needs an `Idempotency-Key` of yours: sent again under the same key, it counts once. An
ask is answered `202` as soon as it is safe; what it leads to comes as events, found at its `Location`. With
`Prefer: wait=5` the answer waits for the outcome.

**Looks** are answered from views built of events, and say how fresh they are. **Live** tells events as they happen.

Every error is a problem (RFC 9457). Amounts are in minor units (pence, cents).
"""


def create_app(body_bytes_max: int) -> FastAPI:
    """The application. Whoever runs it gives its ``state`` what the routes work with (``front.py``)."""
    app = FastAPI(
        title="Agora",
        version=version("agora"),
        description=DESCRIPTION,
        docs_url=None,  # these pages load programs from elsewhere
        redoc_url=None,
        strict_content_type=False,
    )
    refuse_with_problems(app)
    add_asks(app)
    for router in (looking, live, administration, welcome):
        app.include_router(router)
    plain = app.openapi
    app.openapi = lambda: _with_bodies(plain())
    app.add_middleware(Addresses)
    app.add_middleware(BodyLimit, bytes_max=body_bytes_max)
    return app


def _with_bodies(document: dict[str, Any]) -> dict[str, Any]:
    """Add the bodies of the asks, which are read as they come in, and of problems."""
    models = [*(body_model(ask) for ask in ASKS), ProblemDetails]
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=f"{SCHEMAS}{{model}}")
    document["components"]["schemas"] |= _without_nul(schemas["$defs"])
    return document


def _without_nul(schema: Any) -> Any:
    """Say of every text that it holds no NUL: no body may."""
    if isinstance(schema, list):
        return [_without_nul(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    said = {name: _without_nul(one) for name, one in schema.items()}
    is_free = said.get("type") == "string" and not said.keys() & {"pattern", "format", "enum", "const"}
    return {**said, "pattern": NO_NUL} if is_free else said
