"""The gateway lets a request in once: its Idempotency-Key is the agent, so the same key never acts twice."""

from datetime import datetime
from typing import Final, TypeAlias

from pydantic import ValidationError

from agora.control import RedriveParked, SkipParked
from agora.decision import NOTHING, Decision, become, publish
from agora.event import Event, fault_of
from agora.requests import KEY_REUSED, Answered, Request, Submitted, Unseen
from agora.versions import openers
from market.catalogue import COMMANDS
from market.ids import RequestId
from market.requests import RequestRefused
from market.streams import ALL

Consumes: TypeAlias = Submitted
Publishes: Final[tuple[type[Event], ...]] = (*COMMANDS, RedriveParked, SkipParked, RequestRefused)

_commands: Final = openers((*COMMANDS, RedriveParked, SkipParked))


def decide(state: Request, event: Submitted, now: datetime) -> Decision[Request]:
    """Publish a new request; stay silent when it comes again; refuse another under the same key."""
    fingerprint = event.fingerprint()
    if isinstance(state, Answered):
        return NOTHING if state.fingerprint == fingerprint else publish(_refused(event, KEY_REUSED))
    command = _read(event)
    if isinstance(command, str):
        return become(Answered(event.kind, fingerprint, now, command), _refused(event, command))
    return become(Answered(event.kind, fingerprint, now), command)


def _read(event: Submitted) -> Event | str:
    """The command a request means, or why it means none."""
    command = _commands.get(event.kind)
    if command is None:
        return "unknown command"
    try:
        opened = command(event.body.encode())
    except ValidationError as error:
        return fault_of(error)[:100]
    # What is addressed to no stream could never be published, and nothing after it either.
    return opened if all(subject.stream in ALL for subject in opened.concerns()) else "unknown stream"


def _refused(event: Submitted, reason: str) -> RequestRefused:
    return RequestRefused(request=RequestId(event.key), kind=event.kind or "none", reason=reason)


INITIAL: Final = Unseen()
