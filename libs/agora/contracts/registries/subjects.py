"""What a schema registry is told of the contracts: which schema under which subject, in a dialect that it compares."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from agora.contracts.schema import Contract, JsonSchema

DRAFT_07: Final = "http://json-schema.org/draft-07/schema#"
_NEWER_WORDS: Final = frozenset(
    {
        "$anchor",
        "$dynamicAnchor",
        "$dynamicRef",
        "$recursiveAnchor",
        "$recursiveRef",
        "dependentRequired",
        "dependentSchemas",
        "maxContains",
        "minContains",
        "prefixItems",
        "unevaluatedItems",
        "unevaluatedProperties",
    }
)


class Level(StrEnum):
    """What a registry asks of a subject's next schema, compared with the last one or, transitively, with all."""

    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"
    NONE = "NONE"


class Strategy(StrEnum):
    """What has a subject of its own: every version of an event, or every event, with its versions in order.

    The streams of an event follow from what it says, so there is no subject by topic.
    """

    VERSION = "version"
    EVENT = "event"


class Side(StrEnum):
    """One of the two schemas of a contract: what producers promise, or what consumers accept."""

    WRITTEN = "written"
    READ = "read"


@dataclass(frozen=True, slots=True)
class Entry:
    """One schema for the registry: ``event`` is its wire name, ``schema`` its JSON."""

    subject: str
    event: str
    side: Side
    schema: str


def entries(contracts: Iterable[Contract], strategy: Strategy, sides: Sequence[Side]) -> list[Entry]:
    """Every schema with its subject, such as ``OrderPlaced.v1-written``; earlier versions before later ones."""
    ordered = sorted(contracts, key=lambda contract: (contract.name, contract.version))
    return [_entry(contract, strategy, side) for contract in ordered for side in sides]


def portable(schema: JsonSchema) -> JsonSchema:
    """The same schema in draft-07 and without an ``$id``, unless it uses a word that draft-07 does not have.

    Registries keep a schema of any dialect, but many compare none newer than draft-07, and look for ``#/$defs/...``
    elsewhere once the schema has an ``$id``.
    """
    nameless = {key: value for key, value in schema.items() if key != "$id"}
    return nameless if _NEWER_WORDS.intersection(_keys(schema)) else {**nameless, "$schema": DRAFT_07}


def _entry(contract: Contract, strategy: Strategy, side: Side) -> Entry:
    subject = contract.wire_name if strategy is Strategy.VERSION else contract.name
    schema = portable(contract.written if side is Side.WRITTEN else contract.read)
    said = json.dumps(schema, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return Entry(f"{subject}-{side}", contract.wire_name, side, said)


def _keys(value: Any) -> Iterator[str]:
    """Every key at any depth, also those that name a field: to keep a newer dialect needlessly does no harm."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from _keys(part)
    elif isinstance(value, list):
        for part in value:
            yield from _keys(part)
