"""What all commands of ``agora`` share: the ``--json`` option, the settings, and one way to run."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeAlias

import typer

from agora.settings import Settings
from console.early import TERMINATED
from console.journal import Journal
from console.output import Out, carry_out

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]

Work: TypeAlias = Callable[[Settings, Out], Coroutine[Any, Any, int]]
"""What a command does; the number is its exit code."""


def run_command(work: Work, *, as_json: bool, told: int = TERMINATED) -> None:
    """Read the settings and do the work. Whatever goes wrong is told in plain words.

    ``told`` is the exit code after SIGTERM, 0 of what works until it is told to stop.
    """
    out = Out(as_json)

    async def begin() -> int:
        Journal.read()
        return await work(Settings.read(), out)

    carry_out(out, begin, told)
