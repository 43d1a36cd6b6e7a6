"""How the classes of today read and write a record: their validators may refuse what no schema says."""

import json

from pydantic import ValidationError

from agora.contracts.compare import Json
from agora.contracts.probe.reading import Path, Refusal, short
from agora.event import Event
from agora.versions import openers
from agora.wire import data_of


class LiveReader:
    """Reads the records of one version as a class does, which may be of that version, an earlier or a later one.

    Records of an earlier version are said again in the words of the class; those of a later one it takes for its own.
    """

    def __init__(self, event: type[Event], version: int) -> None:
        self.upcasts = version < event.version
        self._open = openers([event])[f"{event.__name__}.v{min(version, event.version)}"]

    def read(self, value: Json) -> Json | Refusal:
        """The fields the class would write of what it read, or why it does not read the value."""
        try:
            event = self._open(json.dumps(value).encode())
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            return Refusal(_path(first["loc"], value), short(first["msg"]))
        except Exception as error:  # noqa: BLE001 - an upcast may fail in any way, and each is a break
            return Refusal((), short(f"{type(error).__name__}: {error}"))
        return json.loads(data_of(event))


def _path(location: tuple[str | int, ...], value: Json) -> Path:
    """The steps of a pydantic location that lead into the value; the others name members of unions."""
    path: Path = ()
    for step in location:
        if isinstance(value, dict) and (step in value or step == location[-1]):
            path, value = (*path, step), value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            path, value = (*path, step), value[step]
    return path
