"""What one paid checkout leaves behind in databases and topics, multiplied under ever new names.

The checkout is traded in the in-memory world, so its states and events are the real ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from agora.discovery import services, streams
from agora.envelope import read_envelope
from agora.ports import Commit, Move, OutboxRow, PartitionRow, StoredAgent
from agora.world import World
from bench.checkouts import LINES, PRODUCTS_PER_SELLER, checkouts, setup_commands
from bench.scratch import PARTITIONS

PATIENCE: Final = timedelta(seconds=1)  # parcels stay on their way
WRITES: Final = {"transaction": 5, "fulfilment": 5, "buyer": 3, "product": 2, "risk": 2, "concierge": 1}
"""How often a checkout changes each agent's state until its parcels are on their way; its sellers' states stay."""
CHECKOUTS_PER_COMMIT: Final = 25
"""Of twenty turns each: five hundred turns, as a busy service commits at once."""
KNOWN_AGENTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One checkout: its transaction, the events it leads to, and an agent's state for each time it is written."""

    transaction: str
    events: tuple[OutboxRow, ...]
    writes: tuple[StoredAgent, ...]


async def one_checkout() -> Sample:
    """Trade one checkout until its parcels are on their way."""
    world = World(services())
    world.tell(*setup_commands(1, LINES * PRODUCTS_PER_SELLER))
    await world.run(PATIENCE)
    before = {event[1:] for event in _events(world)}
    (order,) = checkouts(0, 1, 1, LINES * PRODUCTS_PER_SELLER)
    world.tell(order)
    await world.run(PATIENCE)
    events = tuple(event for event in _events(world) if event[1:] not in before)
    concerned = {event.subject for event in events}
    writes = (
        agent
        for name, times in WRITES.items()
        for agent in world.houses[name].store.agents.values()
        for _ in range(times)
        if agent.subject in concerned
    )
    return Sample(order.order, events, tuple(writes))


def _events(world: World) -> list[OutboxRow]:
    """Everything the services have said so far."""
    return [
        OutboxRow(0, 0, stream, record.key.decode(), record.value)
        for stream in streams()
        for records in world.log.stream(stream)
        for record in records
        if record.key and record.value and read_envelope(record.value).source != "door"
    ]


class Commits:
    """Turn batches without turns: the writes and events of 25 checkouts each, spread over all partitions.

    Buyers, products and sellers come back; a transaction is new, and written in as many commits as it has turns.
    """

    def __init__(self, sample: Sample) -> None:
        self._sample = sample
        self._made = 0
        heard = {f"{name}-{number}": 0 for name in ("buyer", "product", "seller") for number in range(PARTITIONS)}
        counts = {f"heard {event}": 0 for event in ("OrderPlaced.v1", "StockReserved.v1", "FundsHeld.v1")}
        self._rows = [PartitionRow(number, 0, 0, 0, heard, counts) for number in range(PARTITIONS)]

    def next(self) -> Commit:
        """Make the next commit."""
        outbox = self._outbox()
        sequences = {row.partition: row.sequence for row in outbox}
        moves = [Move(row, _moved(row, sequences)) for row in self._rows]
        commit = Commit(moves=moves, agents=self._agents(), outbox=outbox)
        self._rows = [move.after for move in moves]
        self._made += 1
        return commit

    def _agents(self) -> list[StoredAgent]:
        writes = self._sample.writes * CHECKOUTS_PER_COMMIT
        generation = self._made // WRITES["transaction"] * len(writes)
        first = self._made * len(writes)
        return [
            StoredAgent(self._named(subject, generation + place, first + place), state)
            for place, (subject, state, _) in enumerate(writes)
        ]

    def _outbox(self) -> list[OutboxRow]:
        events = self._sample.events
        sequences = [row.sequence for row in self._rows]
        rows: list[OutboxRow] = []
        for place in range(len(events) * CHECKOUTS_PER_COMMIT):
            _, _, stream, subject, value = events[place % len(events)]
            checkout = self._made * CHECKOUTS_PER_COMMIT + place // len(events)
            partition = checkout % PARTITIONS
            sequences[partition] += 1
            rows.append(
                OutboxRow(partition, sequences[partition], stream, self._named(subject, checkout, checkout), value)
            )
        return rows

    def _named(self, subject: str, fresh: int, known: int) -> str:
        return f"{subject}-{fresh if subject == self._sample.transaction else known % KNOWN_AGENTS}"


def _moved(row: PartitionRow, sequences: Mapping[int, int]) -> PartitionRow:
    sequence = sequences.get(row.partition, row.sequence)
    return row._replace(next_offset=row.next_offset + sequence - row.sequence, sequence=sequence)
