"""Service processes: started, waited for, started again when they die, and stopped in order."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import console
import services
from agora.serve import READY
from console.output import Failure

READY_SECONDS_MAX: Final = 90
STOP_SECONDS_MAX: Final = 10
POLL_SECONDS: Final = 0.05
LOG_BYTES_MAX: Final = 16 * 1024 * 1024
TAIL_BYTES: Final = 16_384


class Child:
    """One service as a process of its own. It lives in its own session and ends when this process does."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """Its process id, or 0."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it; it is not ready yet."""
        self._let_go()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - the command is our own
                [sys.executable, "-m", "agora.serve", self.name],
                env={**os.environ, "PYTHONPATH": module_path(), **self._environment},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us; we stop our services in order
            )

    def ended(self) -> int | None:
        """Its exit code, or ``None`` while it runs."""
        return self._process.poll() if self._process else None

    async def await_ready(self) -> None:
        """Return once it owns partitions. Raises ``Failure`` with its last words if it ends first."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not self.is_ready():
            if self.ended() is not None:
                raise Failure(f"the service '{self.name}' ended while starting: {self.last_words()}")
            if time.monotonic() > deadline:
                raise Failure(f"'{self.name}' was not ready within {READY_SECONDS_MAX} s: {self.last_words()}")
            await asyncio.sleep(POLL_SECONDS)

    def is_ready(self) -> bool:
        """Tell whether it has said so in its log since it was started."""
        return any(line.get("event") == READY for line in self._lines(self._log_start))

    def last_words(self) -> str:
        """The last thing it logged."""
        size = self.log.stat().st_size if self.log.exists() else 0
        lines = self._lines(max(self._log_start, size - TAIL_BYTES))
        words = str(lines[-1].get("event", "")) if lines else "it said nothing"
        return f"{words} (log: {self.log})"

    async def stop(self) -> None:
        """Ask it to leave; kill it if it does not."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while self._process.poll() is None and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._let_go()

    def _let_go(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _lines(self, start: int) -> list[dict[str, Any]]:
        try:
            with self.log.open("rb") as log:
                log.seek(start)
                return [_line(line) for line in log.read().splitlines() if line.strip()]
        except FileNotFoundError:
            return []


class Family:
    """All service processes. One that dies is started again."""

    def __init__(self, children: list[Child], say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self.children = children
        self._say = say
        self._changed = changed

    async def start(self) -> None:
        """Start all, and return when every one is ready."""
        for child in self.children:
            child.start()
        await asyncio.gather(*(child.await_ready() for child in self.children))

    def revive(self) -> None:
        """Start again whatever has died."""
        for child in self.children:
            code = child.ended()
            if code is not None:
                self._say(f"service '{child.name}' ended ({_cause(code)}) and is started again: {child.last_words()}")
                child.start()
                self._changed()

    async def stop(self) -> None:
        """Stop all."""
        await asyncio.gather(*(child.stop() for child in self.children))

    def kill(self) -> None:
        """End all at once."""
        for child in self.children:
            child.kill()


def _cause(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _line(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {"event": line.decode(errors="replace")}
    return found if isinstance(found, dict) else {"event": str(found)}


def module_path() -> str:
    """Where a new process finds what this one has imported, wherever it was started from."""
    ours = {str(Path(found).parent) for package in (console, services) for found in package.__path__}
    return os.pathsep.join([*sorted(ours), *filter(None, [os.environ.get("PYTHONPATH")])])
