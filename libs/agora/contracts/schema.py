"""What one version of an event promises and accepts, as JSON Schema 2020-12."""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core.core_schema import DataclassField, ModelField, TypedDictField

from agora.event import Event

JsonSchema: TypeAlias = dict[str, Any]

DIALECT: Final = GenerateJsonSchema.schema_dialect


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
    return Contract(event.__name__, event.version, _schema(event, "serialization"), _schema(event, "validation"))


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
