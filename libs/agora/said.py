"""What one partition of a service has said, as the log tells it: the memory of a database that was restored."""

from collections import Counter
from hashlib import blake2b
from typing import Final

from agora.envelope import Envelope

SAID_EVENTS_MAX: Final = 20_000_000
"""How many events of one service are remembered at once, at about a fifth of a kilobyte each."""


class TooMuchSaid(Exception):
    """More was said since the backup than is remembered at once."""


class Said:
    """The events of one source whose numbers are above ``after``, each once, however often it was published.

    What a turn says follows from the log, but not its number: reminders and outcomes come in between as time and the
    outside world will have it. So an event is known by its cause, its type and whom it was told.
    """

    def __init__(self, stream: str, after: int) -> None:
        """``stream`` is the one the service hears: its reminders and outcomes are told there."""
        self.highest = after
        self._stream = stream
        self._after = after
        self._numbers: set[int] = set()
        self._events: Counter[int] = Counter()
        self._to_itself: Counter[int] = Counter()

    def hear(self, stream: str, envelope: Envelope, number: int) -> bool:
        """Remember one event of the log; false if it was known, or is in the backup."""
        if number <= self._after or number in self._numbers:
            return False
        self._numbers.add(number)
        self.highest = max(self.highest, number)
        self._events[_digest(envelope.causationid, envelope.type, stream, envelope.subject)] += 1
        if stream == self._stream:
            self._to_itself[_digest(envelope.causationid, envelope.subject)] += 1
        return True

    def take(self, causation: str, wire_name: str, stream: str, subject: str) -> bool:
        """Whether this was said; as often as it was, and no more."""
        event = _digest(causation, wire_name, stream, subject)
        if not self._events[event]:
            return False
        self._events[event] -= 1
        if stream == self._stream:
            self._to_itself[_digest(causation, subject)] -= 1
        return True

    def outcomes(self, causation: str, subject: str) -> int:
        """How much an agent was told, because of one turn of its own, that no turn and no reminder has said."""
        return self._to_itself[_digest(causation, subject)]


def _digest(*words: str) -> int:
    """Eight bytes that stand for some words; the words themselves would take a hundred times as many."""
    return int.from_bytes(blake2b("\x00".join(words).encode(), digest_size=8).digest(), "big")
