"""What two readers see differently in one record."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agora.contracts.compare import ABSENT, Json
from agora.contracts.probe.reading import Entry, Path, Reader, short


class Change(NamedTuple):
    """A place where the reader does not see what the writer meant; ``renamed`` if a field likely has a new name."""

    path: Path
    why: str
    renamed: bool = False


def changes(meant: Json, seen: Json, reader: Reader, path: Path = ()) -> Iterator[Change]:
    """Every change from what the writer's own version reads to what ``reader`` reads, in fields that both know."""
    if isinstance(meant, Entry) and isinstance(seen, Entry):
        for name in [name for name in meant.fields if name in seen.fields]:
            yield from changes(meant.fields[name], seen.fields[name], reader, (*path, name))
        yield from _renamed(meant, seen, reader, path)
    elif isinstance(meant, Mapping | Entry) and isinstance(seen, Mapping | Entry):
        before, after = _named(meant), _named(seen)
        for name in {**before, **after}:
            if name in before and name in after:
                yield from changes(before[name], after[name], reader, (*path, name))
            else:
                yield Change((*path, name), "it is lost" if name in before else "it comes out of nothing")
    elif isinstance(meant, list) and isinstance(seen, list) and len(meant) == len(seen):
        for place, (before, after) in enumerate(zip(meant, seen, strict=True)):
            yield from changes(before, after, reader, (*path, place))
    elif not _same(meant, seen):
        yield Change(path, f"{_shown(meant)} is read as {_shown(seen)}")


def _same(meant: Json, seen: Json) -> bool:
    # A default that comes from a factory is in no schema; only live classes can tell what it is.
    unknown = meant is ABSENT or seen is ABSENT
    return unknown or (meant == seen and isinstance(meant, bool) == isinstance(seen, bool))


def _renamed(meant: Entry, seen: Entry, reader: Reader, path: Path) -> Iterator[Change]:
    """Fields of the reader's that stay empty while the record fills fields it does not know."""
    filled = {name: value for name, value in seen.unknown.items() if value is not None}
    empty = [name for name in seen.fields if name in seen.defaulted and name not in meant.fields]
    pairs = [(name, other) for name in empty for other in filled if filled[other] != seen.fields[name]]
    alike = [(name, other) for name, other in pairs if reader.document.fits(_node(seen, name), filled[other])]
    for name, other in alike or pairs:
        default = seen.fields[name]
        left = "missing" if default is ABSENT else f"left at {_shown(default)}"
        guess = "renamed" if alike else "renamed or moved"
        yield Change((*path, name), f"it is {left} while '{other}' is filled: probably {guess} from it", renamed=True)


def _node(entry: Entry, name: str) -> dict[str, Json]:
    return entry.node["properties"][name]


def _named(value: Mapping[str, Json] | Entry) -> Mapping[str, Json]:
    if isinstance(value, Entry):
        return {name: inner for name, inner in value.fields.items() if inner is not ABSENT}
    return value


def _shown(value: Json) -> str:
    return "an object" if isinstance(value, Entry) else short(repr(value))
