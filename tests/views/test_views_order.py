"""Views come to the same in whatever order the streams are read, as long as each subject keeps its own order."""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import fields
from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agora.discovery import services
from agora.turns import members
from agora.view import Told, View
from services.gateway.views import VIEWS
from tests.views.told_market import heard_by, shown, small_market, told

by_name: Final[Callable[[View], str]] = lambda view: view.name  # noqa: E731 - what pytest calls them by

CHOOSY: Final = tuple(view for view in VIEWS if view.name not in {"feed", "agents"})  # these hear whatever there is


@pytest.fixture(scope="module")
async def everything() -> list[Told]:
    return told(await small_market())


def shuffled(everything: list[Told], chance: Random) -> list[Told]:
    """The same events in another order between subjects, and in the same one within each."""
    waiting: dict[tuple[str, str], deque[Told]] = defaultdict(deque)
    for one in everything:
        waiting[one.stream, one.subject].append(one)
    turns = [(one.stream, one.subject) for one in everything]
    chance.shuffle(turns)
    return [waiting[turn].popleft() for turn in turns]


@pytest.mark.parametrize("view", VIEWS, ids=by_name)
@given(chance=st.randoms(use_true_random=False))
def test_a_view_shows_the_same_in_whatever_order_the_streams_are_read(
    everything: list[Told], view: View, chance: Random
) -> None:
    assert shown(view, shuffled(everything, chance)) == shown(view, everything)


@pytest.mark.parametrize("view", VIEWS, ids=by_name)
def test_the_market_has_everything_a_view_shows(everything: list[Told], view: View) -> None:
    """Otherwise the test above would prove less than it says."""
    tables = shown(view, everything)
    assert tables.keys() == set(view.rows)
    for kind, rows in tables.items():
        written = [row for row in (rows if isinstance(rows, set) else rows.values()) if row is not None]
        for column in fields(kind):
            assert any(getattr(row, column.name) != column.default for row in written), column.name


def test_views_have_names_and_tables_of_their_own() -> None:
    assert len({view.name for view in VIEWS}) == len(VIEWS)
    tables = [kind.table for view in VIEWS for kind in view.rows]
    assert len(set(tables)) == len(tables)


@pytest.mark.parametrize("view", CHOOSY, ids=by_name)
def test_a_view_hears_nothing_in_a_stream_that_never_carries_it(everything: list[Told], view: View) -> None:
    """A view that waits for an event in the wrong stream would never show it."""
    told_here = {(one.stream, type(one.event)) for one in everything}
    missing = {(stream, event.__name__) for stream, events in heard_by(view) for event in events} - {
        (stream, event.__name__) for stream, event in told_here
    }
    assert {event for _, event in missing} <= {"RedriveParked", "SkipParked"}


def test_the_feed_hears_everything_that_any_service_says() -> None:
    (feed,) = (view for view in VIEWS if view.name == "feed")
    heard = {event for events in feed.hears.values() for event in events}
    assert {event for service in services() for event in members(service.publishes)} <= heard
