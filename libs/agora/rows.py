"""How rows are written: a row type's columns, values and SQL, and what PostgreSQL asks of text."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, get_type_hints

import msgspec

from agora.decision import Row


@lru_cache(maxsize=256)
def columns(table: type[Row]) -> tuple[str, ...]:
    """The column names of a row type, in order."""
    return tuple(column.name for column in fields(table))


@lru_cache(maxsize=256)
def values_of(table: type[Row]) -> Callable[[Row], tuple[Any, ...]]:
    """Read a row's values, in the order of its columns."""
    names = columns(table)
    if len(names) > 1:
        return attrgetter(*names)
    only = attrgetter(*names)
    return lambda row: (only(row),)


_SQL_TYPES: Final = {str: "text", int: "bigint", bool: "boolean", datetime: "timestamptz"}


@lru_cache(maxsize=256)
def insert(table: type[Row]) -> str:
    """The insert of many rows at once; it takes one array per column."""
    return f"INSERT INTO {table.table} ({', '.join(columns(table))}) SELECT * FROM unnest({_arrays(table)})"  # noqa: S608 - from code


@lru_cache(maxsize=256)
def statements(table: type[Row]) -> tuple[str, str]:
    """The upsert and the delete of many rows at once; both take one array per column."""
    hints = get_type_hints(table)
    names = columns(table)
    rest = [name for name in names if name not in table.key]
    action = "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in rest) if rest else "NOTHING"
    upsert = f"{insert(table)} ON CONFLICT ({', '.join(table.key)}) DO {action}"
    keys = ", ".join(f"${place}::{_sql_type(hints[name])}[]" for place, name in enumerate(table.key, 1))
    match = " AND ".join(f"t.{name} = k.{name}" for name in table.key)
    delete = f"DELETE FROM {table.table} t USING unnest({keys}) AS k ({', '.join(table.key)}) WHERE {match}"  # noqa: S608
    return upsert, delete


def _arrays(table: type[Row]) -> str:
    hints = get_type_hints(table)
    return ", ".join(f"${place}::{_sql_type(hints[name])}[]" for place, name in enumerate(columns(table), 1))


def _sql_type(hint: Any) -> str:
    for kind in (hint, *getattr(hint, "__args__", ())):
        while hasattr(kind, "__supertype__"):
            kind = kind.__supertype__  # noqa: PLW2901 - a NewType stands for what it was made from
        if kind in _SQL_TYPES:
            return _SQL_TYPES[kind]
    raise TypeError(f"no column type for {hint!r}")


def headers_json(headers: Sequence[tuple[str, bytes]]) -> str:
    """A record's headers as JSON, their bytes in hexadecimal."""
    # Kafka knows headers without a value, whatever its client's types say.
    return msgspec.json.encode([(plain(name), (value or b"").hex()) for name, value in headers]).decode()


def headers_of(text: str) -> tuple[tuple[str, bytes], ...]:
    """A record's headers from ``headers_json``."""
    return tuple((name, bytes.fromhex(value)) for name, value in msgspec.json.decode(text))


def plain(text: str) -> str:
    """Text as PostgreSQL can keep it: it has no NUL and no lone surrogate."""
    return text.replace("\x00", "\\0").encode(errors="replace").decode()
