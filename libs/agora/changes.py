"""Changes of views folded in memory: however many there are of one row, at most one is written.

Folding comes to the same as writing the changes one by one, except that what lies between is never in the table: a
constraint that only a row in between would break is not broken.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias, get_args, get_type_hints

from agora.decision import Append, Put, Remove, Row
from agora.view import Add, Change, Patch

Key: TypeAlias = tuple[str | int, ...]
Shape: TypeAlias = tuple[bool, frozenset[str], frozenset[str]]
"""Whether a row is written whole, else the columns that are set and those that are added to."""
_NONE: Final[frozenset[str]] = frozenset()


class BadChange(ValueError):
    """A change that no table could take; the message says why."""


class Effect(NamedTuple):
    """What is to become of one row: ``row``, as it is written where there was none; ``None`` takes it away.

    Unless it is ``whole``, a row that is already there gets only the columns ``sets``, and to its columns ``adds`` is
    added by how much those of ``row`` are above their defaults.
    """

    row: Row | None
    whole: bool = True
    sets: frozenset[str] = _NONE
    adds: frozenset[str] = _NONE


class Folded:
    """The changes of many events: rows to append, and what becomes of each other row."""

    def __init__(self) -> None:
        self.appends: dict[type[Row], list[Row]] = {}
        self.effects: dict[type[Row], dict[Key, Effect]] = {}

    def take(self, changes: Iterable[Change]) -> None:
        """Fold in all changes of one event. Raises ``BadChange``, with nothing changed."""
        appends: list[Row] = []
        effects: dict[tuple[type[Row], Key], Effect] = {}
        try:
            for change in changes:
                if isinstance(change, Append):
                    appends.append(_appended(change.row))
                    continue
                table, key = _address(change)
                before = effects.get((table, key)) or self.effects.get(table, {}).get(key)
                effects[table, key] = _after(before, change, table, key)
        except (TypeError, AttributeError, ValueError) as error:
            raise BadChange(f"{type(error).__name__}: {error}") from error
        for row in appends:
            self.appends.setdefault(type(row), []).append(row)
        for (table, key), effect in effects.items():
            self.effects.setdefault(table, {})[key] = effect

    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not self.appends and not self.effects

    def written(self, table: type[Row]) -> Iterator[tuple[Shape, list[Row]]]:
        """The rows of a table to be written, by what is to be done where they are already there."""
        found: dict[Shape, list[Row]] = {}
        for effect in self.effects[table].values():
            if effect.row is not None:
                found.setdefault((effect.whole, effect.sets, effect.adds), []).append(effect.row)
        yield from found.items()

    def removed(self, table: type[Row]) -> list[Key]:
        """The keys of the rows to be taken away."""
        return [key for key, effect in self.effects[table].items() if effect.row is None]


def default_of(table: type[Row], column: str) -> int:
    """What an integer column that is added to counts from in a new row."""
    value = _columns(table)[column].default
    return 0 if value is MISSING or value is None else value


def _after(before: Effect | None, change: Put | Remove | Patch | Add, table: type[Row], key: Key) -> Effect:
    if isinstance(change, Put):
        return Effect(change.row)
    if isinstance(change, Remove):
        return Effect(None)
    names = frozenset(change.columns)
    # Whether or not there is a row already: what a change may do must not hang on which others it is folded with.
    if lacking := _without_default(table) - names:
        raise BadChange(f"{table.__name__} has no default for {min(lacking)}")
    if isinstance(change, Add):
        return _added(before, change.columns, names, table, key)
    if stray := names - _columns(table).keys():
        raise BadChange(f"{table.__name__} has no column {min(stray)} to set")
    if before is None:
        return _partly(_new(table, key, change.columns), names, _NONE)
    if before.row is None:
        return Effect(_new(table, key, change.columns))
    row: Row = replace(before.row, **change.columns)
    return Effect(row) if before.whole else _partly(row, before.sets | names, before.adds - names)


def _added(
    before: Effect | None, amounts: Mapping[str, int], names: frozenset[str], table: type[Row], key: Key
) -> Effect:
    if stray := names - _countable(table):
        raise BadChange(f"{table.__name__} has no integer column {min(stray)} to add to")
    if any(type(amount) is not int for amount in amounts.values()):
        raise BadChange(f"{table.__name__} is added to by what is no integer")
    if before is None or before.row is None:
        row = _new(table, key, {name: default_of(table, name) + amount for name, amount in amounts.items()})
        return _partly(row, _NONE, names) if before is None else Effect(row)
    had = before.row
    row = replace(had, **{name: (getattr(had, name) or 0) + amount for name, amount in amounts.items()})
    return Effect(row) if before.whole else _partly(row, before.sets, before.adds | (names - before.sets))


def _partly(row: Row, sets: frozenset[str], adds: frozenset[str]) -> Effect:
    return Effect(row, whole=False, sets=sets, adds=adds)


def _new(table: type[Row], key: Key, columns: Mapping[str, Any]) -> Row:
    return table(**dict(zip(table.key, key, strict=True)), **columns)


def _appended(row: Row) -> Row:
    if not row.append_only:
        raise BadChange(f"{row.table} is no append-only table")
    return row


def _address(change: Put | Remove | Patch | Add) -> tuple[type[Row], Key]:
    table, key = (type(change.row), _key(change.row)) if isinstance(change, Put) else (change.table, change.key)
    if table.append_only:
        raise BadChange(f"{table.table} takes nothing but rows to append")
    if len(key) != len(table.key):
        raise BadChange(f"{table.table} has {len(table.key)} key columns, not {len(key)}")
    return table, key


def _key(row: Row) -> Key:
    return tuple(getattr(row, column) for column in row.key)


@lru_cache(maxsize=256)
def _columns(table: type[Row]) -> dict[str, Field[Any]]:
    """The columns that are no key, by name."""
    return {column.name: column for column in fields(table) if column.name not in table.key}


@lru_cache(maxsize=256)
def _countable(table: type[Row]) -> frozenset[str]:
    hints = get_type_hints(table)
    return frozenset(name for name in _columns(table) if int in (hints[name], *get_args(hints[name])))


@lru_cache(maxsize=256)
def _without_default(table: type[Row]) -> frozenset[str]:
    """The columns that every change of a row that may not be there has to name."""
    columns = _columns(table).items()
    return frozenset(name for name, column in columns if MISSING is column.default is column.default_factory)
