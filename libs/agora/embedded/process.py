"""A server as a child process: guarded, found again by a later program, waited for, and stopped in order."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from filelock import FileLock

from agora.files import write_private

GUARD: Final = Path(__file__).with_name("guard.py")
LOG_BYTES_MAX: Final = 16 * 1024 * 1024
LOG_TAIL_LINES: Final = 25
POLL_SECONDS: Final = 0.05
KILL_SECONDS: Final = 5
START_SECONDS_MAX: Final = 600  # another program may be fetching its jars


class ServerError(RuntimeError):
    """An embedded server did not start or stop; says which, why, and where its log is."""


@dataclass(frozen=True, slots=True)
class Running:
    """A live server: the guard's process id, when that process was created, and the server's port."""

    pid: int
    created: float
    port: int


@dataclass(slots=True)
class ServerProcess:
    """One server in one directory: ``run.json`` tells that it runs and where, ``server.log`` what it said."""

    name: str
    directory: Path
    stop_signal: str
    grace_seconds: int
    user: str = "-"
    _guard: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        """Everything the server printed, this time and the times before."""
        return self.directory / "server.log"

    @property
    def guard_pid(self) -> int:
        """The process id of the server's parent, or -1 where this object has started none."""
        return -1 if self._guard is None else self._guard.pid

    def running(self) -> Running | None:
        """Tell whether a server runs in this directory, whoever started it."""
        found = self._last()
        if found is None:
            return None
        try:
            process = psutil.Process(found.pid)
            alive = process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - found.created) < 1
        except psutil.NoSuchProcess:
            alive = False
        return found if alive else None

    def last_port(self) -> int:
        """Return the port this server had when it last ran, or 0."""
        last = self._last()
        return 0 if last is None else last.port

    @contextmanager
    def starting(self) -> Generator[None]:
        """Make the directory and keep it to ourselves while we start; raise where a server already runs in it."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self.directory / "start.lock", timeout=START_SECONDS_MAX):
            if running := self.running():
                raise ServerError(
                    f"{self.name} already runs in {self.directory} (process {running.pid}, port {running.port}). "
                    "Use that one, or stop it first."
                )
            yield

    def spawn(self, command: Sequence[str], port: int) -> None:
        """Start the server and leave word of it; it is not ready yet."""
        self._guard = self._run_guarded(command)
        note = {"pid": self._guard.pid, "created": psutil.Process(self._guard.pid).create_time(), "port": port}
        write_private(self.directory / "run.json", json.dumps(note))

    def run(self, command: Sequence[str], timeout_seconds: float) -> None:
        """Run a command to its end with the server's user and log; raise if it fails."""
        guard = self._guard = self._run_guarded(command)  # so that ``stop`` ends it, too
        try:
            code = guard.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            self._end(guard)
            self._guard = None
        if code is None:
            raise ServerError(f"{Path(command[0]).name} took over {timeout_seconds:.0f} s.{self._tail()}")
        if code != 0:
            raise ServerError(f"{Path(command[0]).name} for {self.name} failed ({code}).{self._tail()}")

    def await_ready(self, ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Return once ``ready()`` says so; raise if the server ends first or takes too long."""
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if self._guard is None or self._guard.poll() is not None:
                self.stop()
                raise ServerError(f"{self.name} ended while starting.{self._tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise ServerError(f"{self.name} was not ready within {timeout_seconds:.0f} s.{self._tail()}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Stop the server of this directory, whoever started it; no harm if there is none."""
        if self._guard is not None:
            self._end(self._guard)
            self._guard = None
        elif running := self.running():
            guard = psutil.Process(running.pid)
            guard.terminate()
            try:
                guard.wait(self.grace_seconds + KILL_SECONDS)
            except psutil.TimeoutExpired:
                os.killpg(running.pid, 9)

    def _run_guarded(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        arguments = [self.stop_signal, str(self.grace_seconds), self.user, *command]
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES_MAX:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the commands are our own
                [sys.executable, "-I", "-S", str(GUARD), *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                start_new_session=True,  # Ctrl-C is for us; we stop our servers in order
            )

    def _end(self, guard: "subprocess.Popen[bytes]") -> None:
        if guard.stdin is not None:
            guard.stdin.close()
        try:
            guard.wait(self.grace_seconds + KILL_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(guard.pid, 9)
            guard.wait()

    def _last(self) -> Running | None:
        try:
            return Running(**json.loads((self.directory / "run.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:] if self.log.exists() else []
        return f" The end of {self.log}:\n" + "\n".join(f"  {line}" for line in lines)


def free_port(preferred: int = 0) -> int:
    """Return a free port of the loopback interface: the preferred one if it is still free."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServerError("No TCP port is free on 127.0.0.1. End some programs and try again.")
