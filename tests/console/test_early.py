"""A process that is told to stop before it has begun ends as it would later on."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from console.early import code_when_told
from tests.console.commands import SECONDS_MAX, agora

NOWHERE = {"AGORA_KAFKA": "127.0.0.1:9", "AGORA_DATABASE": "postgresql://a:b@127.0.0.1:9/c"}
TRIES_MAX = 5
"""On a busy machine, this test may be too slow for a process that begins."""
LASTING = (("run", "product"), ("export-traces",), ("trade", "--forever"))
ENDING = (("await", "product"), ("migrate", "product"), ("topics",), ("trade", "--seed", "1"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows which signals a process catches")
@pytest.mark.parametrize(
    ("arguments", "code"), [*((lasting, 0) for lasting in LASTING), *((ending, 143) for ending in ENDING)]
)
async def test_told_while_it_is_still_importing_it_ends_in_order(arguments: tuple[str, ...], code: int) -> None:
    for _ in range(TRIES_MAX):
        async with agora(*arguments, **NOWHERE) as command:
            await catches_sigterm(command.process.pid)
            is_early = not has_loaded(command.process.pid, "uvloop")
            command.process.terminate()
            assert (await command.ended())[0] == code
        if is_early:
            return
    raise AssertionError("it hears of it only once it has imported everything")


@pytest.mark.parametrize(("arguments", "code"), [(LASTING[0], 0), (ENDING[0], 143)])
async def test_told_while_it_waits_for_what_it_needs_it_ends_in_order(arguments: tuple[str, ...], code: int) -> None:
    async with agora(*arguments, **NOWHERE) as command:
        await command.hears("waiting for PostgreSQL")
        command.process.terminate()
        assert (await command.ended())[0] == code


def test_only_what_works_until_it_is_told_to_stop_ends_well_by_it() -> None:
    assert {code_when_told(arguments) for arguments in LASTING} == {0}
    assert {code_when_told(arguments) for arguments in (*ENDING, (), ("audit", "run"))} == {143}


async def catches_sigterm(pid: int) -> None:
    """Wait until a process has a handler for SIGTERM."""
    bit = 1 << (signal.SIGTERM - 1)
    async with asyncio.timeout(SECONDS_MAX):
        while not int(status_of(pid, "SigCgt"), 16) & bit:
            await asyncio.sleep(0.001)


def has_loaded(pid: int, library: str) -> bool:
    return library in Path(f"/proc/{pid}/maps").read_text()


def status_of(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))
