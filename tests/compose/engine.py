"""A whole marketplace in containers for a test: a compose project of its own, on ports that are free."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.compose.composed import ROOT

SECONDS_MAX: Final = 600
UP_SECONDS_MAX: Final = 180
PATIENCE_SECONDS: Final = 60
UNITS: Final = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@dataclass(frozen=True)
class Market:
    """One compose project."""

    project: str = field(default_factory=lambda: f"agora-test-{secrets.token_hex(3)}")
    ports: dict[str, int] = field(default_factory=lambda: free_ports("HTTP", "POSTGRES", "KAFKA"))

    @property
    def environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("AGORA_")}
        ports = {f"AGORA_{name}_PORT": str(port) for name, port in self.ports.items()}
        return {
            **ours,
            **ports,
            "AGORA_IMAGE": "agora:compose-test",
            "AGORA_DELIVERY_SECONDS": "1",
            "AGORA_HTTP_RATE": "5000",
        }

    def compose(self, *arguments: str) -> str:
        """Run `docker compose` to its end and return what it printed; fail with all it said."""
        done = self.attempt(*arguments)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def attempt(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS_MAX,
        )

    def command(self, *arguments: str) -> list[str]:
        return ["docker", "compose", "--project-name", self.project, "--progress", "quiet", *arguments]

    def up(self, *arguments: str) -> float:
        """Bring it up, and return after how many seconds every container was ready."""
        started = time.monotonic()
        self.compose("up", "--wait", "--wait-timeout", str(UP_SECONDS_MAX), *arguments)
        return time.monotonic() - started

    def cli(self, *arguments: str) -> Any:
        """Ask the command line inside for one JSON object."""
        return json.loads(self.compose("run", "--rm", "--no-TTY", "cli", *arguments, "--json"))

    def python(self, service: str, code: str, index: int = 1) -> str:
        """Run Python inside a service's container."""
        return self.compose("exec", "--no-TTY", "--index", str(index), service, "python", "-c", code)

    def containers(self) -> list[dict[str, Any]]:
        """Every container there is, as `docker inspect` has it."""
        ids = self.compose("ps", "--all", "--quiet").split()
        return json.loads(docker("inspect", *ids)) if ids else []


def service_of(container: dict[str, Any]) -> str:
    return container["Config"]["Labels"]["com.docker.compose.service"]


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout  # noqa: S607


def memory_bytes(ids: Sequence[str]) -> dict[str, int]:
    """What each container's processes take, without what the kernel may drop."""
    lines = docker("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *ids).splitlines()
    return {line.split()[0]: _bytes(line.split()[1]) for line in lines}


def _bytes(text: str) -> int:
    unit = text.lstrip("0123456789.")
    return int(float(text.removesuffix(unit)) * UNITS[unit])


def free_ports(*names: str) -> dict[str, int]:
    with ExitStack() as stack:
        probes = {name: stack.enter_context(socket.socket()) for name in names}
        for probe in probes.values():
            probe.bind(("127.0.0.1", 0))
        return {name: int(probe.getsockname()[1]) for name, probe in probes.items()}


def orders_file(path: Path, orders: int, first: int) -> Path:
    """Orders as published, of two lines each; a tenth of them want the same product."""
    lines = ["InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"]
    for number in range(first, first + orders):
        tail = f"2,2010-12-01 08:26,1.25,{17_000 + number % 50},United Kingdom"
        lines += [
            f"{number},{10_000 + number % 10},A COMMON THING,{tail}",
            f"{number},{20_000 + number},A THING,{tail}",
        ]
    path.write_text("\n".join([*lines, ""]))
    path.chmod(0o644)
    return path


def eventually(look: Any, enough: Any) -> Any:
    """Look until it is enough; return what was seen."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not enough(seen := look()):
        assert time.monotonic() < deadline, seen
    return seen


def said(*lines: str) -> None:
    """Tell whoever reads the output of the test, which shows it with -rP or -s."""
    sys.stdout.write("".join(f"  {line}\n" for line in lines))
