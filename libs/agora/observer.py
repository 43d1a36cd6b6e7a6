"""Who may look on while an engine works."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from agora.ports import Commit, Record


class Observer:
    """Is told once per commit and once per turn batch, never per event. This one looks away."""

    def committing(self, commit: Commit) -> AbstractContextManager[None]:
        """Around a commit of turns or outcomes while it is made; it fails by raising."""
        del commit
        return nullcontext()

    def taken(self, records: Sequence[Record]) -> None:
        """The turns of these records are committed; they stand partition by partition, each in order."""

    def passed(self, records: Sequence[Record]) -> None:
        """There was nothing to hear in these records, which stand in the same way."""
