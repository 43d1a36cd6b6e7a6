"""A new version beside the one that is frozen: old records go through its upcast, old services may read it or not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agora.contracts import check as checking
from agora.contracts import known
from agora.contracts.impact import diff
from agora.event import Event, Subject
from market import buyers
from market.ids import BuyerId, TransactionId
from market.language import MarketEvent
from market.streams import TRANSACTIONS

Broken = dict[tuple[str, str, str], tuple[tuple[str, ...], tuple[str, ...]]]


class _Refused(MarketEvent):
    transaction: TransactionId
    buyer: BuyerId

    def concerns(self) -> tuple[Subject, ...]:
        return (TRANSACTIONS(self.transaction),)


def evolved(*, readable_since: int | None, upcast: Callable[[Any], dict[str, Any]], **fields: type) -> type[Event]:
    """``FundsRefused`` in its version 2, with these fields beside the ones that stay."""

    def upcast_method(cls: type[Event], old: Any) -> Event:
        return cls.model_validate({"transaction": old.transaction, "buyer": old.buyer, **upcast(old)})

    body = {"__annotations__": fields, "upcast": classmethod(upcast_method), "__module__": __name__}
    make: Any = type(_Refused)
    return make(
        "FundsRefused", (_Refused,), body, version=2, replaces=buyers.FundsRefused, readable_since=readable_since
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    checking.freeze(tmp_path)
    return tmp_path


def released(event: type[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the code knows this version of an event."""
    now = tuple(event if one.__name__ == event.__name__ else one for one in known.current())
    monkeypatch.setattr(known, "current", lambda: now)


def broken(root: Path) -> Broken:
    return {
        (one.event, one.broken.field, one.broken.direction): (one.breaks, one.cannot_open) for one in diff(root).impacts
    }


def test_a_version_that_adds_a_field_and_can_be_read_as_the_one_before_breaks_nobody(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = evolved(readable_since=1, upcast=lambda old: {"reason": old.reason, "short": 0}, reason=str, short=int)
    released(added, monkeypatch)
    assert [change.event for change in diff(root).changes] == ["FundsRefused.v2"]
    assert broken(root) == {}
    assert [name.partition("/")[0] for name in checking.freeze(root)] == ["FundsRefused.v2"] * 4
    assert checking.freeze(root) == []
    assert diff(root).changes == ()


def test_a_version_that_cannot_be_read_as_the_one_before_stops_older_services(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = evolved(readable_since=None, upcast=lambda old: {"why": old.reason}, why=str)
    released(renamed, monkeypatch)
    assert broken(root) == {("FundsRefused.v2", "", "forward"): (("transaction",), ())}


def test_a_version_that_says_it_can_be_read_as_the_one_before_is_held_to_it(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = evolved(readable_since=1, upcast=lambda old: {"why": old.reason}, why=str)
    released(renamed, monkeypatch)
    assert broken(root) == {("FundsRefused.v2", "reason", "forward"): (("transaction",), ())}


def test_an_upcast_that_fails_breaks_whoever_hears_the_event(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = evolved(readable_since=1, upcast=lambda _: {}, reason=str)
    released(failing, monkeypatch)
    assert {(direction, breaks or others) for (_, _, direction), (breaks, others) in broken(root).items()} == {
        ("backward", ("transaction",))
    }
