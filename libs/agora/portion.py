"""What views write in one commit, as values: how far each has come, what it shows of it, and what it cannot."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, TypeAlias

from agora.changes import Folded
from agora.view import Change

Place: TypeAlias = tuple[str, int]
"""A stream and one of its partitions."""


class Position(NamedTuple):
    """How far a view has come in one partition; ``heard`` is the last number of each source."""

    next_offset: int
    shown_at: datetime | None
    heard: Mapping[str, int]


class Move(NamedTuple):
    """One partition's way in a portion: from ``before`` to ``after``; ``heard`` are the sources that were heard."""

    view: str
    version: int
    stream: str
    partition: int
    before: int
    after: int
    shown_at: datetime
    heard: Mapping[str, int]


class Shown(NamedTuple):
    """What one event changes in a view."""

    view: str
    stream: str
    partition: int
    offset: int
    changes: Sequence[Change]


class Fault(NamedTuple):
    """An event that a view could not show, and why."""

    view: str
    stream: str
    partition: int
    offset: int
    reason: str


class Portion(NamedTuple):
    """What one poll changes: ``folded`` is all of ``shown`` together."""

    moves: list[Move]
    shown: list[Shown]
    folded: Folded
    faults: list[Fault]
