"""Nothing is said that the frozen contract does not allow, whatever the class has become since."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agora.contracts.guard import promises
from agora.contracts.schema import canonical, contract_of
from agora.promise import ContractBroken
from market.ids import ProductId, TransactionId
from market.money import Money
from market.products import StockReserved
from market.transactions import OrderReserved

SAID = StockReserved(transaction=TransactionId("T"), product=ProductId("P"), quantity=3)


def frozen(root: Path, change: Callable[[dict[str, Any]], Any] = lambda _: None) -> Path:
    """A contract of ``StockReserved`` that was frozen at a time when it was otherwise by this change."""
    schema: dict[str, Any] = json.loads(json.dumps(contract_of(StockReserved).written))
    change(schema)
    folder = root / StockReserved.wire_name
    folder.mkdir()
    (folder / "written.json").write_text(canonical(schema), encoding="utf-8")
    return root


def test_what_the_contract_allows_is_said(tmp_path: Path) -> None:
    said = promises(frozen(tmp_path)).written(SAID)
    assert json.loads(said) == {"transaction": "T", "product": "P", "quantity": 3}


def test_an_event_that_was_never_frozen_is_held_to_its_class(tmp_path: Path) -> None:
    assert promises(tmp_path).written(SAID)
    with pytest.raises(ContractBroken, match=r"StockReserved\.v1 breaks its contract: quantity: "):
        promises(tmp_path).written(SAID.model_copy(update={"quantity": 0}))


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a field added since": (lambda schema: schema["properties"].pop("quantity"), "quantity"),
    "a field taken away since": (lambda schema: schema["required"].append("shelf"), "shelf"),
    "a range widened since": (lambda schema: schema["properties"]["quantity"].update(maximum=2), "quantity"),
    "another type since": (lambda schema: schema["properties"]["quantity"].update(type="string"), "quantity"),
}


@pytest.mark.parametrize(("change", "field"), CHANGES.values(), ids=CHANGES)
def test_a_class_that_was_changed_is_held_to_what_was_frozen(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], field: str
) -> None:
    with pytest.raises(ContractBroken, match=field):
        promises(frozen(tmp_path, change)).written(SAID)


def test_a_changed_class_may_still_say_what_the_contract_allows(tmp_path: Path) -> None:
    root = frozen(tmp_path, lambda schema: schema["properties"]["quantity"].update(maximum=3))
    assert promises(root).written(SAID)


def test_what_is_nested_is_held_to_the_contract_too() -> None:
    reserved = OrderReserved.model_validate_json(
        '{"transaction": "T", "buyer": "B", "total": {"minor": 1, "currency": "GBP"},'
        ' "payment": {"method": "credit", "instalments": 1, "token": "t"}}'
    )
    assert promises().written(reserved)
    with pytest.raises(ContractBroken, match=r"total\.currency"):
        promises().written(reserved.model_copy(update={"total": Money(1, "pounds")}))
