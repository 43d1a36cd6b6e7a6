"""Requests from outside and what became of them: the words of the door, without the door."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import StringConstraints

from agora.event import Event
from agora.wire import data_of

KEY_REUSED: Final = "the key was used for another request"


class Submitted(Event):
    """A request as it arrived: its key, the wire name of the command it means, and the command's JSON."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    kind: Annotated[str, StringConstraints(max_length=100)]
    body: Annotated[str, StringConstraints(max_length=400_000)]

    def fingerprint(self) -> str:
        """A digest of what is asked, to tell a repeated request from another one under the same key."""
        return blake2b(f"{self.kind} {self.body}".encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Unseen:
    """A key nobody has used yet."""

    status: Literal["unseen"] = "unseen"


@dataclass(frozen=True, slots=True)
class Answered:
    """What the first request under a key was and what became of it; ``refusal`` is ``None`` if it was let in."""

    kind: str
    fingerprint: str
    answered_at: datetime
    refusal: str | None = None
    status: Literal["answered"] = "answered"


Request: TypeAlias = Unseen | Answered


def asking(key: str, command: Event) -> Submitted:
    """A command as a request under a key."""
    return Submitted(key=key, kind=command.wire_name, body=data_of(command).decode())
