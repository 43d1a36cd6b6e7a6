"""What a consumer sees of a record: unknown fields dropped, defaults filled in, or refusals that say where and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from jsonschema_rs import ValidationError, ValidationErrorKind

from agora.contracts.compare import ABSENT, Json
from agora.contracts.probe.nodes import Document, branches, is_map
from agora.contracts.schema import JsonSchema

WHY_CHARACTERS_MAX: Final = 200

Path: TypeAlias = tuple[str | int, ...]


class Refusal(NamedTuple):
    """A value that a reader does not take: where it is, and why."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An object with fields as its reader sees it.

    ``fields`` holds every field the reader knows, ``ABSENT`` where it is missing and has no default that a schema
    tells; ``unknown`` what was dropped; ``defaulted`` the names of those fields that the record did not fill.
    """

    fields: Mapping[str, Json]
    unknown: Mapping[str, Json]
    defaulted: frozenset[str]
    node: JsonSchema


class Reader:
    """Reads values as a schema says."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def refusals(self, value: Json) -> Iterator[Refusal]:
        """Everything in a value that the schema does not allow."""
        for error in self.document.validator(self.document.root).iter_errors(value):
            yield from (Refusal(_told(path, instance, value), why) for path, instance, why in _faults(error))

    def read(self, value: Json, node: JsonSchema | None = None) -> Json:
        """The value as a consumer sees it, with an ``Entry`` for each object that has fields.

        What the schema does not allow is passed on as it is; ``refusals`` says what that is.
        """
        node = self.document.resolve(self.document.root if node is None else node)
        if branches(node) is not None:
            taken = self._taken(node, value)
            return value if taken is None else self.read(value, taken)
        if isinstance(value, dict) and "properties" in node:
            return self._entry(node, value)
        if isinstance(value, dict) and is_map(node):
            inner = node.get("additionalProperties")
            return {name: self.read(one, inner) for name, one in value.items()} if isinstance(inner, dict) else value
        if isinstance(value, list) and "prefixItems" in node:
            pairs = zip(value, node["prefixItems"], strict=False)
            return [*(self.read(one, inner) for one, inner in pairs), *value[len(node["prefixItems"]) :]]
        if isinstance(value, list) and "items" in node:
            return [self.read(one, node["items"]) for one in value]
        return value

    def _entry(self, node: JsonSchema, value: dict[str, Json]) -> Entry:
        known: Mapping[str, JsonSchema] = node["properties"]
        return Entry(
            {name: self._field(inner, value, name) for name, inner in known.items()},
            {name: one for name, one in value.items() if name not in known},
            frozenset(known.keys() - value.keys()),
            node,
        )

    def _field(self, node: JsonSchema, value: dict[str, Json], name: str) -> Json:
        if name in value:
            return self.read(value[name], node)
        return self.read(node["default"], node) if "default" in node else ABSENT

    def _taken(self, node: JsonSchema, value: Json) -> JsonSchema | None:
        """The branch that allows the value and, of several, knows most of its fields; as pydantic chooses."""
        found = [branch for branch in branches(node) or () if self.document.fits(branch, value)]
        return max(found, key=lambda branch: self._knows(branch, value), default=None)

    def _knows(self, node: JsonSchema, value: Json) -> int:
        known = self.document.resolve(node).get("properties", {})
        return len(known.keys() & value.keys()) if isinstance(value, dict) else 0


def dotted(path: Path, seen: Json) -> str:
    """A path as ``lines[].price_minor``; ``seen`` is the read value, which tells fields from names that are data."""
    text = ""
    for step in path:
        if isinstance(seen, Entry):
            text, seen = f"{text}.{step}", seen.fields.get(str(step))
        elif isinstance(seen, list):
            text, seen = f"{text}[]", _inside(seen, step)
        elif isinstance(seen, dict):
            text, seen = f"{text}.*", _inside(seen, step)
        else:
            text = f"{text}[]" if isinstance(step, int) else f"{text}.{step}"
    return text.removeprefix(".")


def short(text: str) -> str:
    """A text cut to what fits a line or two of a report."""
    return text if len(text) <= WHY_CHARACTERS_MAX else f"{text[: WHY_CHARACTERS_MAX - 1]}…"


def _faults(error: ValidationError) -> Iterator[tuple[Path, Json, str]]:
    """Where each fault is, the value at fault (for a missing or unknown field: the object), and why."""
    path = tuple(error.instance_path)
    match error.kind:
        case ValidationErrorKind.AnyOf(context=context) | ValidationErrorKind.OneOfNotValid(context=context):
            yield from _of_union(error, path, context)
        case ValidationErrorKind.Required(property=name):
            yield (*path, name), ABSENT, "it is required, and a record may lack it"
        case ValidationErrorKind.AdditionalProperties(unexpected=names):
            yield from (((*path, name), ABSENT, "unknown fields are refused") for name in names)
        case _:
            yield path, error.instance, short(error.message)


def _of_union(
    error: ValidationError, path: Path, context: list[list[ValidationError]]
) -> Iterator[tuple[Path, Json, str]]:
    """The faults of the one branch that was meant, if there is one: of its type and with its tag."""
    meant = [errors for errors in context if not any(_is_another(one, path) for one in errors)]
    if len(meant) != 1:
        yield path, error.instance, short(error.message)
        return
    for inner in meant[0]:
        yield from _faults(inner)


def _is_another(error: ValidationError, path: Path) -> bool:
    here = len(error.instance_path) == len(path)
    tag = len(error.instance_path) == len(path) + 1 and isinstance(error.kind, ValidationErrorKind.Constant)
    return tag or (here and isinstance(error.kind, ValidationErrorKind.Type | ValidationErrorKind.Constant))


def _told(path: Path, instance: Json, value: Json) -> Path:
    """A path that tells names from places: the validator gives the name "1" as a number, and leaves out the name ""."""
    told: Path = ()
    for step in path:
        told = (*told, str(step) if isinstance(value, dict) else step)
        value = _inside(value, told[-1])
    while instance is not ABSENT and value != instance and isinstance(value, dict) and "" in value:
        told, value = (*told, ""), value[""]
    return told


def _inside(value: Json, step: str | int) -> Json:
    if isinstance(value, dict):
        return value.get(step)
    return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else None
