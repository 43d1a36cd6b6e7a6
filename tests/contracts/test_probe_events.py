"""The events as they are: compatible with themselves, and their schemas say what their classes do."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import jsonschema_rs
import pytest
from pydantic import ValidationError

from agora.contracts.known import current
from agora.contracts.probe.both_ways import probe, records
from agora.contracts.probe.nodes import Unsupported
from agora.contracts.schema import contract_of
from agora.event import Event
from agora.wire import data_of
from market.buyers import CheckOut
from market.language import TEXT_LENGTH_MAX
from market.products import ProductListed
from market.transactions import OrderPlaced, OrderReserved, TransactionOpened, TransactionSettled
from tests.services.words import B, P, T, gbp, line, placed

CURRENT: Final = {event.wire_name: event for event in current()}
ORDER: Final = placed(line(), line(quantity=2))
# Facts whose validators refuse what no schema says: lines out of range, and payments in no known way.
GUARDED: Final[dict[str, Event]] = {
    event.wire_name: event
    for event in (
        ORDER,
        OrderReserved(transaction=T, buyer=B, total=gbp(100), payment=ORDER.payment),
        TransactionOpened(transaction=T, product=P, currency="GBP", lines=ORDER.lines),
    )
}

TIGHTER: Final = {"minimum": 1, "minLength": 1, "minItems": 1, "maximum": -1, "maxLength": -1, "maxItems": -1}
FIXED: Final = "currency"  # its pattern sets its length, so no other limit of its length is ever met
SHAPES: Final = frozenset({"properties", "$defs", "items", "anyOf"})


def bases(wire_name: str) -> list[Any]:
    return [json.loads(data_of(GUARDED[wire_name]))] if wire_name in GUARDED else []


def opened(wire_name: str, made: Any) -> Event | ValidationError:
    try:
        return CURRENT[wire_name].model_validate_json(json.dumps(made))
    except ValidationError as refused:
        return refused


@pytest.mark.parametrize("wire_name", CURRENT)
def test_an_event_is_compatible_with_itself(wire_name: str) -> None:
    contract = contract_of(CURRENT[wire_name])
    assert probe(contract, contract) == []


@pytest.mark.parametrize("wire_name", CURRENT)
def test_an_event_is_compatible_with_itself_where_its_validators_count(wire_name: str) -> None:
    event, kept = CURRENT[wire_name], bases(wire_name)
    contract = contract_of(event)
    assert probe(contract, contract, old_class=event, new_class=event, old_samples=kept, new_samples=kept) == []


@pytest.mark.parametrize("wire_name", [name for name in CURRENT if name not in GUARDED])
def test_a_class_reads_whatever_its_schema_allows(wire_name: str) -> None:
    refused = [
        made for made in records(contract_of(CURRENT[wire_name])) if isinstance(opened(wire_name, made), Exception)
    ]
    assert refused == []


@pytest.mark.parametrize("wire_name", GUARDED)
def test_a_guarded_class_refuses_by_its_validators_alone_what_its_schema_allows(wire_name: str) -> None:
    read = [opened(wire_name, made) for made in records(contract_of(CURRENT[wire_name]), bases(wire_name))]
    refusals = [one for one in read if isinstance(one, ValidationError)]
    assert {error["type"] for refusal in refusals for error in refusal.errors()} == {"value_error"}
    assert len(read) - len(refusals) > 50


@pytest.mark.parametrize("wire_name", CURRENT)
def test_what_a_class_writes_fits_its_schema_and_means_what_was_read(wire_name: str) -> None:
    contract = contract_of(CURRENT[wire_name])
    check = jsonschema_rs.Draft202012Validator(contract.written, validate_formats=True)
    for made in records(contract, bases(wire_name)):
        event = opened(wire_name, made)
        if isinstance(event, Event):
            check.validate(json.loads(data_of(event)))
            assert opened(wire_name, json.loads(data_of(event))) == event


def test_a_guarded_class_without_a_sample_is_an_error_and_not_a_silence() -> None:
    contract = contract_of(OrderPlaced)
    with pytest.raises(Unsupported, match=r"OrderPlaced\.v1: its class refuses .*give samples"):
        probe(contract, contract, old_class=OrderPlaced, new_class=OrderPlaced)


def tightened(schema: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The schema with one limit one tighter, and the name of the field it limits, for each of its limits."""
    if isinstance(schema, list):
        for place, part in enumerate(schema):
            yield from (
                (field, [*schema[:place], tighter, *schema[place + 1 :]]) for field, tighter in tightened(part, name)
            )
    elif isinstance(schema, dict):
        for word, part in schema.items():
            if word in TIGHTER and isinstance(part, int) and name != FIXED:
                yield name, {**schema, word: part + TIGHTER[word]}
            within = tightened(part, name if word in SHAPES else word)
            yield from ((field, {**schema, word: tighter}) for field, tighter in within)


@pytest.mark.parametrize("event", [CheckOut, OrderPlaced, ProductListed, TransactionSettled])
def test_any_limit_of_an_event_that_is_tightened_by_one_is_caught(event: type[Event]) -> None:
    contract = contract_of(event)
    changed = [(field, replace(contract, read=read)) for field, read in tightened(contract.read)]
    assert len(changed) >= 8
    for field, tighter in changed:
        found = probe(contract, tighter, directions=["backward"])
        assert {one.field.removesuffix("[]").split(".")[-1] for one in found} == {field}


def test_every_text_is_tried_at_its_greatest_length() -> None:
    made = records(contract_of(OrderPlaced))
    assert {len(one["lines"][0]["product"]) for one in made} >= {1, TEXT_LENGTH_MAX}
    assert {len(one["lines"]) for one in made} >= {1, 1_000}
