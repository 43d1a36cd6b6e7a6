"""A demo beside a demo: the second says who was first and leaves, the first goes on."""

import signal
from pathlib import Path

from tests.console.commands import agora, home_with_jars


async def test_a_second_demo_leaves_and_does_not_disturb_the_first(tmp_path: Path) -> None:
    home = home_with_jars(tmp_path / "home")
    async with agora("demo", "--orders", "20", AGORA_HOME=home) as first:
        await first.hears("stocking the market")
        first.process.send_signal(signal.SIGSTOP)  # so that it is not over before the second has started
        async with agora("demo", "--orders", "20", AGORA_HOME=home) as second:
            code, output = await second.ended()
        assert (code, output) == (1, "")
        assert f"agora demo (process {first.process.pid}) already runs in {home}" in second.said[-1]
        assert "Ctrl-C" in second.said[-1]
        first.process.send_signal(signal.SIGCONT)
        code, output = await first.ended()
    assert code == 0, first.said
    assert "Every order ended, the market's figures are the file's to the penny" in output
