"""What the probe writes meets every limit and takes every choice, always, and stays within the schema."""

from datetime import datetime
from typing import Any, Literal

import jsonschema_rs
import pytest
from pydantic import BaseModel

from agora.contracts.probe.both_ways import records
from agora.contracts.probe.logged import logged
from agora.contracts.probe.nodes import Document
from agora.contracts.probe.scalars import Reach
from agora.contracts.probe.values import Values
from agora.contracts.schema import contract_of
from tests.contracts.small_events import CARD, CASH, MONEY, event, limited, part, told_apart


class Tree(BaseModel):
    """An object that may hold itself."""

    kids: "list[Tree]" = []
    parent: "Tree | None" = None


def said(kind: Any) -> list[Any]:
    """What the one field of an event takes on, without any chance."""
    document = Document(logged(contract_of(event(a=kind))))
    return [made["a"] for made in Values(document, Reach.past(document)).documents() if "a" in made]


MUST: dict[str, tuple[Any, list[Any]]] = {
    "an enum": (Literal["x", "y", "z"], ["x", "y", "z"]),
    "a range": (limited(int, ge=3, le=900), [3, 4, 899, 900]),
    "a range without its ends": (limited(int, gt=3, lt=900), [4, 899]),
    "a tight range": (limited(int, ge=7, le=7), [7]),
    "no range": (int, [0, 1, -1, 2**63, -(2**63) - 1]),
    "fractions": (limited(float, ge=0, le=1), [0, 1, 0.5, 0.25]),
    "multiples": (limited(int, multiple_of=5, ge=1, le=99), [5, 95]),
    "yes or no": (bool, [True, False]),
    "text of some length": (limited(str, min_length=2, max_length=9), ["aa", "aaaaaaaaa"]),
    "text with a pattern": (limited(str, pattern="^T-[0-9]+$", max_length=20), ["T-0"]),
    "a list": (limited(list[int], max_length=50), [[], [1], [1, 1, 1], [1] * 50]),
    "a list that needs items": (limited(list[int], min_length=2, max_length=4), [[1, 1], [1] * 4, [0, 1]]),
    "a list without places": (tuple[()], [[]]),
    "a set": (limited(set[int], max_length=30), [[], [1]]),
    "something or null": (MONEY | None, [None, {"minor": 1}, {"minor": 0}]),
    "ways to pay": (told_apart(CARD, CASH), [{"kind": "card", "token": "a"}, {"kind": "cash", "till": 1}]),
    "a mapping": (limited(dict[str, int], max_length=20), [{}, {"a": 1}]),
    "a time": (datetime, ["2030-01-02T03:04:05Z", "2030-01-02T03:04:05.678901Z", "2030-01-02T03:04:05+02:00"]),
}
LONGEST: dict[str, tuple[Any, int]] = {
    "a list of a thousand objects": (limited(tuple[MONEY, ...], max_length=1_000), 1_000),
    "a set of a thousand numbers": (limited(frozenset[int], max_length=1_000), 1_000),
    "a set of a thousand texts": (limited(frozenset[limited(str, min_length=1)], max_length=1_000), 1_000),
    "a set of all there are": (limited(frozenset[Literal["x", "y"]], max_length=1_000), 2),
    "a mapping": (limited(dict[str, int], max_length=300), 300),
    "a long text": (limited(str, max_length=400_000), 400_000),
    "a long text with a pattern": (limited(str, pattern="^[ -~]+$", max_length=100), 100),
    "a code that may be longer": (limited(str, pattern="^[A-Z]{2}(-[0-9]{3})*$", max_length=30), 30),
    "a list no record has room for": (limited(list[bool], max_length=10**9), 450_000),
}


@pytest.mark.parametrize("what", MUST)
def test_every_limit_is_met_and_every_choice_taken(what: str) -> None:
    kind, expected = MUST[what]
    made = said(kind)
    assert [one for one in expected if one not in made] == []


@pytest.mark.parametrize("what", LONGEST)
def test_the_longest_is_said(what: str) -> None:
    kind, longest = LONGEST[what]
    assert max(map(len, said(kind))) == longest


def test_every_character_that_a_pattern_lets_through_is_said() -> None:
    printable = {chr(code) for code in range(0x20, 0x7F)}
    assert set("".join(said(limited(str, pattern="^[ -~]+$", max_length=100)))) == printable
    assert set("".join(said(limited(str, pattern="^[A-Z]{3}$")))) == set("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert printable <= set("".join(said(limited(str, max_length=10))))


def test_each_optional_field_is_there_missing_and_null_at_any_depth() -> None:
    inner = part("Address", city=(str | None, None), code=str)
    made = said(limited(list[inner], max_length=3))
    assert [{"city": None, "code": "a"}] in made
    assert [{"code": "a"}] in made
    assert [{"city": "a", "code": "a"}] in made


def test_all_optional_fields_are_missing_at_once() -> None:
    made = said(part("Address", a=int, b=(int, 0), c=(str, "")))
    assert {"a": 1} in made
    assert {"a": 1, "c": "a"} in made
    assert {"a": 1, "b": 1} in made


def test_an_object_that_may_hold_itself_comes_to_an_end() -> None:
    made = said(Tree)
    assert any(one.get("parent") and one["parent"].get("parent") for one in made)
    assert any(one.get("kids") and one["kids"][0].get("kids") for one in made)


def test_values_go_past_the_limits_of_the_version_that_reads_them() -> None:
    free = event(a=int, b=str, c=list[int])
    bounded = event(a=limited(int, le=10**25), b=limited(str, max_length=7_000), c=limited(list[int], max_length=80))
    made = records(contract_of(free), reader=contract_of(bounded))
    assert max(one["a"] for one in made) > 10**25
    assert max(len(one["b"]) for one in made) == 7_001
    assert max(len(one["c"]) for one in made) == 81


def test_chance_adds_records_in_which_several_fields_vary() -> None:
    contract = contract_of(event(a=int, b=str))
    made = records(contract)
    assert sum(one["a"] != 1 and one["b"] != "a" for one in made) > 5
    assert records(contract) == made


@pytest.mark.parametrize("what", [*MUST, *LONGEST])
def test_whatever_is_said_fits_the_schema(what: str) -> None:
    contract = contract_of(event(a=(MUST.get(what) or LONGEST[what])[0], b=(int, 0)))
    check = jsonschema_rs.Draft202012Validator(contract.written, validate_formats=True)
    for made in records(contract):
        assert check.is_valid({"b": 0, **made})
