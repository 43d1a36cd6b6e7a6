"""Failed turns, and what operators said of them since.

What is parked now only its service knows: a redrive that fails says so as another failure, one that succeeds says
nothing, and nothing tells how many events wait behind the first. An activity that ends without an outcome is a failure
too, though it parks nobody.
"""

from collections.abc import Iterable
from typing import Final

from agora.control import ERRORS, ErrorOccurred, RedriveParked, SkipParked
from agora.decision import Append
from agora.view import Told, View
from services.gateway.views.parked.rows import Failure, OperatorWord
from services.gateway.views.streams import AGENTS


def show(told: Told) -> Iterable[Append]:
    """Keep a failure, or an operator's word."""
    match told.event:
        case ErrorOccurred() as event:
            yield Append(_failure(event, told))
        case RedriveParked() as event:
            yield Append(_word(event, told, "redrive"))
        case SkipParked() as event:
            yield Append(_word(event, told, "skip"))
        case _:
            return


def _failure(event: ErrorOccurred, told: Told) -> Failure:
    return Failure(
        partition=told.partition,
        log_offset=told.offset,
        service=event.service,
        agent=event.agent,
        cause_type=event.cause_type,
        cause=event.cause,
        error=event.error,
        story=told.correlation,
        failed_at=told.at,
    )


def _word(event: RedriveParked | SkipParked, told: Told, word: str) -> OperatorWord:
    return OperatorWord(
        stream=told.stream,
        partition=told.partition,
        log_offset=told.offset,
        service=event.service,
        agent=event.agent,
        word=word,
        said_at=told.at,
    )


VIEW: Final = View(
    name="parked",
    hears={ERRORS: (ErrorOccurred,), **dict.fromkeys(AGENTS, (RedriveParked, SkipParked))},
    show=show,
    rows=(Failure, OperatorWord),
)
