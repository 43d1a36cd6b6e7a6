"""Events of the runtime itself: a failed turn, and an operator's word on parked agents."""

from typing import Annotated, Final

from pydantic import StringConstraints

from agora.envelope import ID_CHARS_MAX
from agora.event import Event, Stream, Subject

ERRORS: Final = Stream("errors")

Text = Annotated[str, StringConstraints(max_length=2_000)]


class ErrorOccurred(Event):
    """A turn failed and its agent is parked, or an activity has ended without an outcome."""

    service: Text
    agent: Text
    cause_type: Text
    cause: Text
    error: Text

    def concerns(self) -> tuple[Subject]:
        return (ERRORS(f"{self.service}/{self.agent}"[:ID_CHARS_MAX]),)


class RedriveParked(Event):
    """Take an agent's parked events again, in order."""

    service: Text
    stream: Text
    agent: Text

    def concerns(self) -> tuple[Subject]:
        return (Stream(self.stream)(self.agent),)


class SkipParked(Event):
    """Drop the first of an agent's parked events into the dead letters."""

    service: Text
    stream: Text
    agent: Text

    def concerns(self) -> tuple[Subject]:
        return (Stream(self.stream)(self.agent),)


EVENTS: Final[tuple[type[Event], ...]] = (ErrorOccurred, RedriveParked, SkipParked)
