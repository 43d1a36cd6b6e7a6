"""A contract holds what binds: words for people may change at any time, and so may an order that means nothing."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from agora.contracts.schema import canonical, contract_of
from agora.event import Event


@dataclass(frozen=True)
class Book:
    """A book."""

    title: str
    description: Annotated[str, Field(title="What it is about", examples=["whales"])] = "none"


class Lent(Event):
    """A book was lent."""

    model_config = ConfigDict(title="A loan")

    book: Book
    title: Literal["b", "a"]
    kept: Annotated[dict[str, int], Field(description="Days by room.")] = {"title": 1}  # noqa: RUF012 - pydantic copies


def words_in(schema: Any) -> list[str]:
    """The annotations found anywhere in a schema where they are not the name of a field."""
    found = [key for key in ("title", "description", "examples") if isinstance(schema.get(key), str | list)]
    parts = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    return [*found, *(word for part in parts for word in words_in(part))]


def test_a_contract_leaves_out_titles_descriptions_and_examples_but_no_field_of_that_name() -> None:
    contract = contract_of(Lent)
    for schema in (contract.written, contract.read):
        assert words_in(schema) == []
        assert set(schema["properties"]) == {"book", "title", "kept"}
        assert set(schema["$defs"]["Book"]["properties"]) == {"title", "description"}


def test_a_contract_keeps_its_id_its_defaults_and_what_is_in_them() -> None:
    read = contract_of(Lent).read
    assert read["$id"] == "urn:agora:Lent.v1"
    assert read["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert read["properties"]["kept"]["default"] == {"title": 1}
    assert read["$defs"]["Book"]["properties"]["description"] == {"default": "none", "type": "string"}


def test_a_producer_promises_every_field_and_none_beside_them_while_a_consumer_takes_more_and_needs_less() -> None:
    contract = contract_of(Lent)
    assert contract.written["additionalProperties"] is False
    assert contract.written["$defs"]["Book"]["additionalProperties"] is False
    assert contract.written["properties"]["kept"]["additionalProperties"] == {"type": "integer"}
    assert contract.written["required"] == ["book", "kept", "title"]
    assert contract.written["$defs"]["Book"]["required"] == ["description", "title"]
    assert "additionalProperties" not in contract.read
    assert contract.read["required"] == ["book", "title"]


def test_the_order_of_fields_and_of_choices_means_nothing() -> None:
    class Second(Event):
        kept: dict[str, int] = {"title": 1}  # noqa: RUF012 - pydantic copies
        title: Literal["a", "b"]
        book: Book

    Second.__name__, Second.wire_name = Lent.__name__, Lent.wire_name
    for side in ("written", "read"):
        assert canonical(getattr(contract_of(Second), side)) == canonical(getattr(contract_of(Lent), side))


def test_a_file_is_the_same_text_for_the_same_json() -> None:
    assert canonical({"b": 1, "a": ["é"]}) == '{\n  "a": [\n    "é"\n  ],\n  "b": 1\n}\n'
