"""The two-way probe catches every change that breaks somebody, says where and whom, and lets every other through."""

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator

from agora.contracts.probe.both_ways import Break, probe
from agora.contracts.probe.nodes import Unsupported
from agora.contracts.schema import Contract, contract_of
from tests.contracts.harmless import HARMLESS
from tests.contracts.planted import BREAKING
from tests.contracts.small_events import Planted, event, limited, odd, only_pounds


def probed(planted: Planted) -> list[Break]:
    old, new = contract_of(planted.old), contract_of(planted.new)
    if planted.live:
        return probe(old, new, old_class=planted.old, new_class=planted.new)
    return probe(old, new)


@pytest.mark.parametrize("planted", BREAKING, ids=str)
def test_what_breaks_somebody_is_caught_with_its_field_and_direction(planted: Planted) -> None:
    found = probed(planted)
    assert {(one.field, one.direction) for one in found} == planted.where
    assert {one.event for one in found} == {"Paid"}


@pytest.mark.parametrize("planted", HARMLESS, ids=str)
def test_what_breaks_nobody_is_let_through(planted: Planted) -> None:
    assert probed(planted) == []


@pytest.mark.parametrize("planted", [one for one in (*BREAKING, *HARMLESS) if one.new.version == 1], ids=str)
def test_a_change_taken_back_breaks_the_same_fields_the_other_way_round(planted: Planted) -> None:
    back = probed(Planted(planted.what, planted.new, planted.old, live=planted.live))
    turned = {(one.field, "forward" if one.direction == "backward" else "backward") for one in back}
    assert turned == planted.where


def test_a_break_says_who_reads_what_and_why() -> None:
    found = probe(contract_of(event(a=limited(int, ge=0))), contract_of(event(a=limited(int, ge=5))))
    (only,) = found
    assert only.reason.startswith("new code, reading a record of the old version: refused: ")
    assert only.reason.endswith("is less than the minimum of 5")


def test_a_renamed_field_is_said_to_be_renamed() -> None:
    old, new = contract_of(event(amount=(int, 0))), contract_of(event(total=(int, 0)))
    reasons = {one.field: one.reason for one in probe(old, new)}
    assert "'amount' is filled: probably renamed" in reasons["total"]
    assert "'total' is filled: probably renamed" in reasons["amount"]
    needed = probe(contract_of(event(amount=int)), contract_of(event(total=int)), directions=["backward"])
    assert "it is required, and a record may lack it" in needed[0].reason
    assert "'amount' is filled: probably renamed" in needed[0].reason


def test_one_direction_can_be_asked_for_alone() -> None:
    narrow, wide = contract_of(event(a=limited(int, ge=0))), contract_of(event(a=int))
    assert probe(narrow, wide, directions=["backward"]) == []
    assert [one.direction for one in probe(narrow, wide, directions=["forward"])] == ["forward"]


def test_the_same_two_versions_give_the_same_report() -> None:
    for planted in BREAKING[::10]:
        assert probed(planted) == probed(planted)


def test_a_hidden_rule_counts_only_against_records_that_are_known_to_be_written() -> None:
    free, ruled = event(a=int), event(a=Annotated[int, AfterValidator(odd)])
    old, new = contract_of(free), contract_of(ruled)
    assert probe(old, new, new_class=ruled) == []
    found = probe(old, new, new_class=ruled, old_samples=[{"a": 2}])
    assert [(one.field, one.direction) for one in found] == [("a", "backward")]


def test_a_class_that_takes_no_ordinary_record_needs_a_sample() -> None:
    ruled = event(a=Annotated[int, AfterValidator(odd)], b=Annotated[str, AfterValidator(only_pounds)])
    contract = contract_of(ruled)
    with pytest.raises(Unsupported, match=r"Paid\.v1: its class refuses .* give samples"):
        probe(contract, contract, old_class=ruled, new_class=ruled)
    kept = [{"a": 1, "b": "GBP"}]
    given: dict[str, Any] = {"old_class": ruled, "new_class": ruled, "old_samples": kept, "new_samples": kept}
    assert probe(contract, contract, **given) == []


def test_samples_are_varied_until_they_meet_the_limits_of_the_other_version() -> None:
    old, new = contract_of(event(a=int, b=str)), contract_of(event(a=limited(int, le=10**6), b=str))
    found = probe(old, new, old_samples=[{"a": 5, "b": "GBP"}])
    assert [(one.field, one.direction) for one in found] == [("a", "backward")]


def test_a_sample_that_its_own_version_would_not_write_is_an_error() -> None:
    contract = contract_of(event(a=int))
    with pytest.raises(Unsupported, match=r"Paid\.v1: a sample does not fit it"):
        probe(contract, contract, old_samples=[{"a": "1"}])


def test_two_different_events_are_not_compared() -> None:
    other = Contract("Refunded", 1, {}, {})
    with pytest.raises(ValueError, match=r"Paid\.v1 and Refunded\.v1 are two different events"):
        probe(contract_of(event(a=int)), other)


UNKNOWN: dict[str, Any] = {
    "the word 'if'": {"type": "integer", "if": {}},
    "the word 'patternProperties'": {"type": "object", "patternProperties": {"^a": {"type": "integer"}}},
    "the format 'uri'": {"type": "string", "format": "uri"},
    r"the type \['integer', 'null'\]": {"type": ["integer", "null"]},
    "the reference '#/elsewhere'": {"$ref": "#/elsewhere"},
    "'anyOf' beside minimum": {"anyOf": [{"type": "integer"}], "minimum": 1},
    "limits without a type": {"minimum": 1},
    "the pattern": {"type": "string", "pattern": "("},
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_the_probe_does_not_understand_is_an_error_that_says_where(what: str) -> None:
    known = contract_of(event(a=int))
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": UNKNOWN[what]}}, "required": ["a"]}
    strange = Contract("Paid", 1, schema, schema)
    for old, new in ((known, strange), (strange, known)):
        with pytest.raises(Unsupported, match=f"at a.items: the probe does not understand {what}"):
            probe(old, new)
