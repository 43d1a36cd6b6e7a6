"""Questions weighed against their answers, each answered exactly once."""

from collections import Counter
from typing import Generic, TypeVar

K = TypeVar("K")


class Balance(Generic[K]):
    """Counts what was asked under a key against what was answered, in any order; what evens out is forgotten."""

    def __init__(self) -> None:
        self._left = Counter[K]()

    def asked(self, key: K) -> None:
        """Note a question."""
        self._add(key, 1)

    def answered(self, key: K) -> None:
        """Note an answer."""
        self._add(key, -1)

    @property
    def uneven(self) -> int:
        """How many keys have other than one answer to each question."""
        return len(self._left)

    def _add(self, key: K, change: int) -> None:
        self._left[key] += change
        if not self._left[key]:
            del self._left[key]
