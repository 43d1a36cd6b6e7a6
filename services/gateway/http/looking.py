"""Looks: what the views tell of products, carts, orders, sellers, accounts and agents. Each says how fresh it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final, Generic, TypeVar

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from agora.projector import Fresh
from services.gateway.http.addresses import NamedRoute
from services.gateway.http.auditor import AUDIT_SECONDS_MAX, Auditor
from services.gateway.http.entry import Asker, must_be, must_operate
from services.gateway.http.keys import Pool
from services.gateway.http.problems import CODES, RESPONSES, Problem
from services.gateway.queries import agents, audit, carts, ledger, orders, parked, products, sales, states
from services.gateway.queries.paging import CURSOR_CHARS_MAX, LIMIT, LIMIT_MAX, Page
from services.gateway.queries.unhurried import unhurried

T = TypeVar("T")

NO_NUL: Final = r"^[^\x00]*$"
"""PostgreSQL takes no NUL."""
Name = Annotated[str, Path(min_length=1, max_length=100, pattern=NO_NUL)]
After = Annotated[str | None, Query(max_length=CURSOR_CHARS_MAX, description="The `next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Text = Annotated[str, Query(max_length=100, pattern=NO_NUL)]

looking: Final = APIRouter(route_class=NamedRoute, tags=["looks"], responses={code: RESPONSES[code] for code in CODES})


class Freshness(BaseModel):
    """How fresh what is shown is."""

    as_of: datetime | None = Field(description="Everything the log took in until then is shown.")
    behind: int = Field(description="How many records of the log are not shown yet.")


class Look(BaseModel, Generic[T]):
    """What a view shows, and how fresh it is."""

    fresh: Freshness
    shown: T


@dataclass(frozen=True, slots=True)
class Looks:
    """What looks are made at; ``freshness`` tells of every stream how far the views have come."""

    pool: Pool
    freshness: Callable[[], Mapping[str, Fresh]]

    async def audit(self) -> Look[tuple[audit.Check, ...]]:
        """Check all of the views, as of when it begins."""
        fresh = self.fresh()
        async with unhurried(self.pool, AUDIT_SECONDS_MAX) as reader:
            return Look(fresh=fresh, shown=tuple(await audit.audit(reader)))

    def fresh(self) -> Freshness:
        """How fresh all views are: as fresh as the stream that is furthest behind."""
        streams = self.freshness().values()
        behind = [stream for stream in streams if stream.behind]
        if streams and not behind:
            return Freshness(as_of=datetime.now(UTC), behind=0)
        times = [stream.shown_at for stream in behind if stream.shown_at]
        return Freshness(as_of=min(times, default=None), behind=sum(stream.behind for stream in behind))

    def show(self, shown: T | None, what: str) -> Look[T]:
        """Answer a look. Raises ``Problem`` where there is nothing."""
        if shown is None:
            fresh = self.fresh()
            words = f"{what} is not known" + (f"; {fresh.behind} records are still to be shown" if fresh.behind else "")
            raise Problem(HTTPStatus.NOT_FOUND, "not-found", words)
        return Look(fresh=self.fresh(), shown=shown)


def looks_of(request: Request) -> Looks:
    """The looks of the application that a request came to."""
    looks: Looks = request.app.state.looks
    return looks


@looking.get("/v1/products", summary="Search what is on sale.")
async def search(
    request: Request, asker: Asker, text: Text = "", seller: Text = "", after: After = None, limit: Limit = LIMIT
) -> Look[Page[products.Product]]:
    """Products whose id, or whose seller's id, holds `text`; all of them without it."""
    del asker
    looks = looks_of(request)
    return looks.show(await products.search(looks.pool, text, seller or None, after, limit), "")


@looking.get("/v1/products/{product}", summary="Look at one product.")
async def product(request: Request, asker: Asker, product: Name) -> Look[products.Product]:
    """Its price, its version and its stock, as far as the views have heard."""
    del asker
    looks = looks_of(request)
    return looks.show(await products.one(looks.pool, product), f"the product '{product}'")


@looking.get("/v1/buyers/{buyer}/cart", summary="Look into a cart.")
async def cart(request: Request, asker: Asker, buyer: Name) -> Look[carts.Cart]:
    """Its lines, and what they cost."""
    must_be(asker, "buyer", buyer)
    looks = looks_of(request)
    return looks.show(await carts.of_buyer(looks.pool, buyer), "")


@looking.get("/v1/buyers/{buyer}/orders", summary="List a buyer's orders, newest first.")
async def orders_of(
    request: Request, asker: Asker, buyer: Name, after: After = None, limit: Limit = LIMIT
) -> Look[Page[orders.Order]]:
    """Orders that became transactions, whatever became of those."""
    must_be(asker, "buyer", buyer)
    looks = looks_of(request)
    return looks.show(await orders.of_buyer(looks.pool, buyer, after, limit), "")


