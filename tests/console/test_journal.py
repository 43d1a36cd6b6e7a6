"""With AGORA_LOG=json, whatever a command says besides its result is a JSON line with the fields of a service's log."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.console.commands import agora
from tests.gateway.conftest import OPERATOR, Gateway, gateway
from tests.runtime.scrape import ask, numbers

__all__ = ["gateway"]

FIELDS = {"event", "level", "logger", "service", "time"}
OUTCOMES = ("begun", "paid", "refused", "unanswered")
JOBS = (
    (("secrets", "/proc/nowhere", "--server", "postgres:5432"), "secrets"),
    (("topics",), "topics"),
    (("migrate", "product"), "migrate"),
    (("await", "product"), "await"),
    (("welcome",), "welcome"),
    (("export-traces",), "export-traces"),
    (("run", "product"), "run"),
    (("trade", "--forever"), "trade"),
)


def lines(said: list[str]) -> list[dict[str, Any]]:
    """Every line, which has to be an object with the fields of a log."""
    found = [json.loads(line) for line in said]
    for line in found:
        assert line.keys() >= FIELDS, line
    return found


@pytest.mark.parametrize(("arguments", "service"), JOBS)
async def test_why_a_job_fails_is_one_error_in_the_log(arguments: tuple[str, ...], service: str) -> None:
    async with agora(*arguments, AGORA_LOG="json") as job:
        code, output = await job.ended()
    (line,) = lines(job.said)
    assert (code, output) == (1, "")
    assert (line["level"], line["service"]) == ("error", service)
    assert not line["event"].startswith("agora: ")


@pytest.mark.parametrize(
    ("arguments", "service", "words"),
    [(("run",), "run", "Missing argument"), (("frobnicate",), "frobnicate", "No such"), (("--x",), "agora", "--x")],
)
async def test_a_usage_error_is_in_the_log_as_well(arguments: tuple[str, ...], service: str, words: str) -> None:
    async with agora(*arguments, AGORA_LOG="json") as job:
        code, _ = await job.ended()
    said = lines(job.said)
    assert code == 2
    assert {line["service"] for line in said} == {service}
    assert any(words in line["event"] for line in said)


async def test_a_result_stays_as_it_is(tmp_path: Path) -> None:
    secrets = ("secrets", str(tmp_path), "--server", "postgres:5432")
    async with agora(*secrets, AGORA_LOG="json") as job:
        assert await job.ended() == (0, "made 14 secrets\n")
    assert job.said == []
    async with agora("welcome", AGORA_LOG="json", AGORA_OUTSIDE_HTTP="localhost:8080") as job:
        code, output = await job.ended()
    assert (code, output.splitlines()[0]) == (0, "The marketplace is open: http://localhost:8080")


async def test_a_word_that_is_none_is_named_in_words() -> None:
    async with agora("topics", AGORA_LOG="yaml") as job:
        assert await job.ended() == (1, "")
    assert job.said == ["agora: AGORA_LOG: should be 'words' or 'json'"]


async def test_the_trader_tells_and_shows_every_round_with_counts_and_nobody(gateway: Gateway) -> None:
    variables = {
        "AGORA_URL": gateway.url,
        "AGORA_KEY": OPERATOR,
        "AGORA_TRADE_PER_SECOND": "60",
        "AGORA_WATCH": "127.0.0.1:0",
    }
    async with agora("trade", "--forever", "--seed", "4", AGORA_LOG="json", **variables) as trader:
        url = json.loads(await trader.hears("probes and metrics are at"))["event"].rpartition(" ")[2]
        waiting = await ask(url, "/readyz")
        await trader.hears("round 1")
        ready, found = await ask(url, "/readyz"), numbers((await ask(url, "/metrics")).body)
        await trader.hears("round 2")
        trader.process.terminate()
        assert (await trader.ended())[0] == 0
    said = lines(trader.said)
    rounds = [line["counts"] for line in said if line["event"].startswith("round ")]
    assert [counts["rounds"] for counts in rounds] == [1, 2]
    assert rounds[0]["orders"] > 0
    assert {line["service"] for line in said} == {"trade"}
    assert "t4-" not in "".join(trader.said)
    assert OPERATOR not in "".join(trader.said)
    assert (waiting.status, ready.status) == (503, 200)
    assert found["agora_trader_rounds_total"] == 1
    orders = {outcome: found[f"agora_trader_orders_total{{outcome={outcome}}}"] for outcome in OUTCOMES}
    assert orders["begun"] >= sum(orders.values()) - orders["begun"] >= rounds[0]["orders"]


SCRIPTS = {
    "a failure that nobody had foreseen": ("raise ZeroDivisionError('at postgresql://me:hush@db/x')", "error"),
    "what a library prints": ("sys.stderr.write('once\\nand '); sys.stderr.write('again')", "warning"),
    "a warning": ("import warnings; warnings.warn('old')", "warning"),
    "a log of its own, begun later": (
        "from agora.logs import log_as_json; log_as_json('job'); logging.warning('x')",
        "warning",
    ),
}


@pytest.mark.parametrize(("script", "level"), SCRIPTS.values(), ids=SCRIPTS.keys())
def test_whoever_speaks_speaks_json(script: str, level: str) -> None:
    whole = (
        f"import logging, sys\nfrom console.journal import journal\nwith journal(['job'], sys.stderr):\n    {script}"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", whole], env=environment, capture_output=True, text=True, check=False)
    said = lines(done.stderr.splitlines())
    assert said
    assert {(line["service"], line["level"]) for line in said} == {("job", level)}
    assert "hush" not in done.stderr
