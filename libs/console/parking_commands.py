"""The commands ``parked``, ``redrive`` and ``skip``."""

from typing import Annotated, TypeAlias

import typer

from agora.control import RedriveParked, SkipParked
from agora.settings import Settings
from console import operate, show
from console import site as sites
from console.cli import Json, run_command
from console.output import FAILED, Out, Waiting

Agent: TypeAlias = Annotated[str, typer.Argument(help="The agent: service/subject, such as transaction/536365.")]


def parked(*, as_json: Json = False) -> None:
    """List agents whose turn failed, with what waits behind the failure, and count dead letters."""

    async def work(settings: Settings, out: Out) -> int:
        values = await operate.parked(sites.locate(settings), Waiting(out))
        out.result(values, lambda console: show.parked(values, console))
        return 0

    run_command(work, as_json=as_json)


def redrive(agent: Agent, *, as_json: Json = False) -> None:
    """Take an agent's parked events again, in order; fail if one fails again."""

    async def work(settings: Settings, out: Out) -> int:
        values = await operate.speak(sites.locate(settings), agent, RedriveParked, Waiting(out))
        out.result(values, lambda console: show.word(values, console))
        return FAILED if values["parked"] else 0

    run_command(work, as_json=as_json)


def skip(agent: Agent, *, as_json: Json = False) -> None:
    """Drop the first of an agent's parked events; it is kept as a dead letter."""

    async def work(settings: Settings, out: Out) -> int:
        values = await operate.speak(sites.locate(settings), agent, SkipParked, Waiting(out))
        out.result(values, lambda console: show.word(values, console))
        return 0

    run_command(work, as_json=as_json)
