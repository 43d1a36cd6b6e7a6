"""What is said keeps its contract: every event is checked as it is written, so that a turn fails before its commit."""

from collections.abc import Callable
from typing import Any, TypeAlias

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from agora.envelope import REASON_CHARS_MAX
from agora.event import Event, fault_of

Check: TypeAlias = Callable[[bytes], object]
"""Takes the JSON of an event's own fields. Raises ``ValueError`` if the event must not be said like this."""


class ContractBroken(ValueError):
    """An event that its own version does not allow; whoever hears it could not read it, or would misread it."""


def by_class(kind: type[Event]) -> Check:
    """Check by the class alone: what it writes, it must read."""
    validate: Any = kind.__pydantic_validator__.validate_json
    return validate


class Promises:
    """Writes events, each checked; ``check_of`` says how, once for each class."""

    def __init__(self, check_of: Callable[[type[Event]], Check] = by_class) -> None:
        self._check_of = check_of
        self._checks: dict[type[Event], Check] = {}

    def written(self, event: Event) -> bytes:
        """The JSON of an event's own fields. Raises ``ContractBroken``."""
        kind = type(event)
        check = self._checks.get(kind)
        if check is None:
            check = self._checks[kind] = self._check_of(kind)
        try:
            data = event.__pydantic_serializer__.to_json(event, warnings=False)
            check(data)  # finds what the serializer would have warned of
        except (ValidationError, PydanticSerializationError, ContractBroken) as error:
            raise ContractBroken(f"{kind.wire_name} breaks its contract: {_reason(error)}") from None
        return data


def _reason(error: Exception) -> str:
    text = fault_of(error) if isinstance(error, ValidationError) else " ".join(str(error).split())
    return text[:REASON_CHARS_MAX]
