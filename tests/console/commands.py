"""``agora`` as a process of its own, as a person starts it: heard line by line, and gone when the test is."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from agora.embedded.jars import fetch
from agora.settings import Settings

SECONDS_MAX = 90
GIVEN = ("AGORA_HOME", "AGORA_KAFKA", "AGORA_POSTGRES", "AGORA_DATABASE", "AGORA_NAMESPACE", "AGORA_PARTITIONS")


@dataclass
class Command:
    """A running command; ``said`` is what it has said on standard error so far."""

    process: Process
    said: list[str] = field(default_factory=list[str])

    async def hears(self, words: str) -> str:
        """Read until it says these words; return the line."""
        async with asyncio.timeout(SECONDS_MAX):
            while line := await self._line():
                if words in line:
                    return line
        raise AssertionError(f"it ended without saying {words!r}, but: {self.said}")

    async def ended(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and standard output."""
        assert self.process.stdout is not None
        async with asyncio.timeout(SECONDS_MAX):
            while await self._line():
                pass
            output = await self.process.stdout.read()
            return await self.process.wait(), output.decode()

    def interrupt(self) -> None:
        """Press Ctrl-C: the whole foreground process group gets SIGINT."""
        os.killpg(self.process.pid, signal.SIGINT)

    async def _line(self) -> str:
        assert self.process.stderr is not None
        line = (await self.process.stderr.readline()).decode()
        if line:
            self.said.append(line.rstrip("\n"))
        return line


@asynccontextmanager
async def agora(*arguments: str, **variables: str) -> AsyncGenerator[Command]:
    """A command in a process group of its own, with these AGORA_ variables and no others."""
    inherited: Mapping[str, str] = {name: value for name, value in os.environ.items() if name not in GIVEN}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "console", *arguments),
        env={**inherited, "PYTHONPATH": os.pathsep.join(sys.path), **variables},
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    try:
        yield Command(process)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def home_with_jars(home: Path) -> str:
    """An AGORA_HOME with nothing in it but Kafka's jars, which are fetched once for everybody."""
    cache = Settings.read().home / "cache"
    fetch(cache / "jars")
    home.mkdir()
    (home / "cache").symlink_to(cache)
    return str(home)


def alive(home: str) -> dict[psutil.Process, str]:
    """Every process, however it was started, that was told of this home or works in it, with its command line."""
    return {process: line for process in psutil.process_iter() if (line := _belonging(process, home))}


async def all_gone(home: str) -> None:
    """Wait for the end of every process of this home."""
    async with asyncio.timeout(SECONDS_MAX):
        while left := list(alive(home)):
            await asyncio.to_thread(psutil.wait_procs, left, SECONDS_MAX)


def _belonging(process: psutil.Process, home: str) -> str:
    """Its command line, or nothing if it is somebody else's or gone."""
    with suppress(psutil.Error):
        line = " ".join(process.cmdline()) or process.name()
        if any(home in word for word in (line, process.cwd(), process.environ().get("AGORA_HOME", ""))):
            return line
    return ""
