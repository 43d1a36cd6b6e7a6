"""A tiny service that rings somebody outside, as a source tree, and whom it rings."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

NAME: Final = "ringer"
CALLERS: Final = "callers"

_APP: Final = """
import asyncio
import os
from dataclasses import dataclass
from typing import Literal

from agora.activity import Activity, Task
from agora.decision import Perform, become
from agora.event import Event, Stream
from agora.service import Service

CALLERS = Stream("callers")


class AboutCaller(Event):
    caller: str

    def concerns(self):
        return (CALLERS(self.caller),)


class Asked(AboutCaller):
    pass


class Answered(AboutCaller):
    answer: str


class Ring(Task):
    caller: str


@dataclass(frozen=True, slots=True)
class Memory:
    answers: tuple[str, ...] = ()
    status: Literal["ringing"] = "ringing"


def decide(state, event, now):
    if isinstance(event, Asked):
        return become(state, activities=(Perform("ring", Ring(caller=event.caller)),))
    return become(Memory((*state.answers, event.answer)))


async def ring(task, call):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(os.environ["OUTSIDE_PORT"]))
    writer.write(call.key.encode() + b"\\n")
    answer = await reader.readuntil(b"\\n")
    writer.close()
    return Answered(caller=task.caller, answer=answer.decode().strip())


def failed(task, reason):
    return Answered(caller=task.caller, answer=reason)


service = Service(
    "ringer", CALLERS, Memory, Memory(), (Asked, Answered), (), decide, (Asked, Answered),
    activities=(Activity(Ring, "outside", ring, failed),),
)
"""
_MIGRATION: Final = """
from agora.migrations import runtime_role
from agora.schema import create_runtime_tables

revision = "0001"
down_revision = None


def upgrade():
    create_runtime_tables(runtime_role())
"""


@dataclass
class Ringing:
    """The other side: rung under a key, it answers once it is willing to."""

    keys: list[str] = field(default_factory=list[str])
    rung: asyncio.Event = field(default_factory=asyncio.Event)
    willing: asyncio.Event = field(default_factory=asyncio.Event)

    async def ring(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.keys.append((await reader.readuntil(b"\n")).decode().strip())
        self.rung.set()
        await self.willing.wait()
        writer.write(b"hello\n")
        writer.close()


def lay_out(root: Path) -> None:
    """Write the source tree."""
    folder = root / "services" / NAME
    (folder / "migrations").mkdir(parents=True)
    (folder / "migrations" / "0001_nothing_of_its_own.py").write_text(_MIGRATION)
    (folder / "app.py").write_text(_APP)
    for package in (folder, folder.parent):
        (package / "__init__.py").touch()
