"""A stored state opens as what it was, whatever it is made of; and it is the JSON that was always written."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AwareDatetime, BaseModel, Field, PlainSerializer, TypeAdapter

from agora.discovery import services
from agora.states import States

NOON = datetime(2030, 1, 1, 12, 30, 0, 1_500, tzinfo=UTC)


class Colour(Enum):
    RED = "red"


class Model(BaseModel):
    number: int = Field(alias="nr")


@dataclass(frozen=True, slots=True)
class Leaf:
    text: str
    at: AwareDatetime | None = None
    status: Literal["leaf"] = "leaf"


@dataclass(frozen=True, slots=True)
class Branch:
    leaves: tuple[Leaf, ...]
    by_name: dict[str, Leaf]
    squares: int = 2**70
    status: Literal["branch"] = "branch"


STATES: list[tuple[Any, Any]] = [
    (Leaf | Branch, Branch((Leaf('ü"\\\n\x00', NOON), Leaf("")), {"a": Leaf("b")})),
    (Annotated[Leaf | Branch, Field(discriminator="status")], Leaf("x")),
    (list[bytes], [b"plain", "ü".encode()]),
    (dict[str, float], {"a": 0.1, "b": 1e300, "c": -0.0}),
    (tuple[Decimal, UUID, date], (Decimal("1.10"), UUID(int=7), NOON.date())),
    (Colour, Colour.RED),
    (timedelta, timedelta(days=1, milliseconds=3)),
    (set[int], {3}),
    (Model, Model(nr=3)),
    (tuple[Annotated[int, PlainSerializer(hex)], ...], (255,)),
]


@pytest.mark.parametrize(("kind", "state"), STATES)
def test_it_writes_what_pydantic_would(kind: Any, state: Any) -> None:
    assert States(kind).written(state) == TypeAdapter(kind).dump_json(state)


@pytest.mark.parametrize(("kind", "state"), STATES[:-2])  # those two are written as nobody could read them
def test_it_reads_what_it_wrote(kind: Any, state: Any) -> None:
    states = States(kind)
    assert states.read(states.written(state)) == state


def test_every_service_begins_as_pydantic_would_write_it() -> None:
    for service in services():
        assert States(service.state).written(service.initial) == TypeAdapter(service.state).dump_json(service.initial)


@pytest.mark.parametrize("broken", [Leaf("\ud800"), Leaf(object())])  # type: ignore[arg-type]
def test_what_no_json_can_hold_is_refused(broken: Leaf) -> None:
    with pytest.raises((ValueError, TypeError)):
        States(Leaf).written(broken)
