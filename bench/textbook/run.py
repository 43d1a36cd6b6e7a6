"""Measures the textbook way, with databases, topics and processes of its own.

Where the two ways cannot be alike the textbook has it easier: commands go straight to its topics, through no door, and
its rate is taken under steady load, without the checkouts that begin and end a run.
"""

import asyncio
from collections.abc import Iterable
from itertools import islice
from time import perf_counter
from typing import Final

from faststream.kafka import KafkaBroker

from agora.event import Event
from bench.checkouts import LINES, setup_commands
from bench.checkouts import checkouts as orders_of
from bench.textbook.message import messages
from bench.textbook.relay import HEADERS
from bench.textbook.stack import Stack, running
from market.buyers import RegisterBuyer
from market.products import ProductListed
from market.sellers import ListProduct
from market.transactions import PaymentSucceeded

SEED: Final = 7
ORDERS_MAX: Final = 1_000_000
POLL_SECONDS: Final = 0.1
STALL_SECONDS_MAX: Final = 60
HEARD_PAID: Final = {"buyer": 1, "product": LINES, "seller": LINES}
"""How many agents of a service hear of one payment."""


async def run(bootstrap: str, admin_url: str, *, checkouts: int, in_flight: int) -> float:
    """Checkouts paid per second while ``in_flight`` are under way; ``checkouts`` are counted, after a warm-up."""
    async with running(bootstrap, admin_url) as stack, KafkaBroker(bootstrap, acks="all", logger=None) as broker:
        await _set_up(stack, broker)
        return await _closed_loop(stack, broker, checkouts, in_flight)


async def _set_up(stack: Stack, broker: KafkaBroker) -> None:
    """Register everyone, and wait until every product is on sale and every buyer known."""
    commands = setup_commands()
    await _tell(stack, broker, commands)
    wanted = sum(isinstance(command, ListProduct | RegisterBuyer) for command in commands)
    stall = _Stall()
    while True:
        if stall.seen(await _known(stack)) >= wanted:
            return
        await asyncio.sleep(POLL_SECONDS)


async def _known(stack: Stack) -> int:
    return await stack.processed("product", ProductListed) + await stack.processed("buyer", RegisterBuyer)


async def _closed_loop(stack: Stack, broker: KafkaBroker, count: int, in_flight: int) -> float:
    orders = orders_of(SEED, ORDERS_MAX)
    sent, begun, stall = 0, None, _Stall()
    while True:
        paid, now = stall.seen(await _paid(stack)), perf_counter()
        if begun is None and paid >= in_flight:
            begun = (now, paid)
        if begun is not None and paid >= begun[1] + count:
            return (paid - begun[1]) / (now - begun[0])
        await _tell(stack, broker, islice(orders, in_flight - (sent - paid)))
        sent = paid + in_flight
        await asyncio.sleep(POLL_SECONDS)


async def _paid(stack: Stack) -> int:
    """How many checkouts' payments every service that hears of them has committed."""
    heard = [await stack.processed(name, PaymentSucceeded) // agents for name, agents in HEARD_PAID.items()]
    return min(heard)


async def _tell(stack: Stack, broker: KafkaBroker, events: Iterable[Event]) -> None:
    for event in events:
        for topic, message in messages(event, correlation_id="bench", causation_id="bench"):
            value = message.model_dump_json().encode()
            key = message.subject.encode()
            await broker.publish(value, topic=stack.prefix + topic, key=key, headers=HEADERS, no_confirm=True)


class _Stall:
    """Raises when a number has not grown for too long."""

    def __init__(self) -> None:
        self._last = (perf_counter(), -1)

    def seen(self, number: int) -> int:
        now = perf_counter()
        if number > self._last[1]:
            self._last = (now, number)
        if now - self._last[0] > STALL_SECONDS_MAX:
            raise RuntimeError(f"the textbook stack stands still at {number} for {STALL_SECONDS_MAX} s")
        return number
