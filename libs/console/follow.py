"""Follows what becomes of orders, by listening to the market's streams like any other listener."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from agora.envelope import Envelope, Undecodable, envelope_of
from agora.ports import Record
from agora.versions import split
from console.site import Site
from market.buyers import OrderRefused
from market.streams import BUYERS, TRANSACTIONS
from market.transactions import OrderPlaced, PaymentSucceeded, TransactionCancelled, TransactionSettled

RETRY_SECONDS: Final = 1.0
POLL_MS: Final = 200

End = Literal["settled", "refused"]


class _Told(msgspec.Struct):
    """What the events followed here say of an order, under either of its names."""

    transaction: str = ""
    order: str = ""
    reason: str = ""


@dataclass(slots=True)
class Fate:
    """What has become of one order so far. Times are seconds since 1970, 0 while it has not happened.

    One that was ``turned_away`` at the door has no part in what is said under its id, which is another order's.
    """

    submitted_at: float = 0.0
    placed: bool = False
    paid_at: float = 0.0
    end: End | None = None
    reason: str = ""
    turned_away: bool = False


@dataclass(slots=True)
class Tally:
    """How many of the followed orders have come how far; ``latencies`` are seconds from submission to payment."""

    placed: int = 0
    paid: int = 0
    settled: int = 0
    refused: int = 0
    latencies: list[float] = field(default_factory=list[float])

    @property
    def ended(self) -> int:
        """Orders with a final outcome."""
        return self.settled + self.refused


_NAMES: Final = frozenset(
    event.__name__ for event in (OrderPlaced, OrderRefused, PaymentSucceeded, TransactionSettled, TransactionCancelled)
)
_told: Final = msgspec.json.Decoder(_Told)


class Follower:
    """Listens to buyers and transactions, from now on or, ``from_start``, from the first event on."""

    def __init__(self, site: Site, orders: Iterable[str], waiting: Callable[[str], None], *, from_start: bool) -> None:
        self.fates = {order: Fate() for order in orders}
        self.changed = asyncio.Event()
        self.tally = Tally()
        self._site = site
        self._waiting = waiting
        self._from_start = from_start
        self._consumer: AIOKafkaConsumer | None = None
        self._positions: dict[TopicPartition, int] = {}
        self._loop: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._await_consumer()
        self._loop = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        await self._drop()

    def turn_away(self, order: str, reason: str) -> None:
        """The door did not let it in."""
        was = self.fates[order]
        self.tally.placed -= was.placed
        self.tally.paid -= was.paid_at > 0
        self.tally.settled -= was.end == "settled"
        self.tally.refused += was.end != "refused"
        self.fates[order] = Fate(end="refused", reason=reason, turned_away=True)
        self.changed.set()

    def refuse(self, order: str, reason: str) -> None:
        """An order came to nothing, unless it has come to something before."""
        fate = self.fates[order]
        if fate.end is None:
            fate.end, fate.reason = "refused", reason
            self.tally.refused += 1
            self.changed.set()

    async def _listen(self) -> None:
        while True:
            try:
                consumer = self._consumer or await self._await_consumer()
                found = await consumer.getmany(timeout_ms=POLL_MS)
            except (KafkaError, OSError, TimeoutError) as error:
                self._waiting(f"Kafka: {type(error).__name__}")
                await self._drop()
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for at, records in found.items():
                for record in records:
                    self.hear(record)
                self._positions[at] = records[-1].offset + 1
            if found:
                self.changed.set()

    def hear(self, record: Record) -> None:
        """Note what a record says of an order that is followed."""
        try:
            envelope = envelope_of(record)
            name, _ = split(envelope.type)
            if name in _NAMES:
                self._note(name, envelope, record.timestamp / 1000)
        except (Undecodable, msgspec.MsgspecError):
            return  # a foreign record; the services keep it as a dead letter

    def _note(self, name: str, envelope: Envelope, at: float) -> None:
        told = _told.decode(envelope.data)
        order = told.transaction or told.order
        fate = self.fates.get(order)
        if fate is None or fate.turned_away:
            return
        if name == OrderPlaced.__name__:
            self.tally.placed += not fate.placed
            fate.placed = True
        elif name == PaymentSucceeded.__name__:
            self._pay(fate, at)
        elif name == TransactionSettled.__name__:
            self._settle(fate)
        else:
            self.refuse(order, told.reason)

    def _pay(self, fate: Fate, at: float) -> None:
        if not fate.paid_at:
            fate.paid_at = at
            self.tally.paid += 1
            if 0 < fate.submitted_at < at:
                self.tally.latencies.append(at - fate.submitted_at)

    def _settle(self, fate: Fate) -> None:
        """Whatever was refused under this id, another time, does not undo it."""
        self.tally.settled += fate.end != "settled"
        self.tally.refused -= fate.end == "refused"
        fate.end, fate.reason = "settled", ""

    async def _await_consumer(self) -> AIOKafkaConsumer:
        while True:
            try:
                self._consumer = await self._consume()
            except (KafkaError, OSError, TimeoutError) as error:
                self._waiting(f"Kafka: {type(error).__name__}")
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return self._consumer

    async def _consume(self) -> AIOKafkaConsumer:
        """Begin, or go on where listening broke off."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._site.kafka, enable_auto_commit=False)
        try:
            await consumer.start()
            partitions = [
                TopicPartition(self._site.namespace + stream.name, number)
                for stream in (BUYERS, TRANSACTIONS)
                for number in range(self._site.partitions)
            ]
            consumer.assign(partitions)
            if not self._positions:
                find = consumer.beginning_offsets if self._from_start else consumer.end_offsets
                self._positions = dict(await find(partitions))
            for at, offset in self._positions.items():
                consumer.seek(at, offset)
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def _drop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await consumer.stop()