@looking.get("/v1/buyers/{buyer}/refusals", summary="List the orders a buyer was refused, newest first.")
async def refusals_of(
    request: Request, asker: Asker, buyer: Name, after: After = None, limit: Limit = LIMIT
) -> Look[Page[orders.Order]]:
    """Orders that never became transactions."""
    must_be(asker, "buyer", buyer)
    looks = looks_of(request)
    return looks.show(await orders.refused(looks.pool, buyer, after, limit), "")


@looking.get("/v1/buyers/{buyer}/orders/{transaction}", summary="Look at one order of a buyer.")
async def order_of(request: Request, asker: Asker, buyer: Name, transaction: Name) -> Look[orders.OrderStory]:
    """How it stands, and everything that happened to it and its parcels."""
    must_be(asker, "buyer", buyer)
    looks = looks_of(request)
    found = await orders.one(looks.pool, transaction)
    own = found if found and found.order.buyer == buyer else None
    return looks.show(own, f"an order '{transaction}' of buyer '{buyer}'")


@looking.get("/v1/orders/{transaction}", summary="Look at one order.")
async def order(request: Request, asker: Asker, transaction: Name) -> Look[orders.OrderStory]:
    """How it stands, and everything that happened to it and its parcels."""
    must_operate(asker)
    looks = looks_of(request)
    return looks.show(await orders.one(looks.pool, transaction), f"the order '{transaction}'")


@looking.get("/v1/held", summary="List the orders that wait for a reviewer, longest first.")
async def held(request: Request, asker: Asker, after: After = None, limit: Limit = LIMIT) -> Look[Page[orders.Order]]:
    """Paid orders that were flagged."""
    must_operate(asker)
    looks = looks_of(request)
    return looks.show(await orders.held(looks.pool, after, limit), "")


@looking.get("/v1/sellers/{seller}/dashboard", summary="Look at a seller's dashboard.")
async def dashboard(
    request: Request, asker: Asker, seller: Name, after: After = None, limit: Limit = LIMIT
) -> Look[sales.Dashboard]:
    """Its sales and their sums, which always agree: both come from one statement."""
    must_be(asker, "seller", seller)
    looks = looks_of(request)
    return looks.show(await sales.dashboard(looks.pool, seller, after, limit), f"the seller '{seller}'")


@looking.get("/v1/accounts/{account}", summary="Look at one account of the ledger.")
async def account(
    request: Request, asker: Asker, account: Name, after: After = None, limit: Limit = LIMIT
) -> Look[ledger.Account]:
    """Its balances and entries. Accounts are `escrow`, `fees`, `buyer:ann`, `seller:sam` and the like."""
    scope, _, agent = account.partition(":")
    must_be(asker, scope, agent)
    looks = looks_of(request)
    return looks.show(await ledger.account(looks.pool, account, after, limit), f"the account '{account}'")


@looking.get("/v1/agents/{stream}", summary="List the agents of a stream.")
async def agents_of(
    request: Request, asker: Asker, stream: Name, prefix: Text = "", after: After = None, limit: Limit = LIMIT
) -> Look[Page[agents.Agent]]:
    """Those whose id begins with `prefix`; all of them without it."""
    must_operate(asker)
    looks = looks_of(request)
    return looks.show(await agents.of_stream(looks.pool, stream, prefix, after, limit), "")


@looking.get("/v1/agents/{stream}/{agent}", summary="Look at one agent.")
async def agent(request: Request, asker: Asker, stream: Name, agent: Name) -> Look[states.AgentShown]:
    """What it was told last, and its state as far as events tell."""
    must_be(asker, stream.removesuffix("s"), agent)
    looks = looks_of(request)
    return looks.show(await states.shown(looks.pool, stream, agent), f"the agent '{agent}' of '{stream}'")


@looking.get("/v1/parked", summary="List the agents whose turn has failed.")
async def parked_agents(
    request: Request, asker: Asker, after: After = None, limit: Limit = LIMIT
) -> Look[Page[parked.Failure]]:
    """They wait until their events are redriven or skipped."""
    must_operate(asker)
    looks = looks_of(request)
    return looks.show(await parked.failures(looks.pool, after=after, limit=limit), "")


@looking.get("/v1/audit", summary="Check that the views add up.")
async def checks(request: Request, asker: Asker) -> Look[tuple[audit.Check, ...]]:
    """What must be, and by how much it is not: every difference should be 0.

    It looks at every order there has been, so it is taken for a twentieth of the time at most: `fresh` says how old
    the answer is. One that took a second is told again for twenty.
    """
    must_operate(asker)
    auditor: Auditor[Look[tuple[audit.Check, ...]]] = request.app.state.auditor
    return await auditor.latest()
