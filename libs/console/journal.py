"""How a command says what is not its result: in words for people or, where AGORA_LOG is json, as a process's log.

In containers nobody sits at a keyboard: what every process has to say is gathered and searched by its fields.
"""

import io
import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stderr
from typing import Final, Literal, TextIO

from agora.logs import log_as_json
from agora.settings import SettingsError, Variables

UNFORESEEN: Final = 1

log: Final = logging.getLogger("agora.console")


class Journal(Variables):
    """How a command speaks on standard error."""

    log: Literal["words", "json"] = "words"


def is_json() -> bool:
    """Tell whether it speaks JSON. Whatever is wrong with the variable is said, in words, when the command begins."""
    try:
        return Journal.read().log == "json"
    except SettingsError:
        return False


@contextmanager
def journal(arguments: Sequence[str], error: TextIO) -> Generator[None]:
    """Have everything on standard error be JSON lines, whoever says it: us, the option parser or a library.

    The lines name the command. One that fails in a way that nobody had foreseen leaves with ``UNFORESEEN``.
    """
    log_as_json(next((word for word in arguments if not word.startswith("-")), "agora"))
    logging.captureWarnings(capture=True)
    lines = Lines(error)
    try:
        with redirect_stderr(lines):
            yield
    except Exception:
        log.exception("it failed in a way that nobody had foreseen")
        raise SystemExit(UNFORESEEN) from None
    finally:
        lines.end()
        logging.captureWarnings(capture=False)


class Lines(io.TextIOBase):
    """A standard error that lets JSON lines pass, and makes one of every other line."""

    def __init__(self, error: TextIO) -> None:
        self._error = error
        self._begun = ""

    def write(self, text: str) -> int:
        whole, newline, self._begun = (self._begun + text).rpartition("\n")
        for line in whole.split("\n") if newline else ():
            self._pass(line)
        return len(text)

    def flush(self) -> None:
        self._error.flush()

    def end(self) -> None:
        """Nothing more comes."""
        self._pass(self._begun)
        self._begun = ""

    def _pass(self, line: str) -> None:
        if line.startswith("{"):
            self._error.write(f"{line}\n")
        elif line.strip():
            log.warning("%s", line.strip())
