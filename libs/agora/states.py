"""How agents' states are stored: as JSON that is written fast and read with care."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from pydantic import TypeAdapter

_PLAIN: Final = frozenset(
    {
        *("dataclass", "dataclass-args", "dataclass-field", "default", "definitions", "definition-ref"),
        *("bool", "datetime", "int", "literal", "none", "nullable", "str"),
        *("dict", "list", "tagged-union", "tuple", "union"),
    }
)
_SAYS_NOTHING: Final = frozenset({"metadata", "expected", "default"})
_UNLIKE: Final = frozenset({"serialization", "serialization_alias", "serialization_exclude", "validation_alias"})


class States:
    """Reads and writes the states of one service.

    Pydantic reads: what is in a database may be anything. It would take three times as long as msgspec to write.
    """

    def __init__(self, kind: Any) -> None:
        adapter: TypeAdapter[Any] = TypeAdapter(kind)
        self.read: Callable[[bytes], Any] = adapter.validate_json
        """Raises ``ValueError``."""
        plain = _is_plain(adapter.core_schema)
        self.written: Callable[[Any], bytes] = msgspec.json.encode if plain else adapter.dump_json
        """Raises ``ValueError`` or ``TypeError``."""


def _is_plain(schema: Any) -> bool:
    """Whether both write the same: not for bytes, floats or whatever has a way of its own to be written."""
    if isinstance(schema, dict):
        kind = schema.get("type")  # none: a table of other schemas
        if (isinstance(kind, str) and kind not in _PLAIN) or schema.keys() & _UNLIKE:
            return False
        return all(_is_plain(part) for name, part in schema.items() if name not in _SAYS_NOTHING)
    return all(map(_is_plain, schema)) if isinstance(schema, list | tuple) else True
