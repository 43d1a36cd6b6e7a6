"""What one version of an event promises and accepts, as JSON Schema 2020-12."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core.core_schema import DataclassField, ModelField, TypedDictField

from agora.event import Event

JsonSchema: TypeAlias = dict[str, Any]

DIALECT: Final = GenerateJsonSchema.schema_dialect
_WORDS: Final = frozenset({"title", "description", "examples"})  # for people; they may change at any time
_NAMED: Final = frozenset({"properties", "patternProperties", "$defs", "dependentSchemas"})  # schemas by a name of ours
_VALUES: Final = frozenset({"default", "const", "discriminator"})  # values, in which any key is data


@dataclass(frozen=True, slots=True)
class Contract:
    """One version of one event: ``written`` is what a producer promises, ``read`` what a consumer accepts."""

    name: str
    version: int
    written: JsonSchema
    read: JsonSchema

    @property
    def wire_name(self) -> str:
        """The CloudEvents type, such as ``OrderPlaced.v1``."""
        return f"{self.name}.v{self.version}"


def contract_of(event: type[Event]) -> Contract:
    """The contract that a class stands for today."""
    written, read = _schema(event, "serialization"), _schema(event, "validation")
    return Contract(event.__name__, event.version, _plain(written, closed=True), _plain(read, closed=False))


def canonical(value: Any) -> str:
    """JSON as it is kept in a file: keys sorted, indented by two, with a newline at the end."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


class _AsWritten(GenerateJsonSchema):
    """A producer writes every field, also those that a reader could do without."""

    def field_is_required(
        self,
        field: ModelField | DataclassField | TypedDictField,
        total: bool,  # noqa: FBT001 - pydantic's signature
    ) -> bool:
        return self.mode == "serialization" or super().field_is_required(field, total)


def _schema(event: type[Event], mode: JsonSchemaMode) -> JsonSchema:
    schema = event.model_json_schema(mode=mode, schema_generator=_AsWritten)
    return {"$schema": DIALECT, "$id": f"urn:agora:{event.wire_name}", **schema}


def _plain(schema: Mapping[str, Any], *, closed: bool) -> JsonSchema:
    """Leave out the words for people, and any order that means nothing; ``closed`` objects hold nothing unnamed."""
    plain = {key: _part(key, value, closed=closed) for key, value in schema.items() if key not in _WORDS}
    if closed and "properties" in plain:
        plain.setdefault("additionalProperties", False)
    return plain


def _part(key: str, value: Any, *, closed: bool) -> Any:
    if key in _NAMED:
        return {name: _plain(schema, closed=closed) for name, schema in value.items()}
    if key in {"required", "enum"}:
        return sorted(value, key=json.dumps)
    if isinstance(value, Mapping) and key not in _VALUES:
        return _plain(value, closed=closed)
    if isinstance(value, list) and key not in _VALUES:
        return [_plain(one, closed=closed) if isinstance(one, Mapping) else one for one in value]
    return value
