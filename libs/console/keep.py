"""``agora up``: a process of its own keeps the market until ``agora down``."""

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from agora.settings import Settings
from console import site as sites
from console.children import module_path
from console.output import FAILURE, Failure, Out
from console.provide import make_topics, provide_revisions
from console.site import Site
from console.stack import market, postgres_alone

READY_SECONDS_MAX: Final = 300  # the first time, Kafka is fetched as well
STOP_SECONDS_MAX: Final = 90
POLL_SECONDS: Final = 0.1


async def keep(settings: Settings, out: Out) -> int:
    """Bring the market up and keep it until told to stop."""
    async with market("up", settings, out.say, {}, fresh=False):
        out.say("ready")
        await asyncio.Event().wait()
    return 0


async def up(settings: Settings, out: Out) -> Site:
    """Start the keeper, and return once its market is ready."""
    keeper = _start(log_of(settings))
    try:
        return await _await_ready(keeper, settings, out)
    except BaseException:
        await _end(keeper)
        raise


async def down(settings: Settings) -> bool:
    """Tell the keeper to take its market down, and wait until it has; false if there is none."""
    site = sites.running(settings.home)
    if site is None:
        return False
    if site.kind != "up":
        raise Failure(f"agora {site.kind} runs here (process {site.pid}). End it with Ctrl-C in its terminal")
    with suppress(psutil.NoSuchProcess):
        psutil.Process(site.pid).terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS_MAX):
            while site.is_alive():
                await asyncio.sleep(POLL_SECONDS)
    except TimeoutError:
        raise Failure(
            f"process {site.pid} has not ended within {STOP_SECONDS_MAX} s. Its log is {log_of(settings)}"
        ) from None
    return True


async def migrate(settings: Settings, out: Out, *, rotate: bool = False) -> dict[str, str | None]:
    """Make and migrate every database, wherever it is; return each one's revision.

    With ``rotate``, roles whose passwords are not known here get new ones.
    """
    site = sites.running(settings.home)
    directory = settings.home / "up"
    if settings.kafka:
        await make_topics(settings, settings.kafka)
    if settings.postgres:
        return await provide_revisions(settings, settings.postgres, directory, rotate=rotate)
    if site is not None and site.postgres:
        return await provide_revisions(settings, site.postgres, Path(site.directory), rotate=rotate)
    async with postgres_alone(settings, out.say) as postgres:
        return await provide_revisions(settings, postgres, directory, rotate=rotate)


def log_of(settings: Settings) -> Path:
    """What the keeper said."""
    return settings.home / "up.log"


def _start(log: Path) -> "subprocess.Popen[bytes]":
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("wb") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "console", "keep"],
            env={**os.environ, "PYTHONPATH": module_path(), "AGORA_LOG": "words"},  # `_await_ready` reads them
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )


async def _await_ready(keeper: "subprocess.Popen[bytes]", settings: Settings, out: Out) -> Site:
    """Pass on what the keeper says until its market is ready. Raises ``Failure`` with its last words if it ends."""
    told = 0
    async with asyncio.timeout(READY_SECONDS_MAX):
        while True:
            ended = keeper.poll() is not None
            lines = _lines(log_of(settings))
            for line in lines[told:]:
                if not line.startswith(FAILURE):
                    out.say(line)
            told = len(lines)
            if ended:
                why = [line.removeprefix(FAILURE) for line in lines if line.startswith(FAILURE)]
                raise Failure("\n".join(why) or f"it ended while starting. Its log is {log_of(settings)}")
            site = sites.running(settings.home)
            if site is not None and site.pid == keeper.pid and site.ready:
                return site
            await asyncio.sleep(POLL_SECONDS)


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()


async def _end(keeper: "subprocess.Popen[bytes]") -> None:
    if keeper.poll() is None:
        keeper.terminate()
        while keeper.poll() is None:
            await asyncio.sleep(POLL_SECONDS)
