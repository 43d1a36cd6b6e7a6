"""The command ``docs``."""

from typing import Annotated

import typer

from agora.settings import Settings
from console import docs as documents
from console.cli import Json, run_command
from console.output import FAILED, Out


def docs(
    *,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a file is out of date.")] = False,
    as_json: Json = False,
) -> None:
    """Write the choreography map, the AsyncAPI document with its page, and the tables of every canvas."""

    async def work(_: Settings, out: Out) -> int:
        place, whole = documents.root(), documents.market()
        written = documents.pages(place, whole)
        faults, stale = documents.faults(whole, written), documents.stale(place, written)
        if not check:
            documents.write(place, written, stale)
        for fault in faults:
            out.say(fault)
        for name in stale if check else ():
            out.say(f"{name} is not as the code has it; run: {documents.COMMAND}")
        result = {"stale" if check else "written": stale, "faults": faults}
        out.result(result, lambda console: None if check else console.print(*stale, sep="\n"))
        return FAILED if faults or (check and stale) else 0

    run_command(work, as_json=as_json)
