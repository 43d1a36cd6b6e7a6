"""What a command says: messages and progress on standard error, its result on standard output, and how it ends."""

import asyncio
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Protocol

import typer
from rich.console import Console

from agora.ports import Unavailable
from agora.settings import SettingsError
from console.early import TERMINATED
from console.journal import is_json, log
from console.retail import OrderFileError

FAILED: Final = 1
FAILURE: Final = "agora: "
"""What a message begins with that says why nothing more is done."""
INTERRUPTED: Final = 130


class Failure(Exception):
    """A command cannot do what it was asked; the message says what happened and what to do next."""


class Say(Protocol):
    """Tells whoever follows a command something, with the counts that it is about."""

    def __call__(self, message: str, *, counts: Mapping[str, Any] | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Out:
    """Where one command's words go. With ``as_json``, standard output holds one JSON object and nothing else.

    With ``logs``, what is not the result are JSON lines in the log.
    """

    as_json: bool
    logs: bool = field(default_factory=is_json)
    error: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    output: Console = field(default_factory=lambda: Console(highlight=False))

    def say(self, message: str, *, counts: Mapping[str, Any] | None = None, level: int = logging.INFO) -> None:
        """Tell the person at the keyboard, or whoever reads the log, something."""
        if self.logs:
            log.log(level, "%s", message, extra={"counts": dict(counts)} if counts else None)
        else:
            self.error.print(message, markup=False, soft_wrap=True)

    def result(self, values: Mapping[str, Any], show: Callable[[Console], None]) -> None:
        """Give the result: as JSON, or as ``show`` prints it for people."""
        if self.as_json:
            sys.stdout.write(json.dumps(values, ensure_ascii=False) + "\n")
            sys.stdout.flush()
        else:
            show(self.output)

    def fail(self, message: str, code: int = FAILED) -> typer.Exit:
        """Say why nothing more is done; return what the caller has to raise."""
        self.say(message if self.logs else f"{FAILURE}{message}", level=logging.ERROR)
        if self.as_json:
            self.result({"error": message}, lambda _: None)
        return typer.Exit(code)


class Waiting:
    """Says what is waited for, but not over and over."""

    SECONDS: Final = 5.0

    def __init__(self, out: Out) -> None:
        self._out = out
        self._last: dict[str, float] = {}

    def __call__(self, message: str) -> None:
        """Say it, unless it was said a moment ago."""
        now = time.monotonic()
        if now - self._last.get(message, -self.SECONDS) >= self.SECONDS:
            self._last[message] = now
            self._out.say(f"waiting for {message}", level=logging.WARNING)


def carry_out(out: Out, work: Callable[[], Coroutine[Any, Any, int]], told: int = TERMINATED) -> None:
    """Run a command to its end and leave with its exit code. A first Ctrl-C or SIGTERM ends it in order.

    ``told`` is the code after SIGTERM: 0 of what works until it is told to stop, and ends well by it.
    """
    _quieten()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            code, is_told = runner.run(_until_told(work()))
    except (KeyboardInterrupt, asyncio.CancelledError):
        out.say("Interrupted.")
        _leave(INTERRUPTED)
    except Exception as error:
        words = _plain_words(error)
        if words is None:
            raise
        raise out.fail(words) from None
    if is_told:
        _leave(told)
    if code:
        raise typer.Exit(code)


async def _until_told(work: Coroutine[Any, Any, int]) -> tuple[int, bool]:
    """Turn SIGTERM into the same orderly end as Ctrl-C; the exit code, and whether that is how it ended."""
    task = asyncio.ensure_future(work)
    is_told = False

    def stop() -> None:
        nonlocal is_told
        is_told = True
        task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
    try:
        return await task, False
    except asyncio.CancelledError:
        if is_told:
            return 0, True
        raise


def _plain_words(error: Exception) -> str | None:
    """What to tell of an error that is nobody's mistake in this program; ``None`` if it may be one."""
    # Imported only now: some of these take long to import, and most commands never need them.
    import asyncpg  # noqa: PLC0415
    from aiokafka.errors import KafkaError  # noqa: PLC0415

    from agora.embedded import JarsError, ServerError  # noqa: PLC0415
    from agora.migrations import MigrationError  # noqa: PLC0415
    from agora.partition import HistoryLost  # noqa: PLC0415
    from agora.provision import ProvisionError  # noqa: PLC0415
    from agora.revision import RevisionError  # noqa: PLC0415
    from agora.serve import ServeError  # noqa: PLC0415
    from agora.topics import TopicError  # noqa: PLC0415

    servers = (ServerError, JarsError, ProvisionError, MigrationError, RevisionError, TopicError)
    if isinstance(error, (Failure, SettingsError, ServeError, Unavailable, HistoryLost, OrderFileError, *servers)):
        return str(error)
    if isinstance(error, asyncpg.InvalidCatalogNameError | asyncpg.UndefinedTableError):
        return f"{error}. Run: agora migrate"
    if isinstance(error, OSError | TimeoutError | asyncpg.PostgresError | asyncpg.InterfaceError | KafkaError):
        return f"{type(error).__name__}: {error}"
    return None


def _leave(code: int) -> NoReturn:
    """Leave at once: a thread may still be fetching something that nobody waits for any more."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - it is not there on Windows

    return uvloop.new_event_loop


def _quieten() -> None:
    """Libraries keep their troubles with a connection to themselves; ours are told in plain words."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    for name in ("aiokafka", "faststream", "filelock"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
