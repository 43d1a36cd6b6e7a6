"""``agora trade --url … --orders N``: new orders at a market that trades already, as often as one likes."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from console import http_errands
from console.figures import Comparison
from console.follow import Fates
from console.output import Out
from console.reach import Reach
from console.report import Report
from console.trade import Review, Terms, Traded
from console.trial import faults, trial_book
from tests.console.commands import agora
from tests.gateway.conftest import OPERATOR, Gateway, gateway

__all__ = ["gateway"]

NOW = datetime(2030, 1, 1, tzinfo=UTC)


async def tried(gateway: Gateway, *options: str, orders: int = 3) -> tuple[int, Any, list[str]]:
    """Try the market; the exit code, the result, and what was said."""
    arguments = ("trade", "--url", gateway.url, "--orders", str(orders), "--json", *options)
    async with agora(*arguments, AGORA_KEY=OPERATOR) as trial:
        code, output = await trial.ended()
    return code, json.loads(output), trial.said


async def test_new_orders_are_settled_every_time(gateway: Gateway) -> None:
    for _ in range(2):
        code, found, said = await tried(gateway)
        assert code == 0, said
        assert (found["orders"]["settled"], found["orders"]["repeated"]) == (3, 0)


async def test_two_who_try_at_once_do_not_get_in_each_others_way(gateway: Gateway) -> None:
    assert (await tried(gateway))[0] == 0  # everything is listed
    for code, found, said in await asyncio.gather(tried(gateway), tried(gateway)):
        assert code == 0, said
        assert (found["orders"]["settled"], found["orders"]["repeated"]) == (3, 0)


async def test_orders_that_the_market_refuses_for_a_reason_are_well(gateway: Gateway) -> None:
    code, found, _ = await tried(gateway, "--stock-factor", "0")
    assert code == 0
    assert (found["orders"]["settled"], found["refusals"]) == (0, {"out of stock": 3})


async def test_an_order_that_does_not_end_is_named_and_fails(gateway: Gateway) -> None:
    reach, out = Reach(key=SecretStr(OPERATOR)), Out(as_json=True)
    terms = Terms(in_flight=1, review=Review.LEAVE)
    codes = [0]
    while not codes[-1] and len(codes) < 30:  # so many orders of one buyer in a minute are suspicious
        codes.append(await http_errands.run_trial(1, terms, reach, gateway.url, out))
    assert codes[-1] == 1


async def test_without_a_gateway_it_says_so() -> None:
    async with agora("trade", "--orders", "1") as trial:
        code, _ = await trial.ended()
    assert code == 1
    assert "--url" in trial.said[-1]


def test_no_two_trials_have_an_order_in_common_and_all_have_the_same_products() -> None:
    one, other = trial_book(50, "a", NOW), trial_book(50, "b", NOW)
    assert not {order.id for order in one.orders} & {order.id for order in other.orders}
    assert one.products.keys() == other.products.keys()
    assert {order.ordered_at for order in one.orders} == {NOW}


def test_what_went_wrong_is_said_of_each_order() -> None:
    book = trial_book(5, "x", NOW)
    away, held, silent, refused, settled = (order.id for order in book.orders)
    fates = Fates((away, held, silent, refused, settled))
    fates.turn_away(away, "the key was used for another request")
    for order, name, reason in (
        (held, "PayoutHeld", ""),
        (silent, "OrderPlaced", ""),
        (refused, "TransactionCancelled", "out of stock"),
        (settled, "TransactionSettled", ""),
    ):
        fates.note(name, json.dumps({"transaction": order, "reason": reason}).encode(), 1.0)
    report = Report(book, Traded(fates.fates, 0, None, 1.0, ()), Comparison(0, 0, {"units": 2, "buyers": 0}), 1.0)
    assert faults(report) == [
        f"order {away}: the gateway turned it away: the key was used for another request",
        f"order {held}: its payout is held, and nobody has spoken",
        f"order {silent}: nothing more is heard of it; it was placed",
        "the views differ from the events in units by 2",
    ]


def test_of_many_faults_some_are_told_and_the_others_counted() -> None:
    book = trial_book(30, "x", NOW)
    report = Report(
        book, Traded(Fates(order.id for order in book.orders).fates, 0, None, 1.0, ()), Comparison(0, 0, {}), 1
    )
    assert faults(report)[10:] == ["and 20 orders more"]
