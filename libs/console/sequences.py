"""Every event has a number from its source; here the log is held against what the sources say they have given."""

from collections.abc import Mapping


class _Source:
    """Which of the numbers 1 to ``last`` have been seen, one bit each."""

    def __init__(self, last: int) -> None:
        self.last = last
        self.seen = 0
        self.highest = 0
        self._bits = bytearray(last // 8 + 1)

    def first(self, number: int) -> bool:
        place, bit = number >> 3, 1 << (number & 7)
        if self._bits[place] & bit:
            return False
        self._bits[place] |= bit
        self.seen += 1
        self.highest = max(self.highest, number)
        return True


class Sequences:
    """Tells an event from its repetitions, and counts what is missing, too much or out of order.

    ``given`` holds the last number of each source's outbox. Numbers of any other source count as its listeners take
    them: what is not above the last one heard is a repetition. What has no number is known by its id.
    """

    def __init__(self, given: Mapping[str, int]) -> None:
        self._sources = {name: _Source(last) for name, last in given.items()}
        self._last = dict[tuple[str, int, str], int]()
        self._ids = set[tuple[str, str, str, str]]()
        self._overtaken = 0
        self._invented = 0

    def first(self, stream: str, partition: int, source: str, number: int) -> bool:
        """Tell whether a numbered event is heard for the first time."""
        place = (stream, partition, source)
        before = self._last.get(place, 0)
        if number > before:
            self._last[place] = number
        known = self._sources.get(source)
        if known is None:
            return number > before
        if number > known.last:
            self._invented += number > before
            return number > before
        if not known.first(number):
            return False
        # Whoever listens here takes a number below the last one for a repetition, and the event is lost on it.
        self._overtaken += number < before
        return True

    def first_of_id(self, stream: str, subject: str, source: str, identity: str) -> bool:
        """Tell whether an event without a number is heard for the first time by its subject."""
        key = (stream, subject, source, identity)
        if key in self._ids:
            return False
        self._ids.add(key)
        return True

    def checks(self) -> dict[str, int]:
        """Count the numbers that are not as they should be."""
        sources = self._sources.values()
        return {
            "gaps in the log": sum(source.highest - source.seen for source in sources),
            "events at the end of an outbox that are not in the log": sum(
                source.last - source.highest for source in sources
            ),
            "events in the log that no outbox holds": self._invented,
            "events in the log overtaken by later ones of their source": self._overtaken,
        }
