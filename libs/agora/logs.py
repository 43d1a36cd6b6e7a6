"""What a service process says in its log: one JSON object per line, whichever library speaks."""

import logging
import re
import sys
from typing import Final

import structlog

FIELDS: Final = ("partition", "story", "agent", "event_type", "counts")
"""What a line about a turn, or of what was done so far, carries besides its message: ``event`` is that itself."""

_LEVELS: Final = (("aiokafka", logging.ERROR), ("faststream", logging.ERROR), ("alembic", logging.WARNING))
_USER_IN_URL: Final = re.compile(r"(?<=://)[^\s/@]+@")


def log_as_json(service: str) -> None:
    """Log to standard error from now on. Every line names the service, and shows nobody's password in a URL."""

    def name_the_service(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        line["service"] = service
        return line

    chain: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(FIELDS),
        name_the_service,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        _without_users,
    ]
    last = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=last))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name, level in _LEVELS:
        logging.getLogger(name).setLevel(level)


def _without_users(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A library may put the address it was given into its error."""
    for name, value in line.items():
        if isinstance(value, str) and "://" in value:
            line[name] = _USER_IN_URL.sub("***@", value)
    return line
