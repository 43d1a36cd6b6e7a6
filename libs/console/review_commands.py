"""The commands ``flagged``, ``clear`` and ``reject`` of a reviewer, and ``review`` and ``message`` of a buyer."""

from contextlib import suppress
from getpass import getuser
from typing import Annotated, Any, Final, TypeAlias
from uuid import uuid4

import typer

from agora.event import Event
from agora.requests import asking
from agora.settings import Settings
from console import reviews
from console import site as sites
from console.ask import ask, word
from console.cli import Json, run_command
from console.output import FAILED, Out, Waiting
from console.story_tree import clean
from market.messages import (
    LeaveReview,
    MessageRefused,
    MessageSent,
    ReviewLeft,
    ReviewRefused,
    SendMessage,
)
from market.streams import BUYERS
from market.transactions import ClearPayout, RejectPayout

NOBODY: Final = "cli"

Order: TypeAlias = Annotated[str, typer.Argument(metavar="ORDER", help="The order, such as 536365.")]
Buyer: TypeAlias = Annotated[str, typer.Argument(metavar="BUYER", help="The buyer, such as 17850.")]
Words: TypeAlias = Annotated[str, typer.Argument(metavar="TEXT", help="What the buyer writes.")]


def _user() -> str:
    """Whoever is at the keyboard; in a container that may be nobody with a name."""
    with suppress(KeyError, OSError, ImportError):
        return getuser()
    return NOBODY


Reviewer: TypeAlias = Annotated[
    str,
    typer.Option(
        "--reviewer", default_factory=_user, show_default=False, help="Who says so; by default whoever is logged in."
    ),
]


def flagged(*, as_json: Json = False) -> None:
    """List payouts that are held because the payment was flagged, with score and reasons."""

    async def work(settings: Settings, out: Out) -> int:
        held = await reviews.flagged(sites.locate(settings), Waiting(out))
        out.result({"flagged": held}, lambda console: reviews.show_flagged(held, console))
        return 0

    run_command(work, as_json=as_json)


def clear(order: Order, reviewer: Reviewer, *, as_json: Json = False) -> None:
    """Let a held payout go its way; fail if it is not held."""

    async def work(settings: Settings, out: Out) -> int:
        verdict = word(ClearPayout, transaction=order, reviewer=reviewer)
        return _tell(await reviews.judge(sites.locate(settings), verdict, Waiting(out)), out)

    run_command(work, as_json=as_json)


def reject(
    order: Order,
    reason: Annotated[str, typer.Option("--reason", help="Why; the buyer hears it.")],
    reviewer: Reviewer,
    *,
    as_json: Json = False,
) -> None:
    """Undo an order whose payout is held, and give the buyer everything back; fail if it is not held."""

    async def work(settings: Settings, out: Out) -> int:
        verdict = word(RejectPayout, transaction=order, reviewer=reviewer, reason=reason)
        return _tell(await reviews.judge(sites.locate(settings), verdict, Waiting(out)), out)

    run_command(work, as_json=as_json)


def review(
    buyer: Buyer,
    order: Order,
    text: Words,
    rating: Annotated[int, typer.Option("--rating", help="Stars, from 1 for the worst to 5.")],
    *,
    as_json: Json = False,
) -> None:
    """Say, as a buyer, how an order was; fail if the review is refused."""

    async def work(settings: Settings, out: Out) -> int:
        said = word(LeaveReview, buyer=buyer, transaction=order, rating=rating, text=text)
        return await _say(said, (ReviewLeft, ReviewRefused), settings, out)

    run_command(work, as_json=as_json)


def message(buyer: Buyer, text: Words, *, as_json: Json = False) -> None:
    """Write to the marketplace as a buyer; fail if the message is refused."""

    async def work(settings: Settings, out: Out) -> int:
        said = word(SendMessage, buyer=buyer, text=text)
        return await _say(said, (MessageSent, MessageRefused), settings, out)

    run_command(work, as_json=as_json)


async def _say(command: Event, outcomes: tuple[type[Event], ...], settings: Settings, out: Out) -> int:
    """Say it once more if it is said again: a buyer may write the same words twice."""
    request = asking(f"{command.wire_name}-{uuid4().hex}", command)
    return _tell(await ask(sites.locate(settings), request, BUYERS, outcomes, Waiting(out)), out)


def _tell(outcome: Event, out: Out) -> int:
    """Say what came of it; a refusal is a failure."""
    name = type(outcome).__name__
    facts: dict[str, Any] = outcome.model_dump(mode="json")
    words = ", ".join(f"{field} {clean(str(value))}" for field, value in facts.items())
    out.result(
        {"outcome": name, **facts}, lambda console: console.print(f"{name}: {words}", markup=False, soft_wrap=True)
    )
    return FAILED if name.endswith("Refused") else 0
