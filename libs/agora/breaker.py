"""A circuit breaker: whoever does not answer is left alone for a while, and then tried with one call."""

from datetime import datetime, timedelta
from typing import Final

from agora.ports import Clock

FAILURES_IN_A_ROW_MAX: Final = 5
COOL_DOWN_SECONDS: Final = 10.0


class Breaker:
    """Closed, it admits every call. After so many failures in a row it is open and admits none for the cool-down.

    Then it admits one call, the probe: an answer closes it, a failure opens it again.
    """

    def __init__(
        self, clock: Clock, failures_max: int = FAILURES_IN_A_ROW_MAX, cool_down_seconds: float = COOL_DOWN_SECONDS
    ) -> None:
        self._clock = clock
        self._failures_max = failures_max
        self._cool_down = timedelta(seconds=cool_down_seconds)
        self._failures = 0
        self.is_probing = False
        self.opened_until: datetime | None = None
        """When the next probe may be made; ``None`` while closed."""

    def admits(self) -> bool:
        """Whether a call may begin now."""
        if self.opened_until is None:
            return True
        return not self.is_probing and self._clock.now() >= self.opened_until

    def begin(self) -> None:
        """A call that was admitted begins."""
        self.is_probing = self.opened_until is not None

    def answered(self) -> None:
        """The other side has answered, be it with a refusal."""
        self._failures = 0
        self.is_probing = False
        self.opened_until = None

    def failed(self) -> None:
        """A call has ended without an answer."""
        self._failures += 1
        if self._failures >= self._failures_max:
            self.is_probing = False
            self.opened_until = self._clock.now() + self._cool_down
