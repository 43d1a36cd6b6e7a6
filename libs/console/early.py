"""How a process ends that is told to before it has begun: at once, with the code it would end with anyway.

To import a command takes most of a second. In a container the first process hears no SIGTERM at all until it has a
handler, and would be killed only when its time is up; elsewhere it would seem to have died.
"""

import os
import signal
from collections.abc import Sequence
from types import FrameType
from typing import Final

TERMINATED: Final = 143
LASTING: Final = frozenset({"run", "export-traces"})
FOREVER: Final = "--forever"
"""The commands, and the option, that work until told to stop: to be told is how they end well."""


def leave_when_told(arguments: Sequence[str]) -> None:
    """Leave at SIGTERM from now on, until the command has a handler of its own."""
    code = code_when_told(arguments)

    def leave(_: int, __: FrameType | None) -> None:
        os._exit(code)

    signal.signal(signal.SIGTERM, leave)


def code_when_told(arguments: Sequence[str]) -> int:
    """The exit code after SIGTERM."""
    is_lasting = FOREVER in arguments or bool(LASTING.intersection(arguments[:1]))
    return 0 if is_lasting else TERMINATED
