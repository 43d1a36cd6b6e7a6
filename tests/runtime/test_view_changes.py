"""Changes folded in memory come to the same as changes written one by one."""

from collections.abc import AsyncGenerator, Sequence

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agora.changes import BadChange, Folded
from agora.decision import Append, Put, Remove
from agora.provision import Access
from agora.view import Add, Change, Patch
from agora.view_writes import write
from tests.runtime.gallery import Frame, Line, Title
from tests.runtime.view_fixtures import gallery_database

__all__ = ["gallery_database"]

COUNTERS = st.sampled_from(["a", "b"])
AMOUNTS = st.integers(-3, 3)
COLUMNS = {
    "note": st.sampled_from([None, "x", "y"]),
    "title": st.sampled_from(["x", "y"]),
    "added": AMOUNTS,
    "times": st.one_of(st.none(), AMOUNTS),
}
CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.builds(lambda key, columns: Put(Frame(key, **columns)), COUNTERS, st.fixed_dictionaries({}, optional=COLUMNS)),
    st.builds(lambda key: Remove(Frame, (key,)), COUNTERS),
    st.builds(
        lambda key, columns: Patch(Frame, (key,), columns), COUNTERS, st.fixed_dictionaries({}, optional=COLUMNS)
    ),
    st.builds(
        lambda key, columns: Add(Frame, (key,), columns),
        COUNTERS,
        st.fixed_dictionaries({}, optional={"added": AMOUNTS, "times": AMOUNTS}),
    ),
)


@pytest.fixture
async def people(gallery_database: Access) -> AsyncGenerator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(gallery_database.url)
    yield connection
    await connection.close()


async def written(
    connection: "asyncpg.Connection[asyncpg.Record]", *portions: Sequence[Change]
) -> list[tuple[object, ...]]:
    """The table after these portions, each folded by itself; then it is as it was before."""
    transaction = connection.transaction()
    await transaction.start()
    for portion in portions:
        folded = Folded()
        for change in portion:
            folded.take([change])
        await write(connection, folded)
    rows = await connection.fetch("SELECT counter, note, title, added, times FROM frames ORDER BY counter")
    await transaction.rollback()
    return [tuple(row) for row in rows]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(CHANGES, max_size=3), changes=st.lists(CHANGES, max_size=8))
async def test_folded_changes_come_to_the_same_as_changes_written_one_by_one(
    people: "asyncpg.Connection[asyncpg.Record]", before: list[Change], changes: list[Change]
) -> None:
    there = [[change] for change in before]
    assert await written(people, *there, changes) == await written(people, *there, *([one] for one in changes))


def test_many_additions_to_one_row_are_one_row_to_write() -> None:
    folded = Folded()
    for _ in range(2_000):
        folded.take([Add(Title, ("a",), {"times": 2}), Append(Line("a", 1, 1))])
    ((_, rows),) = folded.written(Title)
    assert rows == [Title("a", 4_000)]
    assert len(folded.appends[Line]) == 2_000


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Put(Line("a", 1, 1)), "nothing but rows to append"),
        (Append(Title("a")), "no append-only table"),
        (Patch(Title, ("a",), {"counter": "b"}), "no column counter to set"),
        (Patch(Title, ("a",), {"colour": "b"}), "no column colour to set"),
        (Patch(Title, ("a", "b"), {}), "has 1 key columns, not 2"),
        (Add(Frame, ("a",), {"title": 1}), "no integer column title"),
        (Add(Frame, ("a",), {"added": True}), "by what is no integer"),
    ],
)
def test_a_change_that_no_table_could_take_is_refused_and_nothing_of_its_event_is_folded_in(
    change: Change, why: str
) -> None:
    folded = Folded()
    with pytest.raises(BadChange, match=why):
        folded.take([Add(Title, ("a",), {"times": 1}), Append(Line("a", 1, 1)), change])
    assert folded.is_empty()
