"""Ctrl-C in the middle of a demo: it says so, and leaves nothing behind."""

import asyncio
from pathlib import Path

from tests.console.commands import SECONDS_MAX, Command, agora, alive, all_gone, home_with_jars


async def test_ctrl_c_ends_a_demo_that_trades(tmp_path: Path) -> None:
    home = home_with_jars(tmp_path / "home")
    async with agora("demo", "--orders", "300", AGORA_HOME=home) as demo:
        await demo.hears("placed")
        running = "\n".join(alive(home).values())
        assert all(program in running for program in ("kafka.Kafka", "bin/postgres", "agora.serve"))
        await interrupted(demo, home)
    assert alive(home) == {}


async def test_ctrl_c_ends_a_demo_whose_servers_are_starting(tmp_path: Path) -> None:
    home = home_with_jars(tmp_path / "home")
    async with agora("demo", AGORA_HOME=home) as demo, asyncio.timeout(SECONDS_MAX):
        await demo.hears("starting PostgreSQL and Kafka")
        while not any("kafka.Kafka" in line for line in alive(home).values()):
            await asyncio.sleep(0.05)  # a broker says nothing of itself
        await interrupted(demo, home)
    await all_gone(home)  # what was being started ends by itself, a moment after


async def interrupted(demo: Command, home: str) -> None:
    """Press Ctrl-C and hear how it ends."""
    demo.interrupt()
    code, output = await demo.ended()
    assert (code, output) == (130, "")
    assert demo.said[-1] == "Interrupted."
    assert not any("Traceback" in line for line in demo.said), "\n".join(demo.said)
    assert not (Path(home) / "stack.json").exists()
