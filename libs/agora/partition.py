"""What one process holds in memory of a partition it owns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from agora.ports import PartitionRow

AGENTS_PER_PARTITION_MAX: Final = 1_024


class HistoryLost(Exception):
    """The log no longer holds what this partition has not heard yet. Going on would lose events silently."""


class Agent(NamedTuple):
    """An agent in memory: its state, and the ids of the last unnumbered events it heard."""

    state: Any
    recent: tuple[str, ...] = ()


class Agents:
    """The agents of one partition that were busy lately, at most ``limit``; the rest are passive, in the store.

    Two generations: what was not asked for during a whole generation is let go. A hit costs one dictionary look-up.
    """

    def __init__(self, limit: int = AGENTS_PER_PARTITION_MAX) -> None:
        self._half = max(1, limit // 2)
        self._young: dict[str, Agent] = {}
        self._old: dict[str, Agent] = {}

    def get(self, subject: str) -> Agent | None:
        """The agent, if it is in memory."""
        agent = self._young.get(subject)
        if agent is None:
            agent = self._old.get(subject)
            if agent is not None:
                self.put(subject, agent)
        return agent

    def put(self, subject: str, agent: Agent) -> None:
        """Keep the agent; the oldest generation goes when there are too many."""
        self._young[subject] = agent
        if len(self._young) > self._half:
            self._old = self._young
            self._young = {}

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())


@dataclass(slots=True)
class Partition:
    """A partition this process believes it owns: its committed row, its agents, and who is parked.

    ``acknowledged`` is the last sequence known to be in Kafka; the row's ``published`` follows it with the next commit.
    ``passed`` is the offset up to which there was nothing to hear: to write that down alone is not worth a commit, so
    it, too, goes with the next one.
    ``continuous`` is set once the log was seen to go on where the row left off.
    """

    row: PartitionRow
    agents: Agents
    parked: dict[str, int]
    acknowledged: int
    trimmed: int
    passed: int = 0
    continuous: bool = False

    @property
    def next_offset(self) -> int:
        """The next offset to hear, whether that is written down yet or not."""
        return max(self.row.next_offset, self.passed)

    @property
    def lags(self) -> bool:
        """Whether the row does not say yet what has been published or passed."""
        return self.acknowledged > self.row.published or self.passed > self.row.next_offset

    def draft(self) -> "Draft":
        """A working copy for one turn batch."""
        row = self.row
        return Draft(self, self.next_offset, row.sequence, dict(row.heard), dict(row.counts), dict(self.parked))

    def install(self, draft: "Draft", row: PartitionRow) -> None:
        """Take over what a committed turn batch became."""
        self.row = row
        self.parked = draft.parked
        for subject, agent in draft.agents.items():
            self.agents.put(subject, agent)


@dataclass(slots=True)
class Draft:
    """One partition within a turn batch; nothing here is true until the batch is committed."""

    partition: Partition
    next_offset: int
    sequence: int
    heard: dict[str, int]
    counts: dict[str, int]
    parked: dict[str, int]
    # Every agent this batch speaks to is held here: a cache may let go of one before its turn comes.
    agents: dict[str, Agent] = field(default_factory=dict[str, Agent])
    changed: set[str] = field(default_factory=set[str])

    def count(self, what: str) -> None:
        """Add one to a tally."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def row(self) -> PartitionRow:
        """The partition row this draft would leave behind."""
        before = self.partition.row
        counts: Mapping[str, int] = self.counts
        return PartitionRow(
            before.partition,
            self.next_offset,
            self.sequence,
            max(before.published, self.partition.acknowledged),
            self.heard,
            counts,
        )
