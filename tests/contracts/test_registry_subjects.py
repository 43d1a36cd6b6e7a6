"""Which schema goes under which subject, and in which dialect."""

import json

import jsonschema_rs
import pytest

from agora.contracts.known import versions
from agora.contracts.registries.subjects import DRAFT_07, Side, Strategy, entries, portable
from agora.contracts.schema import Contract, contract_of
from market.transactions import OrderPlaced

SECOND = Contract("OrderPlaced", 2, {"title": "w2"}, {"title": "r2"})
TENTH = Contract("OrderPlaced", 10, {"title": "w10"}, {"title": "r10"})
OTHER = Contract("CheckOut", 1, {"title": "w"}, {"title": "r"})


@pytest.mark.parametrize(
    ("strategy", "sides", "subjects"),
    [
        pytest.param(
            Strategy.VERSION,
            list(Side),
            [
                "CheckOut.v1-written",
                "CheckOut.v1-read",
                "OrderPlaced.v2-written",
                "OrderPlaced.v2-read",
                "OrderPlaced.v10-written",
                "OrderPlaced.v10-read",
            ],
            id="by-version",
        ),
        pytest.param(
            Strategy.EVENT, [Side.READ], ["CheckOut-read", "OrderPlaced-read", "OrderPlaced-read"], id="by-event"
        ),
    ],
)
def test_subjects_are_named_for_the_event_and_earlier_versions_come_first(
    strategy: Strategy, sides: list[Side], subjects: list[str]
) -> None:
    found = entries([TENTH, OTHER, SECOND], strategy, sides)
    assert [one.subject for one in found] == subjects
    assert json.loads(found[-1].schema)["title"] == "r10"
    assert found[-1].event == "OrderPlaced.v10"


def test_every_schema_of_agora_says_the_same_in_draft_07() -> None:
    for event in versions():
        for schema in (contract_of(event).written, contract_of(event).read):
            said = portable(schema)
            assert said["$schema"] == DRAFT_07
            jsonschema_rs.meta.validate(said)
            assert {**said, "$schema": schema["$schema"], "$id": schema["$id"]} == schema


def test_what_draft_07_has_no_word_for_keeps_its_dialect() -> None:
    schema = contract_of(OrderPlaced).read
    newer = {**schema, "properties": {"pair": {"type": "array", "prefixItems": [{"type": "string"}]}}}
    assert portable(newer)["$schema"] == schema["$schema"]
    assert "$id" not in portable(newer)
