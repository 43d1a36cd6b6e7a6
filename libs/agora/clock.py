"""The wall clock."""

from datetime import UTC, datetime


class WallClock:
    """The time of day of this machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)
